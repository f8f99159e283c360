"""What a map is shown with, by its name or file: tracers, arms, borders, and other maps on its cells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from milkyway_cnn import cube
from milkyway_cnn.comparison import tracers
from milkyway_cnn.comparison.other_maps import MAPS, published, read_fits
from milkyway_cnn.comparison.other_maps.footprints import footprint
from milkyway_cnn.cube import regrid
from milkyway_cnn.cube.cells import grid_of
from milkyway_cnn.errors import InputError

__all__ = ["absolute", "named_overlays", "named_tracers", "sampled"]


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
        kind, _, path = absolute(text, tracers.CATALOGS).rpartition("=")
        tables.append(tracers.fetch(path) if path in tracers.CATALOGS else tracers.read(path, kind))
    return [*tables, *map(tracers.arms, arms), *map(footprint, footprints)]


def named_tracers(files: Sequence[str] = (), arms: str = "") -> dict[str, Any]:
    """Tables of tracers and a model of spiral arms, as for `named_overlays`, by short names: kind or name of a file."""
    names = [kind or Path(path).stem for kind, _, path in (text.rpartition("=") for text in files)]
    models = [arms] if arms else []
    return dict(zip([*names, *models], named_overlays(files, models), strict=True))


def absolute(text: str, known: Collection[str]) -> str:
    """Return "path" or "KIND=path" with an absolute path, or a known name as it is.

    Raises
    ------
    InputError
        When it is neither a known name nor the path of something that is there.
    """
    if text in known:
        return text
    kind, equals, path = text.rpartition("=")
    place = Path(path).expanduser().absolute()
    if not place.exists():
        msg = f"there is no {path}; give the path of a file, or one of {', '.join(known)}"
        raise InputError(msg)
    return f"{kind}{equals}{place}"


def sampled(name: str, dust: xr.Dataset) -> xr.Dataset:
    """Bring another map to the cells of a cube, in A_V.

    Parameters
    ----------
    name
        One of `other_maps.MAPS`, the path of a cube (.zarr), or of a FITS image or cube in A_V.

    Returns
    -------
    A cube where the map has distances, which ends where it does, else `A_V` on (b, l).

    Raises
    ------
    InputError
        When there is no such map; of a published one whose data are missing, with the command that fetches them.
    """
    grid, edges = grid_of(dust), dust["distance_edges"].values
    if name in MAPS:
        return published(name, grid, edges)
    if name.endswith(".zarr"):
        given = cube.load(name)
        return regrid(given, grid, edges[edges <= float(given["distance_edges"][-1]) + 1e-6])
    if Path(name).is_file():
        return read_fits(name, grid, edges)
    msg = f"there is no map {name!r}; choose one of {', '.join(MAPS)}, a cube (.zarr), or a FITS file in A_V"
    raise InputError(msg)
