"""Maps that answer at coordinates, sampled on our cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from milkyway_cnn import cube
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

__all__ = ["sample_plane", "sample_volume"]

#: What a map says at coordinates, in its own unit.
Query = Callable[["SkyCoord"], Any]
#: Cells whose points are asked for at once.
_AT_ONCE = 500


def sample_plane(
    query: Query, grid: Grid, factor: float, *, points: int = 3, attrs: dict[str, Any] | None = None
) -> xr.Dataset:
    """Sample a map of the sky: `A_V` (mag) on (b, l), the mean over points x points places of each cell.

    Parameters
    ----------
    query
        The map: values at a SkyCoord without distances, NaN where it has none.
    factor
        A_V (mag) of the map's unit.
    attrs
        Kept with the map.
    """
    from astropy.coordinates import SkyCoord

    l, b = _places(grid, points)
    values = np.asarray(query(SkyCoord(l.ravel(), b.ravel(), unit="deg", frame="galactic")), float)
    values = values.reshape(*grid.shape, -1).mean(axis=-1) * factor
    coords = {"b": grid.b.round(10), "l": grid.l.round(10)}
    field = (("b", "l"), values, {"units": "mag", "long_name": "visual extinction"})
    return xr.Dataset({"A_V": field}, coords, {"cell_deg": grid.cell, **(attrs or {})})


def sample_volume(
    query: Query,
    grid: Grid,
    edges: np.ndarray,
    factor: float,
    *,
    reach: float = np.inf,
    density: bool = False,
    points: int = 3,
    attrs: dict[str, Any] | None = None,
) -> xr.Dataset:
    """Sample a map in three dimensions: a cube as `cube.build` makes it.

    Parameters
    ----------
    query
        The map: values at a SkyCoord with distances, NaN where it has none.
    edges
        Edges of the distance bins (kpc), (bins + 1,), from 0.
    factor
        A_V (mag) of the map's unit; of a density, A_V per kpc.
    reach
        Distance at which the map ends (kpc).
    density
        Whether the map has extinction per length, which is summed up in steps of a quarter of a bin, rather than
        extinction up to each distance.
    points
        Places along each side of a cell, over which the mean is taken.

    Notes
    -----
    In front of the first distance at which the map has a value A_V grows in proportion to distance; a density counts
    as zero there. Cells with a gap behind that are NaN.

    Raises
    ------
    InputError
        When the map has no value within the cells and `reach`.
    """
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    edges = np.asarray(edges, float)
    edges = edges[edges <= reach + 1e-6]
    if edges.size < 2:
        msg = f"the map ends at {reach:g} kpc, before the first distance bin; choose narrower bins"
        raise InputError(msg)
    width = np.diff(edges)
    middles = (edges[:-1, None] + width[:, None] * (np.arange(4) + 0.5) / 4).ravel()
    distance = middles if density else edges[1:]
    l, b = (angle.reshape(-1, points**2) for angle in _places(grid, points))
    delta = np.empty((len(l), len(width)))
    for start in range(0, len(l), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        far = np.broadcast_to(distance, (*l[part].shape, len(distance)))
        l_far, b_far = (np.broadcast_to(angle[part][..., None], far.shape).ravel() for angle in (l, b))
        places = SkyCoord(l_far * u.deg, b_far * u.deg, distance=far.ravel() * u.kpc, frame="galactic")
        values = np.asarray(query(places), float).reshape(far.shape).mean(axis=1) * factor
        if density:
            delta[part] = _from_the_sun(values, 0.0 * distance).reshape(-1, len(width), 4).mean(axis=2) * width
        else:
            delta[part] = np.diff(_from_the_sun(values, distance), axis=1, prepend=0.0)
    delta[np.isnan(delta).any(axis=1)] = np.nan
    if not np.isfinite(delta).any():
        msg = f"the map has no value within l {grid.l_min:g} to {grid.l_max:g}, b {grid.b_min:g} to {grid.b_max:g} deg"
        raise InputError(msg)
    return cube.build(delta.reshape(*grid.shape, -1).astype(np.float32), grid, edges, reach=edges[-1], attrs=attrs)


def _from_the_sun(values: np.ndarray, grows_as: np.ndarray) -> np.ndarray:
    """Fill what lies in front of the first value of each row, in proportion to `grows_as`; with 0 where that is 0."""
    filled = values.copy()
    first = np.isfinite(values).argmax(axis=1)
    start = np.take_along_axis(values, first[:, None], axis=1)
    share = grows_as / np.maximum(grows_as[first], 1e-9)[:, None]
    near = np.arange(values.shape[1]) < first[:, None]
    filled[near] = (start * share)[near]
    return filled


def _places(grid: Grid, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions l and b (deg) of places spread evenly over each cell: (b, l, points^2)."""
    offset = ((np.arange(points) + 0.5) / points - 0.5) * grid.cell
    shape = (*grid.shape, points, points)
    l = np.broadcast_to(grid.l[None, :, None, None] + offset, shape)
    b = np.broadcast_to(grid.b[:, None, None, None] + offset[:, None], shape)
    return l.reshape(*grid.shape, -1), b.reshape(*grid.shape, -1)
