"""What a map is shown with, by its name or file: tracers, arms, borders, and other maps on its cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from milkyway_cnn import cube
from milkyway_cnn.comparison import tracers
from milkyway_cnn.comparison.other_maps import MAPS, published, read_fits
from milkyway_cnn.comparison.other_maps.footprints import footprint
from milkyway_cnn.comparison.regridding import regrid
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid

__all__ = ["named_overlays", "sampled"]


def named_overlays(files: Sequence[str] = (), arms: Sequence[str] = (), footprints: Sequence[str] = ()) -> list[Any]:
    """What can be drawn over a view.

    Parameters
    ----------
    files
        Tables of tracers: a path, "KIND=path", or a name of `tracers.CATALOGS`, which is fetched from VizieR once.
    arms
        Models of spiral arms, of `tracers.ARM_MODELS`.
    footprints
        Borders of maps, of `other_maps.footprints.FOOTPRINTS`.

    Raises
    ------
    InputError
        For a name or file that is none of them.
    """
    tables: list[Any] = []
    for text in files:
        kind, _, path = text.rpartition("=")
        if not kind and path in tracers.CATALOGS:
            tables.append(tracers.fetch(path))
            continue
        if not Path(path).expanduser().is_file():
            known = ", ".join(tracers.CATALOGS)
            msg = f"there is no file {path} of tracers; give the path of one, or a catalog that is fetched: {known}"
            raise InputError(msg)
        tables.append(tracers.read(Path(path).expanduser(), kind))
    return [*tables, *map(tracers.arms, arms), *map(footprint, footprints)]


def sampled(name: str, dust: xr.Dataset) -> xr.Dataset | xr.DataArray:
    """Bring another map to the cells of a cube, in A_V.

    Parameters
    ----------
    name
        One of `other_maps.MAPS`, the path of a cube (.zarr), or of a FITS image or cube in A_V.

    Returns
    -------
    A cube where the map has distances, which ends where it does, else a map on (b, l).

    Raises
    ------
    InputError
        When there is no such map; of a published one whose data are missing, with the command that fetches them.
    """
    half, edges = dust.attrs["cell_deg"] / 2, dust["distance_edges"].values
    l, b = dust["l"].values, dust["b"].values
    grid = Grid(float(l[0] - half), float(l[-1] + half), float(b[0] - half), float(b[-1] + half), 2 * half)
    if name in MAPS:
        other = published(name, grid, edges)
    elif name.endswith(".zarr"):
        given = cube.load(name)
        ends = edges[edges <= float(given["distance_edges"][-1]) + 1e-6]
        other = regrid(given, grid, ends)
    elif Path(name).is_file():
        other = read_fits(name, grid, edges)
    else:
        msg = f"there is no map {name!r}; choose one of {', '.join(MAPS)}, a cube (.zarr), or a FITS file in A_V"
        raise InputError(msg)
    return other if "delta_A_V" in other else other["A_V"]
