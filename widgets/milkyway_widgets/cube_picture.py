"""The static twin of the views of a cube."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import SubFigure

from milkyway_cnn.diagrams import diagram_named
from milkyway_cnn.figures import FIRST, SECOND, Figure, in_longitude, largest
from milkyway_cnn.maps.faceon import draw_face_on, with_arms
from milkyway_cnn.maps.overlays import draw_from_above, draw_on_sky
from milkyway_cnn.maps.projection import cells_of_map
from milkyway_cnn.maps.sky import draw_sky
from milkyway_cnn.plots import STARS
from milkyway_widgets.cube_state import (
    MARK,
    CubeState,
    cell_diagram_data,
    horizon_data,
    mark_data,
    overlay_data,
    profile_data,
    profile_title,
)

__all__ = ["picture"]


def picture(state: CubeState) -> Figure:
    """Draw the views as they are now."""
    skies = [state.shown, state.other] if state.beside and state.other != state.shown else [state.shown]
    ratio = len(state.b) / (len(state.l) * np.cos(np.radians(state.b.mean())))
    heights = (len(skies) * (min(7.6 * ratio, 6.0) + 1.0), 4.8)
    panels = 2 if state.observed is None else 3
    figure = Figure(4.5 * panels, sum(heights))
    upper, lower = figure.subfigures(2, 1, height_ratios=heights)
    _draw_skies(upper, state, skies)
    above, along, *rest = lower.subplots(1, panels)
    density = state.face_on()
    norm = PowerNorm(0.5, 0.0, largest(density))
    draw_face_on(above, density, state.edges, state.width, norm, arms=not with_arms(state.overlaid))
    for y, x in zip(*mark_data(state)["above_marks"].values(), strict=True):
        above.plot(y, x, color=MARK)
    draw_from_above(above, state.overlaid, (-90.0, 90.0))
    _draw_profile(along, state)
    if rest:
        _draw_diagram(rest[0], state)
    return figure


def _draw_skies(figure: SubFigure, state: CubeState, names: list[str]) -> None:
    fields = [xr.DataArray(state.sky(name), {"b": state.b, "l": state.l}, ("b", "l")) for name in names]
    panels = np.atleast_1d(figure.subplots(len(names), 1, sharex=True))
    norm = PowerNorm(0.5, 0.0, largest(*fields))
    for sky, field, name in zip(panels, fields, names, strict=True):
        image = draw_sky(sky, field, state.width, norm)
        sky.plot(*state.direction, "s", markerfacecolor="none", markeredgecolor=MARK)
        cells = cells_of_map(field, state.width)
        draw_on_sky(sky, state.overlaid, cells, lambda l, b, low=cells.l_min: (low + (l - low) % 360.0, b))
        sky.set_ylabel("$b$ (deg)")
        sky.set_title(f"{name}, to {state.to:g} kpc", fontsize="medium")
    in_longitude(panels[-1].xaxis)
    if overlay_data(state)["l"].size:
        panels[0].legend(loc="upper right", fontsize="small")
    label = "$A_V$ (mag)" if state.quantity == "A_V" else state.sky_label()
    figure.colorbar(image, ax=list(panels), label=label, extend="max", fraction=0.03, pad=0.015)


def _draw_profile(axes: Axes, state: CubeState) -> None:
    profile = profile_data(state)
    bins = axes.twinx()
    bins.stairs(profile["top"], state.edges, fill=True, color=FIRST, alpha=0.35)
    bins.set(ylabel="$A_V$ per bin (mag), bars", ylim=(0, None))
    if state.other != state.shown:
        other = profile_data(state, state.other)["total"]
        axes.plot(state.edges, np.append(0.0, other), "--", color=SECOND, label=state.other)
    axes.fill_between(profile["right"], profile["low"], profile["high"], color=FIRST, alpha=0.25, lw=0)
    axes.plot(state.edges, np.append(0.0, profile["total"]), color=FIRST, label=state.shown)
    for left, right in zip(*horizon_data(state).values(), strict=True):
        axes.axvspan(left, right, color="0.6", alpha=0.3, lw=0, label="behind the horizon")
    axes.axvline(state.to, color=MARK)
    if state.other != state.shown or horizon_data(state)["left"]:
        axes.legend(loc="upper left", fontsize="small")
    axes.set_title(profile_title(state), fontsize="medium")
    axes.set(xlabel="distance (kpc)", ylabel="$A_V$ (mag)", xlim=state.edges[[0, -1]], ylim=(0, None))


def _draw_diagram(axes: Axes, state: CubeState) -> None:
    data = {name: values[0] for name, values in cell_diagram_data(state).items()}
    kind = diagram_named(state.observed.attrs["diagrams"][0])
    extent = (data["x"], data["x"] + data["dw"], data["y"] + data["dh"], data["y"])
    norm = PowerNorm(0.5, 0.0, max(1.0, largest(data["image"])))
    axes.imshow(data["image"], extent=extent, norm=norm, cmap=STARS, aspect="auto", interpolation="nearest")
    axes.set_title(f"its {int(data['image'].sum()):,} stars", fontsize="medium")
    axes.set(xlabel=f"{kind.color} ({kind.color_unit})", ylabel=f"{kind.magnitude} (mag)")
