"""The plane of the sky: extinction integrated to given distances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.image import AxesImage

from milkyway_cnn.cube import integrate
from milkyway_cnn.figures import DIFFERENCE, EXTINCTION, UNOBSERVED, Figure, in_longitude, largest

__all__ = ["draw_sky", "plane_of_sky"]


def plane_of_sky(
    cube: xr.Dataset,
    to: float | Sequence[float] = 10.0,
    *,
    beside: xr.Dataset | xr.DataArray | None = None,
    names: tuple[str, str] = ("map", "truth"),
) -> Figure:
    """Integrated extinction on the sky, longitude increasing to the left.

    Parameters
    ----------
    to
        Distance, or distances, to which the extinction is integrated (kpc); a row of panels each.
    beside
        A second cube on the same cells, or a map on (b, l) in mag, drawn on the same scale, with the difference.
    names
        What the cube and `beside` are called.

    Returns
    -------
    Figure
        The color scale grows with the square root of A_V, to show faint structure beside dense clouds, and ends
        at the 99.5th percentile of its row; cells without value are gray.
    """
    cell = cube.attrs["cell_deg"]
    distances = [float(distance) for distance in np.atleast_1d(to)]
    fields = 1 if beside is None else 3
    stacked = len(distances) == 1  # a field is wider than high: alone, its panels stand below each other
    rows, columns = (fields, 1) if stacked else (len(distances), fields)
    height = cube.sizes["b"] / (cube.sizes["l"] * _squeeze(cube["b"].values))
    width = 8.0 if columns == 1 else 4.2
    figure = Figure(columns * (width + 0.3) + 1.2, rows * (max(width * height, 0.7) + 0.4) + 0.4, layout="compressed")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    bar: dict[str, Any] = {"fraction": 0.03, "pad": 0.015, "aspect": 16}

    for row, distance in enumerate(distances):
        panels = list(axes[:, 0] if stacked else axes[row])
        extinction = integrate(cube, distance)
        maps = {f"{names[0]}, to {distance:g} kpc" if fields > 1 else f"to {distance:g} kpc": extinction}
        if isinstance(beside, xr.Dataset):
            maps[f"{names[1]}, to {distance:g} kpc"] = integrate(beside, distance)
        elif beside is not None:
            maps[names[1]] = beside
        vmax = largest(*maps.values())
        for panel, (title, field) in zip(panels, maps.items(), strict=False):
            image = draw_sky(panel, field, cell, PowerNorm(0.5, 0.0, vmax))
            panel.set_title(title, loc="left", fontsize="medium")
        figure.colorbar(image, ax=panels[: len(maps)], label="$A_V$ (mag)", extend="max", **bar)
        if fields > 1:
            this, other = xr.align(*maps.values(), join="exact")
            half = largest(abs(this - other))
            image = draw_sky(panels[2], this - other, cell, Normalize(-half, half), DIFFERENCE)
            panels[2].set_title(f"{names[0]} − {names[1]}", loc="left", fontsize="medium")
            figure.colorbar(image, ax=panels[2], label="$\\Delta A_V$ (mag)", extend="both", **bar)

    for panel in axes[-1]:
        in_longitude(panel.xaxis)
    for panel in axes[:, 0]:
        panel.set_ylabel("$b$ (deg)")
    return figure


def draw_sky(axes: Axes, field: xr.DataArray, cell: float, norm: Normalize, cmap: str = EXTINCTION) -> AxesImage:
    """Draw a map on (b, l), a rectangle for each `cell` (deg), with true proportions at its middle latitude."""
    l, b = field["l"].values, field["b"].values
    extent = (l[-1] + cell / 2, l[0] - cell / 2, b[0] - cell / 2, b[-1] + cell / 2)
    values = field.transpose("b", "l").values[:, ::-1]
    axes.set_facecolor(UNOBSERVED)
    image = axes.imshow(values, origin="lower", extent=extent, norm=norm, cmap=cmap, interpolation="nearest")
    axes.set_aspect(1 / _squeeze(b))
    return image


def _squeeze(b: np.ndarray) -> float:
    """Length of a degree of longitude in degrees of latitude, in the middle of the latitudes `b` (deg)."""
    return float(np.cos(np.radians((b[0] + b[-1]) / 2)))
