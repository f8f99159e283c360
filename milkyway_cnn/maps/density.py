"""Extinction per kpc, averaged over latitude or longitude: what the face-on view and the slices draw."""

from __future__ import annotations

import numpy as np
import xarray as xr

from milkyway_cnn.cube import within
from milkyway_cnn.errors import InputError

__all__ = ["latitude_density", "plane_density", "titled_densities"]


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
    cube = near_plane(cube, b_max)
    weights = cube["b"].copy(data=np.cos(np.radians(cube["b"].values)))
    density = _per_kpc(cube).weighted(weights).mean("b")
    return _described(density.assign_coords(b=cube["b"].weighted(weights).mean()).transpose("l", "distance"))


def near_plane(cube: xr.Dataset, b_max: float | None) -> xr.Dataset:
    """Cells with a center |b| <= b_max (deg), or all.

    Raises
    ------
    InputError
        When there is none.
    """
    if b_max is None:
        return cube
    latitude = abs(cube["b"])
    if not (latitude <= b_max).any():
        msg = f"no cell lies within {b_max:g} deg of the plane; the closest is {float(latitude.min()):g} deg away"
        raise InputError(msg)
    return cube.sel(b=latitude <= b_max)


def latitude_density(cube: xr.Dataset, l_range: tuple[float, float] | None = None) -> xr.DataArray:
    """Extinction per kpc, averaged over longitude.

    Parameters
    ----------
    l_range
        Only cells with a center from the first longitude to the second (deg); by default all of the cube.

    Returns
    -------
    xarray.DataArray
        A_V per kpc (mag / kpc) on (b, distance): the mean of cells with a value.

    Raises
    ------
    InputError
        When no cell of the cube lies there.
    """
    return _described(_per_kpc(around(cube, l_range)).mean("l").transpose("b", "distance"))


def around(cube: xr.Dataset, l_range: tuple[float, float] | None) -> xr.Dataset:
    """Cells with a center from the first longitude to the second (deg), or all.

    Raises
    ------
    InputError
        When there is none.
    """
    if l_range is None:
        return cube
    low, high = l_range
    inside = (cube["l"] - low) % 360.0 <= high - low + 1e-9
    if not inside.any():
        first, last = float(cube["l"][0]), float(cube["l"][-1])
        msg = f"no cell lies at l = {low:g} to {high:g} deg; those of the cube are at {first:g} to {last:g}"
        raise InputError(msg)
    return cube.sel(l=inside)


def _per_kpc(cube: xr.Dataset) -> xr.DataArray:
    return cube["delta_A_V"] / xr.DataArray(np.diff(cube["distance_edges"]), dims="distance")


def _described(density: xr.DataArray) -> xr.DataArray:
    density.attrs = {"units": "mag / kpc", "long_name": "visual extinction per kpc"}
    return density


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
