"""The cube as netCDF, with the conventions of CF."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import xarray as xr

from milkyway_cnn.cube.cells import chunk
from milkyway_cnn.errors import InputError
from milkyway_cnn.storage import replacing

__all__ = ["need_netcdf", "read_netcdf", "to_netcdf"]

#: Attribute that names those written as JSON, for netCDF holds numbers and text alone.
_AS_JSON = "json_attributes"


def to_netcdf(cube: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write the cube as netCDF 4, compressed without loss.

    Raises
    ------
    InputError
        When the package h5netcdf is missing.
    """
    need_netcdf()
    plain = cube.drop_encoding()
    texts = {name: json.dumps(value) for name, value in cube.attrs.items() if not isinstance(value, str | int | float)}
    texts |= {name: json.dumps(value) for name, value in cube.attrs.items() if isinstance(value, bool)}
    if texts:
        plain = plain.assign_attrs({**cube.attrs, **texts, _AS_JSON: " ".join(texts)})
    encoding = {}
    for name, field in plain.data_vars.items():
        sizes = tuple(chunk(field).values())
        encoding[name] = {"chunksizes": sizes, "zlib": True, "complevel": 1, "shuffle": True}
    with replacing(path) as part:
        plain.to_netcdf(part, engine="h5netcdf", format="NETCDF4", encoding=encoding)


def read_netcdf(path: Path) -> xr.Dataset:
    """Open, lazily, what `to_netcdf` has written."""
    cube = xr.open_dataset(path, engine="h5netcdf")
    names = str(cube.attrs.pop(_AS_JSON, "")).split()
    attrs = {name: value.item() if isinstance(value, np.generic) else value for name, value in cube.attrs.items()}
    cube.attrs = attrs | {name: json.loads(attrs[name]) for name in names}
    return cube


def need_netcdf() -> None:
    """Find out whether netCDF can be read and written.

    Raises
    ------
    InputError
        When the package h5netcdf is missing.
    """
    try:
        import h5netcdf  # noqa: F401
    except ImportError as error:
        msg = f"netCDF needs the package h5netcdf ({error}); pip install 'milkyway-cnn[formats]'"
        raise InputError(msg) from None
