"""A cube as others want it: other cells, distances, fewer fields, or the plane of the sky."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from milkyway_cnn.cube.cells import grid_of
from milkyway_cnn.cube.regrid import rebin, regrid, to_healpix
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid

__all__ = ["converted"]


def converted(
    cube: xr.Dataset,
    *,
    nside: int = 0,
    cell: float = 0.0,
    width: float = 0.0,
    to: float = 0.0,
    without: Sequence[str] = (),
) -> xr.Dataset:
    """Bring a cube into another form; a zero leaves it as it is.

    Parameters
    ----------
    nside, cell
        HEALPix pixels of this resolution, or cells of this width (deg) over the same region: one of both.
    width
        Width of the distance bins (kpc), from the first edge as far as whole bins reach.
    to
        Distance (kpc) to which the map of the sky is integrated that the cube is then reduced to.
    without
        Fields to leave out.

    Raises
    ------
    InputError
        When both `nside` and `cell` are given, or something cannot be had of this cube.
    """
    unknown = sorted(set(without) - set(map(str, cube.data_vars)))
    if unknown or {"A_V", "delta_A_V"} & set(without):
        held = ", ".join(sorted(map(str, cube.data_vars)))
        msg = f"{', '.join(unknown) or 'A_V and delta_A_V'} cannot be left out; the cube has {held}"
        raise InputError(msg)
    if nside and cell:
        msg = f"nside = {nside} and cell = {cell:g} deg are two kinds of cells; give one of them"
        raise InputError(msg)
    cube = cube.drop_vars(without)
    if to:
        cube = rebin(cube, np.array([cube["distance_edges"].values[0], to]))
    elif width:
        first, last = (float(edge) for edge in cube["distance_edges"].values[[0, -1]])
        bins = int((last - first) / width + 1e-6)
        if not bins:
            msg = f"no distance bin of {width:g} kpc ends within the cube, which reaches from {first:g} to {last:g} kpc"
            raise InputError(msg)
        cube = rebin(cube, (first + width * np.arange(bins + 1)).round(9))
    if nside:
        return to_healpix(cube, nside)
    return regrid(cube, Grid(*grid_of(cube).region, cell)) if cell else cube
