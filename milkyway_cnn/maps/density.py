"""Extinction per kpc in the plane: what the face-on view and the longitude-distance slice both draw."""

from __future__ import annotations

import numpy as np
import xarray as xr

from milkyway_cnn.cube import within
from milkyway_cnn.errors import InputError

__all__ = ["plane_density", "titled_densities"]


def plane_density(cube: xr.Dataset, b_max: float | None = None) -> xr.DataArray:
    """Extinction per kpc, averaged over latitude.

    Parameters
    ----------
    b_max
        Only cells with a center |b| <= b_max (deg); by default all of the cube.

    Returns
    -------
    xarray.DataArray
        A_V per kpc (mag / kpc) on (l, distance): the mean of cells with a value, weighted by their solid angle.
        Its scalar coordinate `b` is their mean latitude.

    Raises
    ------
    InputError
        When no cell of the cube is that close to the plane.
    """
    latitude = abs(cube["b"])
    if b_max is not None:
        if not (latitude <= b_max).any():
            msg = f"no cell lies within {b_max:g} deg of the plane; the closest is {float(latitude.min()):g} deg away"
            raise InputError(msg)
        cube = cube.sel(b=latitude <= b_max)
    widths = xr.DataArray(np.diff(cube["distance_edges"]), dims="distance")
    weights = cube["b"].copy(data=np.cos(np.radians(cube["b"].values)))
    density = (cube["delta_A_V"] / widths).weighted(weights).mean("b")
    density.attrs = {"units": "mag / kpc", "long_name": "visual extinction per kpc"}
    return density.assign_coords(b=cube["b"].weighted(weights).mean()).transpose("l", "distance")


def titled_densities(
    cube: xr.Dataset, beside: xr.Dataset | None, names: tuple[str, str], b_max: float | None, to: float | None
) -> dict[str, xr.DataArray]:
    """Return the `plane_density` of one cube or two, each up to `to` (kpc), by the title of its panel."""
    latitudes = "" if b_max is None else f"|$b$| ≤ {b_max:g}°"
    cubes = {"": cube} if beside is None else {names[0]: cube, names[1]: beside}
    return {
        ", ".join(part for part in (name, latitudes) if part): plane_density(within(each, to or np.inf), b_max)
        for name, each in cubes.items()
    }
