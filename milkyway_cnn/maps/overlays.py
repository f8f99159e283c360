"""What is drawn over the views: H II regions, clusters, Cepheids, spiral arms, borders of other maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from milkyway_cnn.figures import Figure
from milkyway_cnn.sightlines import Footprint, Grid, galactocentric

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = [
    "ARM",
    "STYLES",
    "Overlay",
    "draw_along",
    "draw_from_above",
    "draw_on_sky",
    "legend_below",
    "style",
    "traces",
]

#: A table of tracers with columns `l`, `b` (deg), `distance` (kpc), `kind` and `name`, or the border of a map.
Overlay = Any

#: Markers and colors by kind, apart from each other for the color-blind; all others have the last.
STYLES: dict[str, tuple[str, str, str]] = {
    "H II region": ("s", "white", "black"),
    "cluster": ("o", "#009E73", "white"),
    "Cepheid": ("*", "#F0E442", "black"),
    "": ("D", "white", "black"),
}
#: Color of spiral arms and of tracers whose distance is not known, and of borders.
ARM, BORDER = "#56B4E9", "#CC79A7"
_DASHES = ("-", "--", "-.", ":")
#: Points of an arm that are farther apart (kpc) are not joined.
_GAP = 1.5


def style(kind: str) -> dict[str, Any]:
    """Matplotlib's options of the markers of a kind of tracers."""
    marker, face, edge = STYLES.get(kind, STYLES[""])
    return {"marker": marker, "markerfacecolor": face, "markeredgecolor": edge, "markeredgewidth": 0.6}


def draw_on_sky(
    axes: Axes,
    overlays: Sequence[Overlay],
    cells: Grid,
    place: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    since: float = 0.0,
    to: float = np.inf,
) -> None:
    """Draw tracers and borders over a map of the sky; spiral arms have no place there.

    Tracers nearer than `since` or farther than `to` (kpc) are left out; those of unknown distance are hollow.

    Parameters
    ----------
    place
        Brings l and b (deg) to the axes' coordinates.
    """
    borders = 0
    for overlay in overlays:
        if isinstance(overlay, Footprint):
            l, b = overlay.outline()
            for turn in (-360.0, 0.0, 360.0):  # one round of the sky at a time, so that no line crosses the map
                inside = (l + turn >= cells.l_min) & (l + turn <= cells.l_max) & (b >= cells.b_min) & (b <= cells.b_max)
                x, y = place(np.where(inside, l + turn, np.nan), np.where(inside, b, np.nan))
                _border(axes, x, y, overlay.name if inside.any() else "_", borders)
            borders += 1
            continue
        for kind in _kinds(overlay):
            here = overlay[np.asarray(overlay["kind"]) == kind]
            here = here[cells.cell_index(here["l"], here["b"]) >= 0]
            distance = np.asarray(here["distance"], float)
            unknown, wanted = np.isnan(distance), (distance >= since) & (distance <= to)
            hollow = {"markerfacecolor": "none", "markeredgecolor": ARM, "label": f"{kind or 'tracer'}, no distance"}
            for chosen, more in ((unknown, hollow), (wanted, {"label": kind or "tracer"})):
                if kind != "spiral arm" and chosen.any():
                    x, y = place(*(np.asarray(here[name], float)[chosen] for name in ("l", "b")))
                    axes.plot(x, y, linestyle="none", markersize=4, **style(kind) | more)


def _border(axes: Axes, x: np.ndarray, y: np.ndarray, name: str, number: int) -> None:
    axes.plot(x, y, color=BORDER, linewidth=1.2, linestyle=_DASHES[number % 4], label=name)


