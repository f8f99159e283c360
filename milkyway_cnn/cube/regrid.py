"""Other distances than those of the cube."""

from __future__ import annotations

import numpy as np
import xarray as xr

from milkyway_cnn.errors import InputError

__all__ = ["integrate", "within"]


def integrate(cube: xr.Dataset, to: float) -> xr.DataArray:
    """Extinction from the Sun to a distance.

    Parameters
    ----------
    to
        Distance (kpc) within the cube; between the edges of bins the sum is linear.

    Returns
    -------
    xarray.DataArray
        A_V (mag) on (b, l) as float64, NaN where the cube is.
    """
    edges = cube["distance_edges"].values
    if not 0 <= to <= edges[-1] + 1e-6:
        msg = f"the distance {to:g} kpc is not within the cube, which ends at {edges[-1]:g} kpc"
        raise InputError(msg)
    part = np.clip((to - edges[:-1]) / np.diff(edges), 0.0, 1.0)
    total = (cube["delta_A_V"].astype(np.float64) * xr.DataArray(part, dims="distance")).sum("distance", skipna=False)
    total.attrs = {"units": "mag", "long_name": f"visual extinction from the Sun to {to:g} kpc"}
    return total.rename("A_V")


def within(cube: xr.Dataset, to: float) -> xr.Dataset:
    """Return the part of the cube whose distance bins end at most at `to` (kpc)."""
    bins = int(np.sum(cube["distance_edges"].values[1:] <= to + 1e-6))
    if bins < 1:
        msg = f"no distance bin ends within {to:g} kpc; the first ends at {cube['distance_edges'].values[1]:g} kpc"
        raise InputError(msg)
    return cube.isel(distance=slice(bins), distance_edges=slice(bins + 1))
