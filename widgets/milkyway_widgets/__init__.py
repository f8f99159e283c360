"""Interactive views of the products of milkyway_cnn; executed without a browser they are pictures."""

from milkyway_widgets.cube_viewer import CubeViewer
from milkyway_widgets.diagram_inspector import DiagramInspector
from milkyway_widgets.profile_explorer import CloudViewer, ProfileExplorer
from milkyway_widgets.run_browser import RunBrowser
from milkyway_widgets.sightline_picker import SightlinePicker
from milkyway_widgets.training_monitor import TrainingMonitor

__all__ = [
    "CloudViewer",
    "CubeViewer",
    "DiagramInspector",
    "ProfileExplorer",
    "RunBrowser",
    "SightlinePicker",
    "TrainingMonitor",
]
