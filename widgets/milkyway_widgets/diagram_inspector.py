"""The examples of a stored sample: channels, bare, dusty and their difference, and the stars behind a pixel."""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import traitlets
import xarray as xr
from bokeh.layouts import column, row

from milkyway_cnn import samples
from milkyway_cnn.figures import Figure
from milkyway_cnn.mock_sightline import MockSightline
from milkyway_cnn.nn import Network
from milkyway_cnn.surveys.diagrams import Diagram
from milkyway_widgets._live import View, join, model, selection, slider
from milkyway_widgets.sightline_figures import SightlineFigures
from milkyway_widgets.sightline_picture import draw_diagram, draw_profiles, draw_stars
from milkyway_widgets.sightline_state import VIEWS, SightlineState

__all__ = ["DiagramInspector", "InspectorState", "pixel_sliders"]


class InspectorState(SightlineState):
    """An example of a stored sample, its stars drawn anew behind the same dust, so that each of them is known.

    Parameters
    ----------
    sample
        See `samples.load`.
    network
        That reads a profile from the diagrams; none: no answer.
    """

    SHOWN = ("example", "channel", "view", "pixel")

    #: Number of the example in the sample.
    example = traitlets.Int(0, min=0)

    def __init__(self, sample: xr.Dataset, network: Network | None = None) -> None:
        self.sample, self._stream = sample, json.loads(sample.attrs["stream"])
        self._made: dict[int, list[MockSightline]] = {}
        super().__init__(self._sightlines(int(sample["sightline"][0])), network, sample["delta_A_V"][0].values)

    @traitlets.validate("example")
    def _in_sample(self, proposal: Any) -> int:
        return min(max(int(proposal["value"]), 0), self.sample.sizes["example"] - 1)

    @traitlets.observe("example")
    def _take(self, _: Any) -> None:
        example = self.sample.isel(example=self.example)
        self.sightlines = {made.kind.name: made for made in self._sightlines(int(example["sightline"]))}
        self.delta_A_V = example["delta_A_V"].values

    def _sightlines(self, number: int) -> list[MockSightline]:
        if number not in self._made:
            made, (l, b) = self._stream, self._stream["sightlines"][number]
            side = float(np.sqrt(made["solid_angle"][number] / np.cos(np.radians(b))))
            kinds = [Diagram.of(kind) for kind in made["diagrams"]]
            common = {
                "cell": side,
                "seed": made["seed"],
                "law": made["law"],
                "R_V": made["R_V"],
                "galaxy": made["galaxy"],
            }
            edges = np.array(made["edges"], np.float32)
            self._made[number] = [MockSightline(l, b, edges, kind=kind, **common) for kind in kinds]
        return self._made[number]


class InspectorFigures(SightlineFigures):
    """The figures of a sightline, two beside two."""

    def __init__(self, state: InspectorState) -> None:
        super().__init__(state)
        self.layout = column(row(self.diagram, self.stars), row(self.total, self.density))


class DiagramInspector(View):
    """Look into the diagrams of a sample: step through examples, and click on a pixel for its stars.

    Parameters
    ----------
    sample, network
        As for `InspectorState`.
    """

    def __init__(self, sample: xr.Dataset, network: Network | None = None, *, made: str = "", run: Any = "") -> None:
        super().__init__(InspectorState(sample, network), made or "DiagramInspector(sample, network)", run)

    @classmethod
    def of(cls, run: str | os.PathLike[str]) -> Self:
        """Inspect the test sample of a run, beside the answers of its network."""
        path = Path(run) / "network" / "network.npz"
        network = Network.load(path) if path.exists() else None
        sample = samples.load(Path(run) / "sample" / "test.zarr")
        return cls(sample, network, made=f"DiagramInspector.of({str(run)!r})", run=run)

    def live(self) -> InspectorFigures:
        """Return Bokeh figures of the present state, with their `layout`."""
        return InspectorFigures(self.state)

    def picture(self) -> Figure:
        """Draw the present state."""
        figure = Figure(12.0, 7.6)
        (diagram, stars), (total, density) = figure.subplots(2, 2)
        draw_diagram(diagram, self.state)
        draw_stars(stars, self.state)
        draw_profiles(total, density, self.state)
        return figure

    @cached_property
    def widget(self) -> Any:
        """The live view, made when first asked for."""
        import ipywidgets

        state, figures = self.state, self.live()
        example = slider(state, "example", 0, state.sample.sizes["example"] - 1, 1, "example")
        view = ipywidgets.ToggleButtons(options=list(VIEWS), description="diagram")
        channel = ipywidgets.Dropdown(options=list(state.sightlines), description="channel")
        for name, control in (("view", view), ("channel", channel)):
            traitlets.link((state, name), (control, "value"))
        state.observe(lambda _: figures.update(), ["delta_A_V", "channel", "view", "pixel"])
        shown = [channel] if len(state.sightlines) > 1 else []
        return ipywidgets.VBox([example, *shown, view, pixel_sliders(state), model(figures.layout), self.code_button()])


def pixel_sliders(state: SightlineState) -> Any:
    """Make sliders over the columns and rows of a diagram: what a click on a pixel does; `all` is every star."""
    import ipywidgets

    numbers = [("all", -1), *((str(i), i) for i in range(state.sightline.kind.axes.pixels))]
    row, column = controls = [selection(numbers, f"pixel's {axis}", "350px") for axis in ("magnitude", "color")]

    def read(chosen: tuple[int, int]) -> tuple[int, int] | None:
        if chosen == (-1, -1):
            return None
        return chosen if min(chosen) >= 0 else state.pixel  # one of them is yet to be chosen

    join(state, "pixel", controls, read, lambda pixel: pixel or (-1, -1))
    return ipywidgets.HBox([column, row])
