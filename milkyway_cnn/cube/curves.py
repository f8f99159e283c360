"""Curves along sightlines: read from a cube chunk by chunk, between its edges and quantiles, and turned around."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from milkyway_cnn.cube.cells import chunk, sky
from milkyway_cnn.cube.fields import dimensions

__all__ = ["along", "at_distance", "at_probability", "bin_of", "first_reach"]


def along(cube: xr.Dataset, name: str, cell: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read a field along sightlines; of a lazily opened cube, one chunk of cells after the other.

    Parameters
    ----------
    name
        Of a field.
    cell
        Numbers of cells, in the order of the cube: (places,).

    Yields
    ------
    Places, and their values (places, quantile or draw, distance), without the axes that the field does not have.
    """
    axes = sky(cube)
    field = cube[name].transpose(*dimensions(name, axes))
    shape = tuple(cube.sizes[axis] for axis in axes)
    index = np.stack(np.unravel_index(cell, shape))
    sizes = [chunk(field)[axis] for axis in axes]
    number_of = index // np.array(sizes)[:, None]
    order = np.lexsort(number_of[::-1])
    bounds = np.flatnonzero((np.diff(number_of[:, order], axis=1) != 0).any(axis=0)) + 1
    for places in np.split(order, bounds) if len(order) else ():
        start = number_of[:, places[0]] * sizes
        part = field.isel(
            {axis: slice(first, first + size) for axis, first, size in zip(axes, start, sizes, strict=True)}
        )
        local = tuple(number[places] - first for number, first in zip(index, start, strict=True))
        lead = part.dims.index(axes[0])
        values = np.moveaxis(part.values, range(lead, lead + len(axes)), range(len(axes)))
        yield places, values[local]


def bin_of(edges: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Bin that holds each distance; a bin holds its near edge, the last one both, and what is beyond them."""
    return np.clip(np.searchsorted(edges, distance, side="right") - 1, 0, len(edges) - 2)


def at_distance(curves: np.ndarray, edges: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Interpolate curves linearly between the edges of bins; beyond the last edge the value there.

    Parameters
    ----------
    curves
        Values at the far edges of the bins, (places, ..., bins); at the first edge they are 0.
    edges
        (bins + 1,) kpc.
    distance
        (places,) kpc.

    Returns
    -------
    (places, ...) float64
    """
    inner = np.clip(distance, edges[0], edges[-1])
    far = bin_of(edges, inner)
    part = ((inner - edges[far]) / (edges[far + 1] - edges[far])).reshape(-1, *(1,) * (curves.ndim - 2))
    row = np.arange(len(curves))
    near = np.where(far.reshape(part.shape) > 0, curves[row, ..., far - 1], 0.0)
    return (1.0 - part) * near.astype(float) + part * curves[row, ..., far]


def at_probability(curves: np.ndarray, known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Interpolate quantiles, linearly in the normal deviate of the probability: exact where errors are normal [OC].

    Parameters
    ----------
    curves
        Quantiles (places, quantile, ...).
    known, wanted
        Their probabilities, ascending, and those asked for, within them.

    Returns
    -------
    (places, wanted, ...) float64; at a probability that is known, its quantile.
    """
    from scipy.special import ndtri

    deviates = ndtri(known)
    weights = np.stack([np.interp(ndtri(wanted), deviates, one) for one in np.eye(len(known))], axis=1)
    return np.moveaxis(np.tensordot(weights, curves, axes=(1, 1)), 0, 1)


def first_reach(curves: np.ndarray, edges: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Distance at which curves first reach a value.

    Parameters
    ----------
    curves
        Values at the far edges of the bins, (places, ..., bins).
    value
        Not negative, broadcasting with (places, ...).

    Returns
    -------
    (places, ...) kpc, inf where a curve stays below the value, NaN where it is NaN.
    """
    value = np.broadcast_to(value, curves.shape[:-1])
    reached = curves >= value[..., None]
    far = reached.argmax(axis=-1)[..., None]
    high = np.take_along_axis(curves, far, axis=-1)[..., 0].astype(float)
    low = np.take_along_axis(curves, np.maximum(far - 1, 0), axis=-1)[..., 0]
    far = far[..., 0]
    low = np.where(far > 0, low, 0.0)
    part = np.divide(value - low, high - low, out=np.zeros_like(high), where=high > low)
    found = edges[far] + np.clip(part, 0.0, 1.0) * (edges[far + 1] - edges[far])
    found[~reached.any(axis=-1)] = np.inf
    found[np.isnan(curves[..., -1])] = np.nan
    return found
