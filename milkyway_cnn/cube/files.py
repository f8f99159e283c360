"""The cube on disk: zarr, netCDF, FITS and HEALPix tables, by the end of the name; read back whole or lazily."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.cube.cells import CHUNK, cells, chunk, sky
from milkyway_cnn.cube.fields import FIELDS, FLAGS, dimensions
from milkyway_cnn.cube.fits import read_fits, to_fits
from milkyway_cnn.cube.healpix import read_healpix, to_healpix_table
from milkyway_cnn.cube.netcdf import need_netcdf, read_netcdf, to_netcdf
from milkyway_cnn.errors import InputError
from milkyway_cnn.storage import replacing

__all__ = ["assemble", "load", "save"]


def save(cube: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write the cube, whole or not at all, in the format that the end of the name says.

    `.zarr` is a zarr store (format 3) in chunks of `CHUNK`, `.nc` netCDF with the conventions of CF, and `.fits` images
    with world coordinates (`to_fits`) or, of HEALPix pixels, a table (`to_healpix_table`). Each holds all of the cube.

    Raises
    ------
    InputError
        When the name has another end, or the format cannot hold the cube.
    """
    end = Path(path).suffix
    if end == ".fits":
        (to_healpix_table if sky(cube) == ("sightline",) else to_fits)(cube, path)
    elif end == ".nc":
        to_netcdf(cube, path)
    elif end == ".zarr":
        assemble([cube], path)
    else:
        msg = f"{path} must end with .zarr, .nc or .fits, which says the format of the cube"
        raise InputError(msg)


def assemble(parts: Iterable[xr.Dataset], path: str | os.PathLike[str]) -> None:
    """Write cubes of successive latitudes as one zarr store, without ever holding more than one of them.

    Parameters
    ----------
    parts
        Cubes with the same longitudes, distances and fields, each beginning where the one before ended; all but the
        last have a multiple of `CHUNK["b"]` rows.

    Raises
    ------
    ValueError
        When a part does not follow the one before.
    """
    rows, end = 0, np.nan
    with replacing(path) as part:
        for cube in parts:
            plain = cube.drop_encoding()
            if not rows:
                chunks = {str(name): {"chunks": _chunks(field)} for name, field in plain.data_vars.items()}
                plain.to_zarr(part, mode="w", zarr_format=3, consolidated=False, encoding=chunks)
            elif rows % CHUNK["b"] or abs(float(cube["b"][0]) - end) > 1e-6:
                msg = f"a part begins at b={float(cube['b'][0]):g} deg behind {rows} rows that end before {end:g} deg"
                raise ValueError(msg)
            else:
                plain = plain.drop_vars([name for name, field in plain.variables.items() if "b" not in field.dims])
                plain.to_zarr(part, append_dim="b", zarr_format=3, consolidated=False)
            if "b" in cube.dims:
                rows, end = rows + cube.sizes["b"], float(cube["b"][-1]) + cube.attrs["cell_deg"]


def load(path: str | os.PathLike[str], *, lazy: bool = False) -> xr.Dataset:
    """Read a cube that `save` or `assemble` has written.

    Parameters
    ----------
    lazy
        Of zarr and netCDF, read coordinates alone, and values when they are asked for.

    Raises
    ------
    InputError
        When there is no cube at `path`, or a damaged one.
    """
    path = Path(path)
    reader = _reader(path)
    try:
        cube = _in_order(reader(path))
        _check(cube)
        if "flags" in cube:  # JSON has no type of integers
            cube["flags"].attrs["flag_masks"] = np.array(list(FLAGS.values()), np.uint8)
        if not lazy:
            with cube:
                cube.load()
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        msg = f"{path} cannot be read as a cube ({reason}); it may be damaged: write it again with cube.save"
        raise InputError(msg) from None
    return cube


def _chunks(field: xr.DataArray) -> tuple[int, ...]:
    return tuple(size or 1 for size in chunk(field).values())


def _reader(path: Path) -> Callable[[Path], xr.Dataset]:
    """Choose the reader by what stands at a path."""
    if (path / "zarr.json").is_file():
        return lambda store: xr.open_zarr(store, consolidated=False, chunks=None)
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError:
        start = b""
    if start.startswith(b"\x89HDF"):
        need_netcdf()
        return read_netcdf
    if start.startswith(b"SIMPLE"):
        return _read_fits
    msg = f"{path} is not a cube, which cube.save writes as zarr, netCDF or FITS; check the path"
    raise InputError(msg)


def _read_fits(path: Path) -> xr.Dataset:
    from astropy.io import fits

    with fits.open(path) as units:
        table = len(units) > 1 and units[1].header.get("PIXTYPE") == "HEALPIX"
        return (read_healpix if table else read_fits)(units)


def _in_order(cube: xr.Dataset) -> xr.Dataset:
    """Bring the fields, which a folder holds in any order, into that of `FIELDS`; then files of them are the same."""
    rank = {name: number for number, name in enumerate(FIELDS)}
    names = sorted(map(str, cube.variables), key=lambda name: (rank.get(name, len(rank)), name))
    ordered = cube[names]
    ordered.set_close(cube.close)
    return ordered


def _check(cube: xr.Dataset) -> None:
    """Find out whether this is a cube.

    Raises
    ------
    ValueError
        When it is none, with what it lacks.
    """
    lacking = {"A_V", "delta_A_V", "distance", "distance_edges"} - set(cube.variables)
    if lacking:
        msg = f"it has no {' and no '.join(sorted(lacking))}"
        raise ValueError(msg)
    size = "nside" if sky(cube) == ("sightline",) else "cell_deg"
    if not isinstance(cube.attrs.get(size), int | float):
        msg = f"its attribute {size} is no number"
        raise ValueError(msg)
    edges = cube["distance_edges"].values
    shape = cells(cube).shape
    sizes: dict[str, Any] = dict(zip(sky(cube), shape, strict=True)) | {"distance": len(edges) - 1}
    if edges.ndim != 1 or not (np.diff(edges) > 0).all() or not 0 <= edges[0] <= edges[-1] < np.inf:
        msg = "its distance_edges do not ascend from 0 or more"
        raise ValueError(msg)
    for name in ("A_V", "delta_A_V"):
        found = {axis: cube[name].sizes.get(axis) for axis in dimensions(name, sky(cube))}
        if cube[name].ndim != len(found) or found != sizes or cube[name].dtype.kind != "f":
            msg = f"{name} is {cube[name].dtype} on {dict(cube[name].sizes)}, but must be floats on {sizes}"
            raise ValueError(msg)
    for axis in sky(cube):
        steps = np.diff(cube[axis].values) if axis in cube.variables else np.array([])
        if steps.size and not np.allclose(steps, cube.attrs["cell_deg"], rtol=0, atol=1e-6):
            msg = f"its {axis} are not {cube.attrs['cell_deg']} deg apart"
            raise ValueError(msg)
