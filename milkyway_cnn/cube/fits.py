"""The cube as FITS, for every other tool of the field."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.cube.fields import FIELDS
from milkyway_cnn.errors import InputError
from milkyway_cnn.storage import replacing

__all__ = ["to_fits"]


def to_fits(cube: xr.Dataset, path: str | os.PathLike[str], provenance: Mapping[str, Any] | None = None) -> None:
    """Write the cube as FITS, one image a field, with celestial and distance coordinates.

    The primary image is `A_V`, whose distance is that of the far edge of a bin; the other fields follow as
    extensions of their name, with the distance of the bin center. Longitude grows towards the first pixel (the
    left), as on the sky. The projection is CAR about the middle of the region on the Galactic equator, so that
    pixels are exactly equal steps in l and b (Calabretta & Greisen 2002, A&A 395, 1077, sec. 5.2.3).

    Parameters
    ----------
    provenance
        Written as HISTORY cards, one `name = JSON` each; by default the attributes of the cube. Nothing else
        enters the headers, so the same cube makes the same file.
    """
    from astropy.io import fits

    widths = np.diff(cube["distance_edges"].values)
    if np.ptp(widths) > 1e-6 * widths[0]:
        msg = f"bins of {widths.min():g} to {widths.max():g} kpc do not fit the linear axis of FITS; use save"
        raise InputError(msg)
    history = [f"{name} = {json.dumps(value)}" for name, value in (provenance or cube.attrs).items()]
    images: list[Any] = []
    for name in sorted((str(name) for name in cube.data_vars), key=list(FIELDS).index):
        field = cube[name].transpose(..., "b", "l")
        image = fits.ImageHDU if images else fits.PrimaryHDU
        images.append(image(np.ascontiguousarray(field.values[..., ::-1]), _header(cube, name)))
    for line in history:
        images[0].header.add_history(line)
    with replacing(path) as part:
        fits.HDUList(images).writeto(part)


def _header(cube: xr.Dataset, name: str) -> Any:
    """FITS header with the coordinates, unit and meaning of a field."""
    from astropy.io import fits

    l, b, edges = (cube[axis].values for axis in ("l", "b", "distance_edges"))
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
        width = float((edges[-1] - edges[0]) / (len(edges) - 1))
        first = float(edges[1]) if name == "A_V" else float(edges[:2].mean())
        cards += [
            ("CTYPE3", "DIST", "distance from the Sun"),
            ("CUNIT3", "kpc", ""),
            ("CRPIX3", 1.0, ""),
            ("CRVAL3", first, "far edge of the bin" if name == "A_V" else "center of the bin"),
            ("CDELT3", width, ""),
        ]
    if unit != "1":
        cards.append(("BUNIT", unit, ""))
    header = fits.Header(cards)
    header.add_comment(meaning)
    return header
