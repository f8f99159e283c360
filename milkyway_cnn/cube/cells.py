"""The cells of a cube: a grid, or HEALPix pixels."""

from __future__ import annotations

import xarray as xr

from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid, Healpix

__all__ = ["CHUNK", "cells", "chunk", "grid_of", "sky"]

#: Cells that files keep and programs handle together, along their dimensions, with all their distances and quantiles.
CHUNK = {"b": 20, "l": 120, "sightline": 2400, "quantile": 5}
#: The same of draws, of which there are many: what one sightline asks for must not be that of a region.
_OF_DRAWS = {"b": 10, "l": 20, "sightline": 200, "draw": 25}


def chunk(field: xr.DataArray) -> dict[str, int]:
    """Sizes of a field's chunks, by dimension; of the others all is in one chunk."""
    sizes = _OF_DRAWS if "draw" in field.dims else CHUNK
    return {str(axis): min(sizes.get(str(axis), size), size) for axis, size in field.sizes.items()}


def sky(cube: xr.Dataset) -> tuple[str, ...]:
    """Dimensions along which the cells lie: ("b", "l"), or ("sightline",) for HEALPix pixels."""
    return ("sightline",) if "pixel" in cube.variables else ("b", "l")


def cells(cube: xr.Dataset) -> Grid | Healpix:
    """Cells of a cube in the order of its sightlines.

    Raises
    ------
    InputError
        When they are no cells: a region beyond the sky, an nside that is no power of two.
    """
    if "pixel" in cube.variables:
        return Healpix(int(cube.attrs["nside"]), tuple(cube["pixel"].values))
    l, b, cell = cube["l"].values, cube["b"].values, float(cube.attrs["cell_deg"])
    low_l, low_b = (round(float(axis[0]) - cell / 2, 9) for axis in (l, b))
    return Grid(low_l, low_l + min(len(l) * cell, 360.0), low_b, round(low_b + len(b) * cell, 9), cell)


def grid_of(cube: xr.Dataset) -> Grid:
    """Grid of a cube.

    Raises
    ------
    InputError
        When it has HEALPix pixels.
    """
    found = cells(cube)
    if not isinstance(found, Grid):
        msg = f"the cube has HEALPix pixels (nside {found.nside}), whose cells cannot be changed; give one on a grid"
        raise InputError(msg)
    return found
