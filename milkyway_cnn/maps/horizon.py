"""Where the stars do not tell of dust, far away or near by: what views gray out, and the line at which that begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Patch

__all__ = ["BEYOND", "LINE", "beyond", "named", "shade", "shade_between", "untold", "untold_along"]

#: How the part beyond is drawn over the map, and its border.
BEYOND: dict[str, Any] = {"facecolor": (0.85, 0.85, 0.85, 0.6), "edgecolor": "0.35", "hatch": "///", "linewidth": 0.0}
LINE: dict[str, Any] = {"color": "white", "linestyle": (0, (1, 1.5)), "linewidth": 1.6}
#: Rectangles of a cell's side in the hatched area of a map, so that its border is that of the cells to some percent.
_FINE = 12


def beyond(cube: xr.Dataset, to: float) -> xr.DataArray | None:
    """Cells whose horizon is nearer than `to` (kpc), or where that is too near to be told: bool on (b, l), or None."""
    hidden = [cube["horizon"] < to - 1e-6] if "horizon" in cube else []
    hidden += [cube["nearest"] > to + 1e-6] if "nearest" in cube else []
    return sum(hidden[1:], hidden[0]).transpose("b", "l") if hidden else None


def untold(profile: xr.Dataset) -> list[tuple[float, float]]:
    """Distances (kpc) from and to which the stars of one cell do not tell of dust: near by, and behind its horizon."""
    first, last = (float(edge) for edge in profile["distance_edges"].values[[0, -1]])
    near = min(float(profile["nearest"]), last) if "nearest" in profile else first
    far = max(float(profile["horizon"]), near) if "horizon" in profile else last
    return [(a, b) for a, b in ((first, near), (far, last)) if a < b - 1e-6]


def untold_along(cube: xr.Dataset, along: str, to: float) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Distances of which the stars do not tell on the columns, or rows, of cells: medians of those with a value.

    Parameters
    ----------
    along
        "l" or "b", what differs between them.
    to
        Distance (kpc) at which the view ends.

    Returns
    -------
    angles, bands
        Both ends of each on that angle (deg), and for what is too near and what is too far, where there is such a
        thing, the border and the other end there (kpc): (2 columns,) each. The border is NaN where nothing is untold.
    """
    half, angles = cube.attrs["cell_deg"] / 2, cube[along].values
    seen = cube["A_V"].notnull().all("distance")
    found = {
        name: np.repeat(cube[name].where(seen).median("b" if along == "l" else "l").values, 2)
        for name in ("nearest", "horizon")
        if name in cube
    }
    start = float(cube["distance_edges"][0])
    near = np.minimum(found.get("nearest", np.array(start)), to)
    bands = [(np.where(near > start + 1e-6, near, np.nan), np.full_like(near, start))]
    if "horizon" in found:
        far = np.maximum(found["horizon"], near)
        bands.append((np.where(far < to - 1e-6, far, np.nan), np.full_like(far, to)))
    ends = np.repeat(angles, 2) + np.tile([-half, half], angles.size)
    return ends, [band for band in bands if np.isfinite(band[0]).any()]


def shade(axes: Axes, x: np.ndarray, y: np.ndarray, hidden: np.ndarray) -> None:
    """Gray out and hatch pixels of an image.

    Parameters
    ----------
    x, y
        Edges of its columns and rows, evenly spaced.
    hidden
        Which pixels: (rows, columns) bool.
    """
    if not hidden.any():
        return
    fine = max(1, min(_FINE, 2000 // max(hidden.shape)))
    mask = np.pad(np.kron(hidden, np.ones((fine, fine))), 1)
    centers = [
        np.linspace(edges[0], edges[-1], fine * (len(edges) - 1), endpoint=False) + np.diff(edges)[0] / fine / 2
        for edges in (x, y)
    ]
    centers = [np.concatenate([[axis[0]], axis, [axis[-1]]]) for axis in centers]
    drawn = axes.contourf(*centers, mask, levels=[0.5, 1.5], colors=[BEYOND["facecolor"]], hatches=[BEYOND["hatch"]])
    drawn.set_edgecolor(BEYOND["edgecolor"])
    drawn.set_linewidth(0.0)


def shade_between(axes: Axes, border: np.ndarray, end: np.ndarray) -> None:
    """Gray out and hatch between two lines, each (2, points) in the axes' coordinates; draw the first one dotted.

    Where that is NaN there is nothing to hide.
    """
    known = np.isfinite(border).all(axis=0)
    for part in np.split(np.arange(known.size), np.flatnonzero(np.diff(known)) + 1):
        if not part.size or not known[part[0]]:
            continue
        corners = np.concatenate([border[:, part], end[:, part][:, ::-1]], axis=1)
        axes.fill(*corners, **BEYOND)
        axes.plot(*border[:, part], **LINE, label="_border")


def named() -> Patch:
    """Return what a legend shows of it."""
    return Patch(label="not told by the stars", **BEYOND)
