"""The views as data: FITS images of the sky, of slices and of voxels, and VTK for volume rendering."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from milkyway_cnn.cube import within
from milkyway_cnn.errors import InputError
from milkyway_cnn.maps.density import latitude_density, plane_density
from milkyway_cnn.maps.projection import cells_of_map, project, sky_wcs
from milkyway_cnn.maps.sky import between
from milkyway_cnn.storage import replacing

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["cartesian_to_fits", "cartesian_to_vtk", "sky_to_fits", "slice_to_fits"]

#: One image of a file: name, values, unit and meaning.
_Image = tuple[str, np.ndarray, str, str]
#: Name, value and comment of a card.
_Card = tuple[str, Any, str]


def sky_to_fits(
    cube: xr.Dataset,
    path: str | os.PathLike[str],
    to: float = 10.0,
    *,
    since: float = 0.0,
    projection: str = "CAR",
) -> None:
    """Write extinction between two distances (kpc) as an image of the sky, as `sky.plane_of_sky` draws it.

    The primary image is `A_V` (mag). `HORIZON` (kpc) follows where the cube has one.
    """
    field = between(cube, since, to)
    wcs, cell = sky_wcs(cells_of_map(cube, cube.attrs["cell_deg"]), projection), cube.attrs["cell_deg"]
    images: list[_Image] = [("A_V", project(field, wcs, cell), "mag", field.attrs["long_name"])]
    if "horizon" in cube:
        meaning = str(cube["horizon"].attrs.get("long_name", "horizon"))
        images.append(("HORIZON", project(cube["horizon"], wcs, cell), "kpc", meaning))
    _write(path, images, _celestial(wcs), cube.attrs)


def slice_to_fits(
    cube: xr.Dataset,
    path: str | os.PathLike[str],
    angle: str = "l",
    *,
    window: tuple[float, float] | None = None,
    to: float | None = None,
) -> None:
    """Write extinction per kpc against an angle and distance, as `slices` draws it.

    Both axes are linear; longitude grows to the left.

    Parameters
    ----------
    angle
        "l", a mean over latitudes |b| <= window[1], or "b", one over longitudes from window[0] to window[1] (deg).

    Raises
    ------
    InputError
        For another angle, or bins of different widths, which do not fit the linear axes of FITS.
    """
    if angle not in ("l", "b"):
        msg = f"there is no slice along {angle!r}; choose 'l' or 'b'"
        raise InputError(msg)
    cube = within(cube, to or np.inf)
    b_max = window[1] if window else None
    density = plane_density(cube, b_max) if angle == "l" else latitude_density(cube, window)
    edges, cell = cube["distance_edges"].values, cube.attrs["cell_deg"]
    if np.ptp(np.diff(edges)) > 1e-6 * edges[-1]:
        msg = f"bins of {np.diff(edges).min():g} to {np.diff(edges).max():g} kpc do not fit the linear axes of FITS"
        raise InputError(msg)
    values = density.transpose("distance", angle).values
    first, step = float(density[angle][0]), cell
    if angle == "l":
        values, first, step = values[:, ::-1], float(density["l"][-1]), -cell
    width = float(edges[-1] - edges[0]) / (len(edges) - 1)
    cards = _linear(1, "GLON" if angle == "l" else "GLAT", "deg", first, step)
    cards += _linear(2, "DIST", "kpc", float(edges[:2].mean()), width)
    _write(path, [("DENSITY", values, "mag kpc-1", "visual extinction per kpc")], cards, cube.attrs)


def cartesian_to_fits(voxels: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write what `cartesian.to_cartesian` returns, `density` first, on linear axes x, y, z (kpc)."""
    step = float(voxels.attrs["voxel_kpc"])
    cards = [
        card
        for number, axis in enumerate("xyz", 1)
        for card in _linear(number, axis.upper(), "kpc", float(voxels[axis][0]), step)
    ]
    images = [
        (
            str(name).upper(),
            field.transpose("z", "y", "x").values,
            str(field.attrs["units"]),
            str(field.attrs["long_name"]),
        )
        for name, field in voxels.data_vars.items()
    ]
    _write(path, sorted(images, key=lambda image: image[0] != "DENSITY"), cards, voxels.attrs)


def cartesian_to_vtk(voxels: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write what `cartesian.to_cartesian` returns as an image of VTK (.vti), for ParaView, VisIt and PyVista.

    Voxels without a value have a density of 0 there, and `volume` tells them.

    Raises
    ------
    InputError
        When the path does not end in .vti, or the package pyevtk is missing.
    """
    if Path(path).suffix != ".vti":
        msg = f"{path} must end in .vti, as images of VTK do"
        raise InputError(msg)
    try:
        from pyevtk.hl import imageToVTK
    except ImportError:
        msg = "files of VTK need the package pyevtk; pip install 'milkyway-cnn[maps]'"
        raise InputError(msg) from None
    step = float(voxels.attrs["voxel_kpc"])
    origin = tuple(float(voxels[axis][0]) - step / 2 for axis in "xyz")
    data = {
        str(name): np.asfortranarray(np.nan_to_num(field.transpose("x", "y", "z").values))
        for name, field in voxels.data_vars.items()
    }
    with replacing(path) as part:
        imageToVTK(str(part.with_suffix("")), origin, (step, step, step), cellData=data)


def _celestial(wcs: WCS) -> list[_Card]:
    """Cards of celestial coordinates, in all digits."""
    cards: list[_Card] = []
    for k in (0, 1):
        cards += [
            (f"CTYPE{k + 1}", wcs.wcs.ctype[k], "Galactic longitude" if k == 0 else "Galactic latitude"),
            (f"CUNIT{k + 1}", "deg", ""),
            (f"CRPIX{k + 1}", float(wcs.wcs.crpix[k]), ""),
            (f"CRVAL{k + 1}", float(wcs.wcs.crval[k]), ""),
            (f"CDELT{k + 1}", float(wcs.wcs.cdelt[k]), ""),
        ]
    return cards


def _linear(number: int, name: str, unit: str, first: float, step: float) -> list[_Card]:
    """Cards of a linear axis."""
    return [
        (f"CTYPE{number}", name, ""),
        (f"CUNIT{number}", unit, ""),
        (f"CRPIX{number}", 1.0, ""),
        (f"CRVAL{number}", first, ""),
        (f"CDELT{number}", step, ""),
    ]


def _write(
    path: str | os.PathLike[str], images: Sequence[_Image], cards: Sequence[_Card], attrs: Mapping[str, Any]
) -> None:
    """Write images of the same coordinates; the attributes become HISTORY, so the same cube makes the same file."""
    from astropy.io import fits

    units: list[Any] = []
    for name, values, unit, meaning in images:
        header = fits.Header([("EXTNAME", name, ""), *cards])
        if unit != "1":
            header["BUNIT"] = unit
        header.add_comment(meaning)
        make = fits.ImageHDU if units else fits.PrimaryHDU
        units.append(make(np.ascontiguousarray(values, np.float32), header))
    for key, value in attrs.items():
        units[0].header.add_history(f"{key} = {json.dumps(value)}")
    with replacing(path) as part:
        fits.HDUList(units).writeto(part)
