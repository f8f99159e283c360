"""The cube on disk, as a zarr store."""

from __future__ import annotations

import os
from pathlib import Path

import xarray as xr

from milkyway_cnn.errors import InputError
from milkyway_cnn.storage import replacing

__all__ = ["load", "save"]


def save(cube: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write the cube as a zarr store (format 3), whole or not at all."""
    with replacing(path) as part:
        cube.to_zarr(part, mode="w", zarr_format=3, consolidated=False)


def load(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read what `save` has written.

    Raises
    ------
    InputError
        When there is no cube at `path`.
    """
    path = Path(path)
    if not (path / "zarr.json").is_file():
        msg = f"{path} is not a cube, the zarr folder that cube.save writes; check the path"
        raise InputError(msg)
    with xr.open_zarr(path, consolidated=False, chunks=None) as stored:
        cube = stored.load()
    if not {"A_V", "delta_A_V", "distance_edges"} <= set(cube.variables):
        msg = f"{path} is a zarr store without A_V and delta_A_V; give the path of a cube"
        raise InputError(msg)
    return cube
