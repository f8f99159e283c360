"""The cube on the sky, seen face-on and along one line of sight, linked by a distance and a direction."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import traitlets
import xarray as xr

from milkyway_cnn import cube as cubes
from milkyway_cnn import diagrams
from milkyway_cnn.comparison import tracers
from milkyway_cnn.figures import Figure
from milkyway_widgets._live import View, cell_sliders, join, model, selection
from milkyway_widgets.cube_picture import picture
from milkyway_widgets.cube_state import CubeState

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["CubeViewer"]


class CubeViewer(View):
    """Look at a cube: drag the distance, click the sky or the Galaxy; each view follows.

    Parameters
    ----------
    cube
        What `milkyway_cnn.cube.build` made or `load` read; `cube.within` gives its nearer part.
    beside
        A second cube of the same cells, such as the truth, to switch to, to blink with, or to see beside.
    names
        What the two are called.
    b_max
        Face-on, the mean is taken over |b| <= b_max (deg); by default over all latitudes.
    observed
        `diagrams.observe_cells` of the same cells, to show the diagram of the one looked at.
    tracers
        Tables of `comparison.tracers` by name, to be laid over the maps.

    Attributes
    ----------
    state
        `CubeState`: set its `to`, `cell` or `shown`, or call its `look`, to do what the mouse does.
    widget
        The widget, for a layout of your own.
    """

    def __init__(
        self,
        cube: xr.Dataset,
        beside: xr.Dataset | None = None,
        *,
        names: tuple[str, str] = ("map", "truth"),
        b_max: float | None = None,
        observed: xr.Dataset | None = None,
        tracers: Mapping[str, Table] | None = None,
        made: str = "CubeViewer(cube)",
        run: str | os.PathLike[str] = "",
    ) -> None:
        both = {names[0]: cube} if beside is None else {names[0]: cube, names[1]: beside}
        super().__init__(CubeState(both, b_max=b_max, observed=observed, tracers=tracers), made, run)

    @classmethod
    def of(cls, run: str | os.PathLike[str], **options: Any) -> Self:
        """View the map of a run, with its diagrams and, where they are known, the truth, tracers and spiral arms.

        Raises
        ------
        InputError
            When the folder holds no cube.
        """
        folder = Path(run)
        dust = cubes.load(folder / "cube" / "cube.zarr")
        truth, counted = folder / "catalog" / "truth.zarr", folder / "catalog" / "diagrams.zarr"
        overlays = folder / "maps" / "tracers.ecsv"
        reach = float(dust["distance_edges"].values[-1])
        words = ", ".join([repr(str(run)), *(f"{name}={name}" for name in options)])
        told = "" if options else run  # no command line has such objects
        options.setdefault("beside", cubes.within(cubes.load(truth), reach) if truth.exists() else None)
        options.setdefault("observed", diagrams.load(counted).load() if counted.exists() else None)
        options.setdefault("tracers", tracers.load(overlays) if overlays.exists() else None)
        return cls(dust, made=f"{cls.__name__}.of({words})", run=told, **options)

    def picture(self) -> Figure:
        """Draw the present state."""
        return picture(self.state)

    def live(self) -> Any:
        """Return Bokeh figures of the present state, with their `layout`."""
        from milkyway_widgets.cube_figures import CubeFigures

        return CubeFigures(self.state)

    @cached_property
    def widget(self) -> Any:
        """The live view, made when first asked for."""
        import ipywidgets

        state, figures = self.state, self.live()
        state.observe(lambda change: figures.update(change["name"]), list(state.SHOWN))
        distances = [(f"{edge:.2f} kpc", float(edge)) for edge in state.edges[1:]]
        distance = selection(distances, "to distance", "640px")
        traitlets.link((state, "to"), (distance, "value"))
        columns, rows = cell_sliders(state.l, state.b)
        join(state, "cell", (rows, columns))
        controls = [distance, ipywidgets.HBox([columns, rows])]
        choices = self._choices()
        controls += [ipywidgets.HBox(choices)] if choices else []
        return ipywidgets.VBox([*controls, model(figures.layout), self.code_button()])

    def _choices(self) -> list[Any]:
        import ipywidgets

        state, choices = self.state, []
        if len(state.cubes) > 1:
            shown = ipywidgets.ToggleButtons(
                options=list(state.cubes), tooltips=["Show this map"] * len(state.cubes), style={"button_width": "80px"}
            )
            beside = ipywidgets.ToggleButton(
                description="beside", tooltip="The next map, too", layout={"width": "80px"}
            )
            traitlets.link((state, "shown"), (shown, "value"))
            traitlets.link((state, "beside"), (beside, "value"))
            blink = ipywidgets.Play(
                tooltip="Show the maps in turn", min=0, max=len(state.cubes) - 1, interval=800, show_repeat=False
            )
            blink.repeat = True
            blink.observe(lambda change: state.set_trait("shown", list(state.cubes)[change["new"]]), "value")
            choices += [shown, beside, ipywidgets.Label("blink"), blink]
        if len(state.quantities) > 1:
            quantity = ipywidgets.Dropdown(options=list(state.quantities), description="on the sky")
            traitlets.link((state, "quantity"), (quantity, "value"))
            choices.append(quantity)
        if state.tracers:
            overlays = ipywidgets.SelectMultiple(options=list(state.tracers), description="overlays", rows=3)
            traitlets.link((state, "overlays"), (overlays, "value"))
            choices.append(overlays)
        return choices
