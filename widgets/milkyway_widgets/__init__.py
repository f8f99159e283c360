"""Interactive views of the products of milkyway_cnn; executed without a browser they are pictures."""

from milkyway_widgets.cube_viewer import CubeViewer
from milkyway_widgets.profile_explorer import CloudViewer, ProfileExplorer
from milkyway_widgets.training_monitor import TrainingMonitor

__all__ = ["CloudViewer", "CubeViewer", "ProfileExplorer", "TrainingMonitor"]
