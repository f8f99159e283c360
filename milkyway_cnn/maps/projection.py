"""Maps of the sky in any projection: an image, and the coordinates of its pixels (Calabretta & Greisen 2002)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["PROJECTIONS", "cells_of_map", "pixel_places", "project", "sky_wcs"]

#: Projections by their codes in FITS, with the angle from the middle (deg) up to which they are shown here; those
#: about the equator show all longitudes.
PROJECTIONS = {
    "CAR": 180.0, "CEA": 180.0, "MER": 180.0, "SFL": 180.0, "PAR": 180.0, "MOL": 180.0, "AIT": 180.0,
    "TAN": 70.0, "STG": 120.0, "SIN": 89.0, "ARC": 180.0, "ZEA": 180.0,
}  # fmt: skip
_ZENITHAL = ("TAN", "STG", "SIN", "ARC", "ZEA")
#: Least number of pixels along the longer side of an image that is not in steps of cells.
_PIXELS = 1200


def cells_of_map(field: xr.DataArray | xr.Dataset, cell: float) -> Grid:
    """Cells of a map on (b, l), each `cell` (deg) wide."""
    l, b, half = field["l"].values, field["b"].values, cell / 2
    low, high = max(b[0] - half, -90.0), min(b[-1] + half, 90.0)
    return Grid(float(l[0] - half), float(l[0] - half + cell * l.size), float(low), float(high), cell)


def sky_wcs(cells: Grid, projection: str = "CAR") -> WCS:
    """Coordinates of an image that holds all cells, l growing to the left.

    Parameters
    ----------
    cells
        The region. Its middle is that of the image; a region of all longitudes has the Galactic center there.
    projection
        One of `PROJECTIONS`. In CAR a pixel is a cell; other images have pixels of a cell or smaller.

    Returns
    -------
    astropy.wcs.WCS
        With its `array_shape`.

    Raises
    ------
    InputError
        When there is no such projection, or it cannot show the region.
    """
    from astropy.wcs import WCS

    if projection not in PROJECTIONS:
        msg = f"there is no projection {projection!r}; choose one of {', '.join(PROJECTIONS)}"
        raise InputError(msg)
    whole = cells.shape[1] * cells.cell > 360 - 1.5 * cells.cell
    l_middle = 0.0 if whole else (cells.l[0] + cells.l[-1]) / 2
    b_middle = float(cells.b[0] + cells.b[-1]) / 2 if projection in _ZENITHAL else 0.0
    l, b = _places(cells, 180.0 if whole else np.inf)
    reach = PROJECTIONS[projection]
    if projection in _ZENITHAL and (farthest := _separation(l, b, l_middle, b_middle).max()) > reach:
        msg = f"{projection} shows up to {reach:g} deg from its middle, and the map reaches {farthest:.0f}; choose AIT"
        raise InputError(msg)
    if projection == "MER" and abs(b).max() > 85:
        msg = f"MER does not show the poles, and the map reaches b = {abs(b).max():.0f} deg; choose CEA or AIT"
        raise InputError(msg)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"GLON-{projection}", f"GLAT-{projection}"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [l_middle % 360, b_middle]
    wcs.wcs.cdelt = [-1.0, 1.0]
    wcs.wcs.crpix = [0.0, 0.0]
    x, y = wcs.wcs_world2pix(l, b, 1)
    left, right, low, high = x.min(), x.max(), y.min(), y.max()
    step = cells.cell
    if projection != "CAR":
        step = min(step, max(right - left, high - low) / _PIXELS)
    columns, rows = (max(int(np.ceil(size / step - 1e-6)), 1) for size in (right - left, high - low))
    wcs.wcs.cdelt = [-step, step]
    wcs.wcs.crpix = [(columns + 1) / 2 - (left + right) / 2 / step, (rows + 1) / 2 - (low + high) / 2 / step]
    wcs.wcs.set()
    wcs.array_shape = (rows, columns)
    return wcs


def project(field: xr.DataArray, wcs: WCS, cell: float) -> np.ndarray:
    """Value of the cell that holds the middle of each pixel; NaN outside the map.

    Parameters
    ----------
    field
        On (b, l), of cells `cell` (deg) wide.
    wcs
        `sky_wcs`, or any other with celestial axes and an `array_shape`.
    """
    l, b = pixel_places(wcs)
    grid = cells_of_map(field, cell)
    index = grid.cell_index(l.ravel(), b.ravel())
    values = np.append(field.transpose("b", "l").values.astype(float).ravel(), np.nan)
    return values[index].reshape(l.shape)


def pixel_places(wcs: WCS) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude (deg) of the middle of each pixel; NaN off the sky."""
    rows, columns = wcs.array_shape
    y, x = np.mgrid[:rows, :columns].astype(float)
    l, b = wcs.wcs_pix2world(x, y, 0)
    seen = np.isfinite(l) & np.isfinite(b)
    # Off the sky wcslib may still find a place, whose own pixel is another.
    x_back, y_back = wcs.wcs_world2pix(np.where(seen, l, 0.0), np.where(seen, b, 0.0), 0)
    seen &= (abs(x_back - x) < 0.01) & (abs(y_back - y) < 0.01)
    return np.where(seen, l, np.nan), np.where(seen, b, np.nan)


def _places(cells: Grid, inside: float) -> tuple[np.ndarray, np.ndarray]:
    """Places (deg) over the region with its edges; those of all longitudes end just before the far side."""
    half = cells.cell / 2
    if np.isfinite(inside):
        l = np.linspace(-inside + 1e-6, inside - 1e-6, 721)
    else:
        l = np.linspace(cells.l[0] - half, cells.l[-1] + half, 361)
    b = np.linspace(cells.b[0] - half, cells.b[-1] + half, 181)
    if cells.b[0] <= 0 <= cells.b[-1]:
        b = np.append(b, 0.0)
    l, b = np.meshgrid(l, np.clip(b, -90, 90))
    return l.ravel(), b.ravel()


def _separation(l: np.ndarray, b: np.ndarray, l_from: float, b_from: float) -> np.ndarray:
    """Angle (deg) on the sphere."""
    from astropy.coordinates import angular_separation

    return np.degrees(angular_separation(*np.radians((l, b)), *np.radians((l_from, b_from))))
