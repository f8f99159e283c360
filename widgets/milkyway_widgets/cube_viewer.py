"""The cube on the sky, seen face-on and along one line of sight, linked by a distance and a direction."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import traitlets
import xarray as xr
from matplotlib.colors import PowerNorm

from milkyway_cnn.figures import FIRST, Figure, in_longitude, largest
from milkyway_cnn.maps.faceon import draw_face_on
from milkyway_cnn.maps.sky import draw_sky
from milkyway_widgets._live import View, model
from milkyway_widgets.cube_state import MARK, CubeState, mark_data, profile_data

__all__ = ["CubeViewer"]


def picture(state: CubeState) -> Figure:
    """Draw the three views as they are now."""
    ratio = len(state.b) / (len(state.l) * np.cos(np.radians(state.b.mean())))
    heights = (7.6 * ratio + 1.0, 4.8)
    figure = Figure(9.0, sum(heights))
    upper, lower = figure.subfigures(2, 1, height_ratios=heights)
    sky = upper.subplots()
    field = xr.DataArray(state.sky(), {"b": state.b, "l": state.l}, ("b", "l"))
    image = draw_sky(sky, field, state.width, PowerNorm(0.5, 0.0, largest(field)))
    sky.plot(*state.direction, "s", markerfacecolor="none", markeredgecolor=MARK)
    in_longitude(sky.xaxis)
    sky.set_ylabel("$b$ (deg)")
    sky.set_title(f"{state.shown}, to {state.to:g} kpc", fontsize="medium")
    upper.colorbar(image, ax=sky, label="$A_V$ (mag)", extend="max", fraction=0.03, pad=0.015)
    above, along = lower.subplots(1, 2)
    density = state.face_on()
    draw_face_on(above, density, state.edges, state.width, PowerNorm(0.5, 0.0, largest(density)))
    for y, x in zip(*mark_data(state)["above_marks"].values(), strict=True):
        above.plot(y, x, color=MARK)
    profile = profile_data(state)
    bins = along.twinx()
    bins.stairs(profile["top"], state.edges, fill=True, color=FIRST, alpha=0.35)
    bins.set(ylabel="$A_V$ per bin (mag), bars", ylim=(0, None))
    along.plot(state.edges, np.append(0.0, profile["total"]), color=FIRST)
    along.axvline(state.to, color=MARK)
    l, b = state.direction
    along.set_title(f"$l$ = {l % 360:g}°, $b$ = {b:g}°".replace("-", "−"), fontsize="medium")
    along.set(xlabel="distance (kpc)", ylabel="$A_V$ (mag)", xlim=state.edges[[0, -1]], ylim=(0, None))
    return figure


class CubeViewer(View):
    """Look at a cube: drag the distance, click the sky or the Galaxy; each view follows.

    Parameters
    ----------
    cube
        What `milkyway_cnn.cube.build` made or `load` read; `cube.within` gives its nearer part.
    beside
        A second cube of the same cells, such as the truth, to switch to.
    names
        What the two are called.
    b_max
        Face-on, the mean is taken over |b| <= b_max (deg); by default over all latitudes.

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
    ) -> None:
        cubes = {names[0]: cube} if beside is None else {names[0]: cube, names[1]: beside}
        super().__init__(CubeState(cubes, b_max=b_max), "CubeViewer(cube)")

    def live(self) -> Any:
        """Return Bokeh figures of the present state, with their `layout`."""
        from milkyway_widgets.cube_figures import CubeFigures

        return CubeFigures(self.state)

    def picture(self) -> Figure:
        """Draw the present state."""
        return picture(self.state)

    @cached_property
    def widget(self) -> Any:
        """The live view, made when first asked for."""
        import ipywidgets

        from milkyway_widgets.cube_figures import WIDTH, CubeFigures

        state = self.state
        figures = CubeFigures(state)
        slider = ipywidgets.SelectionSlider(
            options=[(f"{edge:.2f} kpc", float(edge)) for edge in state.edges[1:]],
            value=state.to,
            description="to distance",
            layout=ipywidgets.Layout(width=f"{WIDTH - 160}px"),
        )
        choice = ipywidgets.ToggleButtons(options=list(state.cubes), value=state.shown)
        traitlets.link((state, "to"), (slider, "value"))
        traitlets.link((state, "shown"), (choice, "value"))
        state.observe(lambda change: figures.update(change["name"]), ["to", "cell", "shown"])
        controls = [slider, choice] if len(state.cubes) > 1 else [slider]
        return ipywidgets.VBox([*controls, model(figures.layout)])
