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
from milkyway_cnn import diagrams
from milkyway_cnn.errors import InputError
from milkyway_cnn.figures import EXTINCTION, Figure, in_longitude, largest
from milkyway_cnn.maps.profiles import cell_of
from milkyway_cnn.maps.sky import draw_sky
from milkyway_cnn.plots import STARS, stars_per_square_degree
from milkyway_widgets._live import View, cell_sliders, model
from milkyway_widgets._plot import COUNTS, DUST, frame
from milkyway_widgets.cube_figures import WIDTH
from milkyway_widgets.cube_state import MARK

__all__ = ["PickerState", "SightlinePicker"]

#: What can be behind the cells: label, and colors of the live view and of the picture.
SKIES = {"A_V": ("A_V (mag)", DUST, EXTINCTION), "stars": ("1000 stars / deg²", COUNTS, STARS)}


class PickerState(traitlets.HasTraits):
    """Sightlines picked among the cells of a map.

    Parameters
    ----------
    products
        A cube, diagrams of `diagrams.observe_cells`, or both.
    """

    SHOWN = ("sky", "picked")

    #: What is seen behind the cells: `A_V` to the end of the cube, or `stars` of the diagrams.
    sky = traitlets.Unicode()
    #: Directions (l, b) of the middles of the cells (deg), in the order in which they were picked.
    picked = traitlets.Tuple()

    def __init__(self, *products: xr.Dataset) -> None:
        self.skies: dict[str, xr.DataArray] = {}
        for product in products:
            if "A_V" in product:
                field = product["A_V"].isel(distance=-1).transpose("b", "l")
                self.skies["A_V"] = field.assign_attrs(cell_deg=product.attrs["cell_deg"])
            else:
                counts = stars_per_square_degree(diagrams.over_channels(product)) / 1e3
                self.skies["stars"] = counts.assign_attrs(cell_deg=diagrams.grid_of(product).cell)
        super().__init__(sky=next(iter(self.skies)))

    @property
    def field(self) -> xr.DataArray:
        """What is seen, (b, l), with the width `cell_deg` of a cell."""
        return self.skies[self.sky]

    @traitlets.validate("sky")
    def _known(self, proposal: Any) -> str:
        if proposal["value"] not in self.skies:
            msg = f"there is no sky {proposal['value']!r}; choose from {', '.join(self.skies)}"
            raise traitlets.TraitError(msg)
        return str(proposal["value"])

    @traitlets.validate("picked")
    def _middles(self, proposal: Any) -> tuple[tuple[float, float], ...]:
        return tuple(dict.fromkeys(self._middle(l, b) for l, b in proposal["value"]))

    def _middle(self, l: float, b: float) -> tuple[float, float]:
        row, place = cell_of(self.field, l, b)
        return float(self.field["l"][place]), float(self.field["b"][row])

    def pick(self, l: float, b: float) -> None:
        """Pick the cell that holds a direction (deg), or let it go if it is picked; beside the map nothing happens."""
        try:
            middle = self._middle(l, b)
        except InputError:
            return
        rest = tuple(other for other in self.picked if other != middle)
        self.picked = rest if middle in self.picked else (*rest, middle)


