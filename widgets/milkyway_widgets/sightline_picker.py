"""Pick sightlines on a map of the sky."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import traitlets
import xarray as xr
from bokeh.events import Tap
from bokeh.models import ColorBar, ColumnDataSource, LinearColorMapper
from matplotlib.colors import PowerNorm

from milkyway_cnn import cube as cubes
from milkyway_cnn.errors import InputError
from milkyway_cnn.figures import Figure, in_longitude, largest
from milkyway_cnn.maps.profiles import cell_of
from milkyway_cnn.maps.sky import draw_sky
from milkyway_widgets._live import View, model
from milkyway_widgets._plot import DUST, frame
from milkyway_widgets.cube_figures import WIDTH
from milkyway_widgets.cube_state import MARK

__all__ = ["PickerState", "SightlinePicker"]


class PickerState(traitlets.HasTraits):
    """Sightlines picked among the cells of a cube."""

    SHOWN = ("picked",)

    #: Directions (l, b) of the middles of the cells (deg), in the order in which they were picked.
    picked = traitlets.Tuple()

    def __init__(self, cube: xr.Dataset) -> None:
        self.cube = cube
        super().__init__()

    @traitlets.validate("picked")
    def _middles(self, proposal: Any) -> tuple[tuple[float, float], ...]:
        cells = [cell_of(self.cube, l, b) for l, b in proposal["value"]]
        l, b = self.cube["l"].values, self.cube["b"].values
        return tuple(dict.fromkeys((float(l[place]), float(b[row])) for row, place in cells))

    def pick(self, l: float, b: float) -> None:
        """Pick the cell that holds a direction (deg), or let it go if it is picked; beside the map nothing happens."""
        try:
            row, place = cell_of(self.cube, l, b)
        except InputError:
            return
        middle = float(self.cube["l"][place]), float(self.cube["b"][row])
        rest = tuple(other for other in self.picked if other != middle)
        self.picked = rest if middle in self.picked else (*rest, middle)


class SightlinePicker(View):
    """Click on the sky to pick sightlines, and once more to let them go; `sightlines` are then those that were picked.

    Parameters
    ----------
    cube
        A cube; its A_V to the end is the background.
    """

    def __init__(self, cube: xr.Dataset, *, made: str = "SightlinePicker(cube)", run: Any = "") -> None:
        super().__init__(PickerState(cube), made, run)

    @classmethod
    def of(cls, run: str | os.PathLike[str]) -> Self:
        """Pick among the cells of a run's map."""
        dust = cubes.load(Path(run) / "cube" / "cube.zarr")
        return cls(dust, made=f"SightlinePicker.of({str(run)!r})", run=run)

    @property
    def sightlines(self) -> list[tuple[float, float]]:
        """The directions (l, b) picked (deg)."""
        return list(self.state.picked)

    def _field(self) -> xr.DataArray:
        return self.state.cube["A_V"].isel(distance=-1).transpose("b", "l")

    def live(self) -> Any:
        """Return the Bokeh figure as `layout`, and the source of what is picked."""
        field, cell = self._field(), self.state.cube.attrs["cell_deg"]
        l, b = field["l"].values - cell / 2, field["b"].values - cell / 2
        wide, high = cell * l.size, cell * b.size
        height = min(max(WIDTH * high / (wide * np.cos(np.radians(b.mean()))), 60), 600)
        labels = ("Galactic longitude l (deg)", "b (deg)")
        plot = frame((WIDTH, height), (l[0] + wide, l[0]), (b[0], b[0] + high), labels, name="picker")
        colors = LinearColorMapper(DUST, low=0, high=largest(field), nan_color="#cccccc")
        plot.image([field.values], x=l[0], y=b[0], dw=wide, dh=high, color_mapper=colors)
        plot.add_layout(ColorBar(color_mapper=colors, width=12), "right")
        source = ColumnDataSource({"l": [], "b": []}, name="picked data")
        plot.scatter("l", "b", source=source, size=12, marker="square", fill_color=None, line_color=MARK, line_width=2)

        def show(_: Any = None) -> None:
            source.data = {"l": [l for l, _ in self.state.picked], "b": [b for _, b in self.state.picked]}

        show()
        self.state.observe(show, "picked")
        plot.on_event(Tap, lambda event: self.state.pick(event.x, event.y))
        return SimpleNamespace(layout=plot, picked=source)

    def picture(self) -> Figure:
        """Draw the map with the sightlines."""
        field = self._field()
        figure = Figure(9.0, 3.2)
        axes = figure.subplots()
        image = draw_sky(axes, field, self.state.cube.attrs["cell_deg"], PowerNorm(0.5, 0.0, largest(field)))
        for l, b in self.state.picked:
            axes.plot(l, b, "s", markerfacecolor="none", markeredgecolor=MARK)
        in_longitude(axes.xaxis)
        axes.set_ylabel("$b$ (deg)")
        figure.colorbar(image, ax=axes, label="$A_V$ (mag)", fraction=0.03, pad=0.015)
        return figure

    @cached_property
    def widget(self) -> Any:
        """The live view, made when first asked for."""
        import ipywidgets

        line = ipywidgets.HTML("click on the map")

        def show(_: Any) -> None:
            line.value = ", ".join(f"({l % 360:g}, {b:g})" for l, b in self.state.picked) or "click on the map"

        self.state.observe(show, "picked")
        return ipywidgets.VBox([model(self.live().layout), line, self.code_button()])
