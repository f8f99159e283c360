"""Maps in FITS files: images of the sky, cubes with distances, HEALPix tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from milkyway_cnn.comparison.other_maps.sampling import sample_plane, sample_volume
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

__all__ = ["read_fits", "read_healpix"]


def read_fits(
    path: str | Path,
    grid: Grid,
    edges: np.ndarray | None = None,
    *,
    factor: float = 1.0,
    density: bool = False,
    extension: int | str = 0,
) -> xr.Dataset:
    """Sample a FITS image, or a cube whose third axis is the distance, on our cells.

    Parameters
    ----------
    edges
        Edges of the distance bins (kpc), for a cube.
    factor
        A_V (mag) of the file's unit, such as 2.742 for E(B-V) of SFD; of a density, A_V per kpc.
    density
        Whether a cube has extinction per length rather than extinction up to each distance.
    extension
        Which image of the file.

    Returns
    -------
    `sample_plane` or `sample_volume`. Between pixels values are interpolated linearly.

    Raises
    ------
    InputError
        When the file cannot be read, or has no celestial coordinates or no distances.
    """
    from astropy.io import fits
    from astropy.wcs import WCS

    try:
        with fits.open(path) as file:
            data, header = np.asarray(file[extension].data, float), file[extension].header.copy()
    except (OSError, KeyError, IndexError, TypeError) as error:
        msg = f"{path} cannot be read as a FITS image ({error}); give the path of one, and its extension"
        raise InputError(msg) from None
    wcs = WCS(header)
    attrs = {"title": Path(path).name, "A_V_per_unit": factor}
    if not wcs.has_celestial or data.ndim not in (2, 3):
        axes = ", ".join(wcs.axis_type_names)
        msg = f"{path} has the axes {axes}; it must have two of the sky, and one of distance or none"
        raise InputError(msg)
    if data.ndim == 2:
        return sample_plane(lambda places: _interpolated(data, _pixels(wcs, places)), grid, factor, attrs=attrs)
    if edges is None:
        msg = f"{path} has distances; give the edges of the distance bins"
        raise InputError(msg)
    unit = _kpc_per_unit(header, path)
    first, step, at = (float(header.get(f"{key}3", 1.0)) for key in ("CRVAL", "CDELT", "CRPIX"))
    end = (first + (data.shape[0] - at) * step) * unit

    def query(places: SkyCoord) -> np.ndarray:
        layer = (places.distance.kpc / unit - first) / step + at - 1
        return _interpolated(data, (layer, *_pixels(wcs.celestial, places)))

    return sample_volume(query, grid, edges, factor, reach=end, density=density, attrs=attrs)


def read_healpix(path: str | Path, grid: Grid, *, factor: float = 1.0, column: int | str = 0) -> xr.Dataset:
    """Sample a HEALPix table of the whole sky, with one value a pixel, on our cells.

    Parameters
    ----------
    factor
        A_V (mag) of the file's unit.
    column
        Which one, by number or name. Its frame is that of COORDSYS, Galactic if not said, its order that of ORDERING.

    Raises
    ------
    InputError
        When the file has no such table.
    """
    from astropy.io import fits
    from astropy_healpix import HEALPix

    try:
        with fits.open(path) as file:
            table = next(unit for unit in file if isinstance(unit, fits.BinTableHDU))
            values, header = np.asarray(table.data.field(column), float).ravel(), table.header.copy()
    except (OSError, StopIteration, KeyError, IndexError, ValueError) as error:
        msg = f"{path} cannot be read as a HEALPix table ({error or 'it has no table'}); give the path of one"
        raise InputError(msg) from None
    nside = int(np.sqrt(values.size / 12))
    if 12 * nside**2 != values.size:
        msg = f"{path} has {values.size:,} values, which is no number of HEALPix pixels of the whole sky"
        raise InputError(msg)
    frame = "icrs" if str(header.get("COORDSYS", "G")).upper().startswith(("C", "EQ", "I")) else "galactic"
    pixels = HEALPix(nside, order=str(header.get("ORDERING", "RING")).strip().lower()[:6], frame=frame)
    values[values < -1e30] = np.nan  # HEALPix' mark of no value
    attrs = {"title": Path(path).name, "A_V_per_unit": factor}
    return sample_plane(lambda places: values[pixels.skycoord_to_healpix(places)], grid, factor, attrs=attrs)


def _pixels(wcs: Any, places: SkyCoord) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each position, counted from 0."""
    x, y = wcs.world_to_pixel(places)
    return np.asarray(y), np.asarray(x)


def _interpolated(data: np.ndarray, places: tuple[np.ndarray, ...]) -> np.ndarray:
    """Values between pixels; NaN off the image."""
    from scipy.ndimage import map_coordinates

    inside = np.logical_and.reduce(
        [(place >= -0.5) & (place <= size - 0.5) for place, size in zip(places, data.shape, strict=True)]
    )
    kept = [np.clip(place, 0, size - 1) for place, size in zip(places, data.shape, strict=True)]
    return np.where(inside, map_coordinates(data, kept, order=1, mode="nearest"), np.nan)


def _kpc_per_unit(header: Any, path: str | Path) -> float:
    from astropy import units as u

    try:
        return float(u.Unit(header.get("CUNIT3", "")).to(u.kpc))
    except (u.UnitConversionError, ValueError, TypeError):
        unit = header.get("CUNIT3", "")
        msg = f"the third axis of {path} has the unit {unit!r}, which is none of distance; give kpc or pc"
        raise InputError(msg) from None