class SightlinePicker(View):
    """Click on the sky to pick sightlines, and once more to let them go; `sightlines` are then those that were picked.

    Parameters
    ----------
    products
        As for `PickerState`; the first is shown first.
    """

    def __init__(self, *products: xr.Dataset, made: str = "SightlinePicker(cube)", run: Any = "") -> None:
        super().__init__(PickerState(*products), made, run)

    @classmethod
    def of(cls, run: str | os.PathLike[str]) -> Self:
        """Pick among the cells of a run's map, or of its diagrams.

        Raises
        ------
        InputError
            When the folder holds neither.
        """
        dust, counted = Path(run) / "cube" / "cube.zarr", Path(run) / "catalog" / "diagrams.zarr"
        products = [load(path) for load, path in ((cubes.load, dust), (diagrams.load, counted)) if path.exists()]
        if not products:
            msg = f"there are neither a cube nor diagrams in {run}; give the folder of a run"
            raise InputError(msg)
        return cls(*products, made=f"SightlinePicker.of({str(run)!r})", run=run)

    @property
    def sightlines(self) -> list[tuple[float, float]]:
        """The directions (l, b) picked (deg)."""
        return list(self.state.picked)

    def live(self) -> Any:
        """Return the Bokeh figure as `layout`, and the source of what is picked."""
        state = self.state
        field, cell = state.field, state.field.attrs["cell_deg"]
        l, b = field["l"].values - cell / 2, field["b"].values - cell / 2
        wide, high = cell * l.size, cell * b.size
        height = min(max(WIDTH * high / (wide * np.cos(np.radians(b.mean()))), 60), 600)
        labels = ("Galactic longitude l (deg)", "b (deg)")
        plot = frame((WIDTH, height), (l[0] + wide, l[0]), (b[0], b[0] + high), labels, name="picker")
        colors = LinearColorMapper(DUST, low=0, nan_color="#cccccc")
        sky = ColumnDataSource(
            {"image": [field.values], "x": [l[0]], "y": [b[0]], "dw": [wide], "dh": [high]}, name="picker sky data"
        )
        plot.image("image", x="x", y="y", dw="dw", dh="dh", source=sky, color_mapper=colors)
        bar = ColorBar(color_mapper=colors, width=12)
        plot.add_layout(bar, "right")
        source = ColumnDataSource({"l": [], "b": []}, name="picked data")
        plot.scatter("l", "b", source=source, size=12, marker="square", fill_color=None, line_color=MARK, line_width=2)

        def show(_: Any = None) -> None:
            source.data = {"l": [l for l, _ in state.picked], "b": [b for _, b in state.picked]}

        def paint(_: Any = None) -> None:
            sky.data = {**sky.data, "image": [state.field.values.astype(np.float32)]}
            bar.title, colors.palette, _ = SKIES[state.sky]
            colors.high = largest(state.field)

        show()
        paint()
        state.observe(show, "picked")
        state.observe(paint, "sky")
        plot.on_event(Tap, lambda event: state.pick(event.x, event.y))
        return SimpleNamespace(layout=plot, picked=source, sky=sky)

    def picture(self) -> Figure:
        """Draw the map with the sightlines."""
        field = self.state.field
        label, _, cmap = SKIES[self.state.sky]
        figure = Figure(9.0, 3.2)
        axes = figure.subplots()
        image = draw_sky(axes, field, field.attrs["cell_deg"], PowerNorm(0.5, 0.0, largest(field)))
        image.set_cmap(cmap)
        for number, (l, b) in enumerate(self.state.picked, 1):
            axes.plot(l, b, "s", markerfacecolor="none", markeredgecolor=MARK)
            axes.annotate(f"{number}", (l, b), (4, 4), textcoords="offset points", color=MARK)
        in_longitude(axes.xaxis)
        axes.set_ylabel("$b$ (deg)")
        figure.colorbar(image, ax=axes, label=label, fraction=0.03, pad=0.015)
        return figure

    @cached_property
    def widget(self) -> Any:
        """The live view, made when first asked for; sliders and buttons do what the mouse does."""
        import ipywidgets

        state, figure = self.state, self.live()
        columns, rows = cell_sliders(state.field["l"].values, state.field["b"].values)
        pick = ipywidgets.Button(description="pick or let go", tooltip="The cell at this longitude and latitude")
        none = ipywidgets.Button(description="let all go", tooltip="Pick anew")
        pick.on_click(lambda _: state.pick(float(state.field["l"][columns.value]), float(state.field["b"][rows.value])))
        none.on_click(lambda _: state.set_trait("picked", ()))
        line = ipywidgets.HTML()

        def show(_: Any = None) -> None:
            line.value = ", ".join(f"({l % 360:g}, {b:g})" for l, b in state.picked) or "click on the map"

        show()
        state.observe(show, "picked")
        chosen = ipywidgets.ToggleButtons(options=list(state.skies), description="sky")
        traitlets.link((state, "sky"), (chosen, "value"))
        boxes = [ipywidgets.HBox([columns, rows]), ipywidgets.HBox([pick, none])]
        boxes = [chosen, *boxes] if len(state.skies) > 1 else boxes
        return ipywidgets.VBox([*boxes, model(figure.layout), line, self.code_button()])
