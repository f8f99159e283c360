"""The cube of HEALPix pixels as FITS tables, which healpy and other HEALPix tools read."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.cube.fields import FIELDS, described, dimensions
from milkyway_cnn.cube.fits import coordinates_table, in_order, provenance_of, read_coordinates
from milkyway_cnn.storage import replacing

__all__ = ["read_healpix", "to_healpix_table"]

_SKY = ("sightline",)


def to_healpix_table(cube: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write a cube of HEALPix pixels as FITS tables of part of the sky, a table for each field.

    A table has the column PIXEL, nested numbers (INDXSCHM = EXPLICIT), and one column for each distance, named by it
    in kpc: the far edge of the bin for `A_V` and what is said of it, else the center; so field 0 of
    `healpy.read_map(path, hdu=1)` is `A_V` to the first edge. Quantiles and draws are a table each, numbered by EXTVER
    from 1. A table at the end holds the coordinates as they are.

    Parameters
    ----------
    cube
        As `cube.to_healpix` makes it.
    """
    from astropy.io import fits

    pixel = fits.Column("PIXEL", "K", array=cube["pixel"].values)
    with replacing(path) as part:
        primary = fits.PrimaryHDU()
        for line in provenance_of(cube.attrs):
            primary.header.add_history(line)
        primary.writeto(part)
        for name in in_order(cube):
            field = cube[name].transpose(*dimensions(name, _SKY))
            lead = field.dims[0] if field.dims[0] != "sightline" else None
            for number in range(field.sizes[lead] if lead else 1):
                image = field.isel({lead: number}) if lead else field
                table = fits.BinTableHDU.from_columns([pixel, *_columns(cube, name, image.values)])
                table.header.update(_cards(cube, name))
                if lead:
                    table.header["EXTVER"] = number + 1
                    table.header[str(lead).upper()] = (cube[lead].values[number].item(), FIELDS[str(lead)][1])
                fits.append(part, table.data, table.header, verify=False)
        with fits.open(part, mode="append") as units:
            units.append(coordinates_table(cube))


def read_healpix(units: Any) -> xr.Dataset:
    """Read what `to_healpix_table` has written: an open list of FITS units."""
    coords, attrs = read_coordinates(units)
    parts: dict[str, list[np.ndarray]] = {}
    for unit in units[1:-1]:
        name = unit.name
        columns = [unit.data[column] for column in unit.columns.names[1:]]
        values = np.stack(columns, axis=-1) if "distance" in dimensions(name) else columns[0]
        parts.setdefault(name, []).append(values.astype(values.dtype.newbyteorder("=")))
    placed = {name: ("sightline", axis) for name, axis in coords.items() if name in ("pixel", "l", "b")}
    lead = {name: "quantile" in dimensions(name) or "draw" in dimensions(name) for name in parts}
    held = {
        name: (dimensions(name, _SKY), np.array(found) if lead[name] else found[0]) for name, found in parts.items()
    }
    return described(xr.Dataset(held, coords | placed, attrs))


def _columns(cube: xr.Dataset, name: str, values: np.ndarray) -> list[Any]:
    from astropy.io import fits

    unit = "" if FIELDS[name][0] == "1" else FIELDS[name][0]
    kind = "B" if values.dtype == np.uint8 else "E"
    if values.ndim == 1:
        return [fits.Column(name, kind, unit, array=values)]
    distances = cube["distance_edges"].values[1:] if name.startswith("A_V") else cube["distance"].values
    return [
        fits.Column(f"{name}_{distance:.10g}_kpc", kind, unit, array=values[:, column])
        for column, distance in enumerate(distances)
    ]


def _cards(cube: xr.Dataset, name: str) -> list[tuple[str, Any, str]]:
    """Keywords by which tools know a HEALPix table of part of the sky."""
    pixels = cube["pixel"].values
    return [
        ("EXTNAME", name, ""),
        ("PIXTYPE", "HEALPIX", "HEALPix pixels"),
        ("ORDERING", "NESTED", "order of their numbers"),
        ("COORDSYS", "G", "Galactic coordinates"),
        ("NSIDE", int(cube.attrs["nside"]), "resolution"),
        ("OBJECT", "PARTIAL", "part of the sky"),
        ("INDXSCHM", "EXPLICIT", "numbers stand in PIXEL"),
        ("OBS_NPIX", len(pixels), "pixels in the table"),
        ("COMMENT", FIELDS[name][1], ""),
    ]
