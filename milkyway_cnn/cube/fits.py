"""The cube, or a map or slice of it, as FITS images, for every other tool of the field."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np
import xarray as xr

from milkyway_cnn.cube.cells import chunk
from milkyway_cnn.cube.fields import FIELDS, described, dimensions
from milkyway_cnn.errors import InputError
from milkyway_cnn.storage import replacing

__all__ = ["coordinates_table", "in_order", "provenance_of", "read_coordinates", "read_fits", "to_fits"]

#: Bytes of which FITS files consist.
_BLOCK = 2880
#: Images of a field that are written together, for zarr keeps quantiles and draws of a cell together.
_IMAGES = 5


def to_fits(
    cube: xr.Dataset | xr.DataArray, path: str | os.PathLike[str], provenance: Mapping[str, Any] | None = None
) -> None:
    """Write a cube as FITS, one image a field, with celestial and distance coordinates.

    The primary image is `A_V`, whose distance is that of the far edge of a bin; the other fields follow as
    extensions of their name, with the distance of the bin center. Quantiles and draws are an image each, numbered by
    EXTVER from 1, with its `QUANTILE` or `DRAW`. Longitude grows towards the first pixel (the left), as on the sky. The
    projection is CAR about the middle of the region on the Galactic equator, so that pixels are exactly equal steps in
    l and b (Calabretta & Greisen 2002, A&A 395, 1077, sec. 5.2.3). A table at the end holds the coordinates unrounded.
    Of a cube that is opened lazily, strips of latitude are in memory one after the other.

    Parameters
    ----------
    cube
        As `cube.build` makes it; or a part of it, such as one row of latitudes, or one column of longitudes, kept as a
        dimension of size 1; or a map of the sky with the attribute `cell_deg`, as `cube.integrate` makes it.
    provenance
        Written as HISTORY cards, one `name = JSON` each; by default the attributes of the cube. Nothing else
        enters the headers, so the same cube makes the same file.
    """
    from astropy.io import fits

    if isinstance(cube, xr.DataArray):
        cube = cube.to_dataset(name=cube.name or "A_V", promote_attrs=True)
    if "distance_edges" in cube:
        widths = np.diff(cube["distance_edges"].values)
        if np.ptp(widths) > 1e-6 * widths[0]:
            msg = (
                f"bins of {widths.min():g} to {widths.max():g} kpc do not fit the linear axis of FITS; use .zarr or .nc"
            )
            raise InputError(msg)
    history = provenance_of(cube.attrs if provenance is None else provenance)
    with replacing(path) as part:
        with part.open("wb") as file:
            for name in in_order(cube):
                _write(file, cube, name, history)
        with fits.open(part, mode="append") as units:
            units.append(coordinates_table(cube))


def read_fits(units: Any) -> xr.Dataset:
    """Read what `to_fits` has written: an open list of FITS units."""
    coords, attrs = read_coordinates(units)
    parts: dict[str, list[np.ndarray]] = {}
    for unit in units[:-1]:
        name = unit.name
        values = np.moveaxis(unit.data[..., ::-1], 0, -1) if unit.data.ndim == 3 else unit.data[..., ::-1]
        parts.setdefault(name, []).append(np.ascontiguousarray(values, unit.data.dtype.newbyteorder("=")))
    held = {
        name: (
            dimensions(name),
            np.array(found) if "quantile" in dimensions(name) or "draw" in dimensions(name) else found[0],
        )
        for name, found in parts.items()
    }
    return described(xr.Dataset(held, coords, attrs))


def in_order(cube: xr.Dataset) -> list[str]:
    """Names of the fields in the order of `FIELDS`.

    Raises
    ------
    InputError
        For one that is not known, whose unit FITS could not be told.
    """
    unknown = sorted(set(map(str, cube.data_vars)) - set(FIELDS))
    if unknown:
        msg = f"the cube holds {', '.join(unknown)}, which FITS files of cubes do not have; drop_vars it, or use .zarr"
        raise InputError(msg)
    return sorted(map(str, cube.data_vars), key=list(FIELDS).index)


def provenance_of(attrs: Mapping[str, Any]) -> list[str]:
    """Attributes as lines for HISTORY cards, in ASCII."""
    return [
        f"{name.encode('ascii', 'backslashreplace').decode()} = {json.dumps(value)}" for name, value in attrs.items()
    ]


def coordinates_table(cube: xr.Dataset) -> Any:
    """Table of one row with the coordinates, a column each, and the attributes as JSON: what headers may round."""
    from astropy.io import fits

    columns = []
    for name, axis in cube.coords.items():
        kind = "K" if axis.dtype.kind in "iu" else "D"
        values = np.atleast_2d(axis.values)
        columns.append(fits.Column(str(name), f"{values.shape[1]}{kind}", FIELDS[str(name)][0], array=values))
    text = json.dumps(cube.attrs)
    columns.append(fits.Column("attributes", f"{len(text)}A", array=[text]))
    return fits.BinTableHDU.from_columns(columns, name="COORDINATES")


def read_coordinates(units: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Coordinates and attributes from the last of the FITS units, as `coordinates_table` wrote them."""
    row = units["COORDINATES"].data[0]
    names = [name for name in units["COORDINATES"].columns.names if name != "attributes"]
    values = {name: np.atleast_1d(row[name]) for name in names}
    return {name: array.astype(array.dtype.newbyteorder("=")) for name, array in values.items()}, json.loads(
        row["attributes"]
    )