def draw_from_above(axes: Axes, overlays: Sequence[Overlay], b_range: tuple[float, float]) -> None:
    """Draw overlays over the Galaxy from above, on Galactocentric y and x (kpc).

    Of tracers those of known distance at latitudes in `b_range` (deg); of a border its ends in the plane.
    """
    arms = borders = 0
    for overlay in overlays:
        if isinstance(overlay, Footprint):
            l = np.radians(np.linspace(*overlay.plane, 721))
            reach = overlay.reach if np.isfinite(overlay.reach) else 30.0
            whole = overlay.plane[1] - overlay.plane[0] >= 360
            l, distance = (l, np.full_like(l, reach)) if whole else (l[[0, *range(721), 720]], _closed(reach))
            x, y, _ = galactocentric(np.degrees(l), 0.0, distance)
            _border(axes, y, x, overlay.name, borders)
            borders += 1
            continue
        for kind in _kinds(overlay):
            here = overlay[np.asarray(overlay["kind"]) == kind]
            if kind == "spiral arm":
                label = f"arms, {source}" if (source := _source(overlay)) else "spiral arms"
                for x, y in traces(here):
                    axes.plot(y, x, color=ARM, linewidth=1.2, linestyle=_DASHES[arms % 4], label=label)
                arms += 1
                continue
            b, distance = (np.asarray(here[name], float) for name in ("b", "distance"))
            here = here[np.isfinite(distance) & (b >= b_range[0]) & (b <= b_range[1])]
            x, y, _ = galactocentric(*_positions(here))
            axes.plot(y, x, linestyle="none", markersize=4, label=kind or "tracer", **style(kind))


def draw_along(
    axes: Axes, overlays: Sequence[Overlay], angle: str, window: tuple[float, float], other: tuple[float, float]
) -> None:
    """Draw overlays over a slice of `angle` ("l" or "b") and distance.

    Parameters
    ----------
    window
        Range of the slice along the angle (deg).
    other
        Range of the other angle (deg) over which the slice is the mean; tracers outside are left out.
    """
    across = "b" if angle == "l" else "l"
    for overlay in overlays:
        if isinstance(overlay, Footprint):
            if np.isfinite(overlay.reach):
                axes.axhline(overlay.reach, color=BORDER, linewidth=1.2, label=overlay.name)
            continue
        for kind in _kinds(overlay):
            here = overlay[np.asarray(overlay["kind"]) == kind]
            along, aside = (np.asarray(here[name], float) for name in (angle, across))
            if angle == "l":
                along = window[0] + (along - window[0]) % 360.0
            else:
                aside = other[0] + (aside - other[0]) % 360.0
            distance = np.asarray(here["distance"], float)
            seen = (along >= window[0]) & (along <= window[1]) & np.isfinite(distance)
            seen &= (aside >= other[0]) & (aside <= other[1])
            if kind == "spiral arm":
                if angle == "l":
                    label = f"arms, {source}" if (source := _source(overlay)) else "spiral arms"
                    axes.plot(along[seen], distance[seen], ".", color=ARM, markersize=2, label=label)
                continue
            axes.plot(
                along[seen], distance[seen], linestyle="none", markersize=4, label=kind or "tracer", **style(kind)
            )


def legend_below(figure: Figure, panels: Iterable[Axes], more: Sequence[Artist] = ()) -> None:
    """Name below the panels the lines that pass through their windows, one of each name, and `more`."""
    lines = {
        str(line.get_label()): line
        for panel in panels
        for line in panel.lines
        if not str(line.get_label()).startswith("_") and panel.viewLim.count_contains(line.get_xydata())
    }
    handles = [*lines.values(), *more]
    if handles:
        columns = min(len(handles), max(int(figure.get_figwidth() / 2.4), 1), 4)
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize="small")


def traces(arms: Table) -> list[tuple[np.ndarray, np.ndarray]]:
    """Galactocentric x and y (kpc) along each arm of a table, NaN where points are too far apart to be joined."""
    lines = []
    for name in dict.fromkeys(map(str, arms["name"])):
        here = arms[np.asarray(arms["name"]) == name]
        x, y, _ = galactocentric(*_positions(here))
        broken = np.flatnonzero(np.hypot(np.diff(x), np.diff(y)) > _GAP) + 1
        lines.append((np.insert(x, broken, np.nan), np.insert(y, broken, np.nan)))
    return lines


def _positions(tracers: Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Longitude, latitude (deg) and distance (kpc)."""
    l, b, distance = (np.asarray(tracers[name], float) for name in ("l", "b", "distance"))
    return l, b, distance


def _kinds(tracers: Table) -> list[str]:
    return list(dict.fromkeys(map(str, tracers["kind"])))


def _source(tracers: Table) -> str:
    """Name of what a table holds, without the folders of a file."""
    return str(tracers.meta.get("source", "")).rsplit("/", 1)[-1].replace("_", " ")


def _closed(reach: float) -> np.ndarray:
    """Distances from the Sun out along the first direction, around, and back."""
    distance = np.full(723, reach)
    distance[[0, -1]] = 0.0
    return distance
