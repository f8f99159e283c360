"""The dust as a body: what cubic voxels look like from three sides."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import PowerNorm

from milkyway_cnn.figures import EXTINCTION, UNOBSERVED, Figure, largest

__all__ = ["three_sides"]

#: What each axis is called.
_NAMES = {"x": "$x$ (kpc), towards the Galactic center", "y": "$y$ (kpc), towards $l$ = 90°", "z": "$z$ (kpc)"}


def three_sides(voxels: xr.Dataset) -> Figure:
    """Extinction through the whole map along z, y and x, as one sees it from far away.

    Parameters
    ----------
    voxels
        What `cartesian.to_cartesian` returns.

    Returns
    -------
    Figure
        Three panels on one color scale: A_V (mag) along each axis, that is the sum of `density` times the length of
        a voxel; gray where the map has no voxel on the way.
    """
    step = float(voxels.attrs["voxel_kpc"])
    known = voxels["density"].notnull()
    sides = [("x", "y", "z"), ("x", "z", "y"), ("y", "z", "x")]
    columns = {
        along: (voxels["density"].sum(along) * step).where(known.any(along)).transpose(up, right)
        for right, up, along in sides
    }
    size = {axis: voxels.sizes[axis] * step for axis in "xyz"}
    widths, heights = (size["x"], size["y"]), (size["y"], max(size["z"], 0.12 * size["x"]))
    scale = 9.0 / sum(widths)
    figure = Figure(sum(widths) * scale + 2.4, sum(heights) * scale + 1.4)
    panels = figure.subplots(2, 2, width_ratios=widths, height_ratios=heights)
    panels[0, 1].set_visible(False)
    norm = PowerNorm(0.5, 0.0, largest(*columns.values()))
    cmap = colormaps[EXTINCTION].with_extremes(bad=UNOBSERVED)
    for panel, (right, up, along) in zip((panels[0, 0], panels[1, 0], panels[1, 1]), sides, strict=True):
        edges = [np.append(voxels[axis].values - step / 2, voxels[axis].values[-1] + step / 2) for axis in (right, up)]
        mesh = panel.pcolormesh(*edges, columns[along].values, norm=norm, cmap=cmap, rasterized=True)
        panel.set(xlabel=_NAMES[right], ylabel=_NAMES[up])
        panel.set_title(f"along ${along}$", loc="left", fontsize="medium")
        if heights[1] == size["z"] or along == "z":
            panel.set_aspect("equal")
    figure.colorbar(mesh, ax=list(panels.ravel()), label="$A_V$ through the map (mag)", extend="max", aspect=25)
    return figure