def _write(file: IO[bytes], cube: xr.Dataset, name: str, history: Sequence[str]) -> None:
    """Write the images of a field at the end of a file, some quantiles or draws at once; the first has the history."""
    from astropy.io import fits

    field = cube[name]
    lead = next((axis for axis in ("quantile", "draw") if axis in field.dims), None)
    count = field.sizes[lead] if lead else 1
    shape = tuple(field.sizes[axis] for axis in ("distance", "b", "l") if axis in field.dims)
    at_once = min(count, _IMAGES)
    for first in range(0, count, at_once):
        last = min(first + at_once, count)
        images, starts = field.isel({lead: slice(first, last)}) if lead else field, []
        for number in range(first, last):
            header = _header(cube, name)
            if lead:
                header["EXTVER"] = number + 1
                header[lead.upper()] = (cube[lead].values[number].item(), FIELDS[lead][1])
            shape_alone = np.broadcast_to(np.zeros((), field.dtype), shape)
            if file.tell():
                header = fits.ImageHDU(shape_alone, header).header
            else:
                for line in history:
                    header.add_history(line)
                header = fits.PrimaryHDU(shape_alone, header).header
            file.write(header.tostring().encode("ascii"))
            starts.append(file.tell())
            file.seek(math.ceil(shape_alone.nbytes / _BLOCK) * _BLOCK, os.SEEK_CUR)
            file.truncate()
        _fill(file, images, starts)


def _fill(file: IO[bytes], images: xr.DataArray, starts: Sequence[int]) -> None:
    """Write the images of some quantiles or draws to their places, strip by strip; the file stays at its end."""
    end, rows, columns = file.tell(), images.sizes["b"], images.sizes["l"]
    dtype, strip = images.dtype.newbyteorder(">"), chunk(images)["b"]
    for first in range(0, rows, strip):
        # Read before its axes are exchanged: else xarray asks a store for each value by itself.
        read = images.isel(b=slice(first, first + strip)).load()
        strips = read.transpose("quantile", "draw", ..., "b", "l", missing_dims="ignore").values[..., ::-1]
        strips = strips.astype(dtype)
        for start, planes in zip(starts, strips.reshape(len(starts), -1, *strips.shape[-2:]), strict=True):
            for number, plane in enumerate(planes):
                file.seek(start + (number * rows + first) * columns * dtype.itemsize)
                file.write(plane.tobytes())
    file.seek(end)


def _header(cube: xr.Dataset, name: str) -> Any:
    """FITS header with the coordinates, unit and meaning of a field."""
    from astropy.io import fits

    l, b = (cube[axis].values for axis in ("l", "b"))
    cell = cube.attrs["cell_deg"]
    unit, meaning = FIELDS[name]
    cards = [
        ("EXTNAME", name, ""),
        ("CTYPE1", "GLON-CAR", "Galactic longitude"),
        ("CUNIT1", "deg", ""),
        ("CRPIX1", (len(l) + 1) / 2, ""),
        ("CRVAL1", float((l[0] + l[-1]) / 2 % 360), ""),
        ("CDELT1", -cell, ""),
        ("CTYPE2", "GLAT-CAR", "Galactic latitude"),
        ("CUNIT2", "deg", ""),
        ("CRPIX2", float(1 - b[0] / cell), "of the Galactic equator, as CAR demands"),
        ("CRVAL2", 0.0, ""),
        ("CDELT2", cell, ""),
    ]
    if "distance" in cube[name].dims:
        edges = cube["distance_edges"].values
        width = float((edges[-1] - edges[0]) / (len(edges) - 1))
        far = name.startswith("A_V")
        first = float(edges[1]) if far else float(edges[:2].mean())
        cards += [
            ("CTYPE3", "DIST", "distance from the Sun"),
            ("CUNIT3", "kpc", ""),
            ("CRPIX3", 1.0, ""),
            ("CRVAL3", first, "far edge of the bin" if far else "center of the bin"),
            ("CDELT3", width, ""),
        ]
    if unit != "1":
        cards.append(("BUNIT", unit, ""))
    header = fits.Header(cards)
    header.add_comment(cube[name].attrs.get("long_name", meaning))
    return header
