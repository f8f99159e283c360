"""Structure in a map: how fast it changes on the sky and along the line of sight, and whether it has seams."""

from __future__ import annotations

import numpy as np
import xarray as xr

__all__ = ["correlation_lengths", "finger_index", "structure_function", "tile_power"]


def structure_function(field: xr.DataArray, lags: int = 12) -> xr.DataArray:
    """Mean square difference of cells so many cells apart, along l and along b together.

    Parameters
    ----------
    field
        On (b, l), in mag; pairs with a cell without value are left out.
    lags
        Largest lag (cells), at most half of the longer side.

    Returns
    -------
    On `lag` (deg), in mag^2.
    """
    values = field.transpose("b", "l").values.astype(float)
    cell = float(abs(np.diff(field["l"].values).mean())) if field.sizes["l"] > 1 else 1.0
    lags = max(1, min(lags, max(values.shape) // 2))
    means = []
    for lag in range(1, lags + 1):
        pairs = [(values[:, lag:] - values[:, :-lag]).ravel(), (values[lag:] - values[:-lag]).ravel()]
        squares = np.concatenate(pairs) ** 2
        means.append(np.nanmean(squares) if np.isfinite(squares).any() else np.nan)
    lag_deg = cell * np.arange(1, lags + 1)
    return xr.DataArray(means, {"lag": ("lag", lag_deg, {"units": "deg"})}, "lag", attrs={"units": "mag2"})


def correlation_lengths(cube: xr.Dataset) -> tuple[float, float]:
    """Radial and transverse correlation lengths (kpc) of the dust's relative fluctuation.

    Notes
    -----
    The fluctuation is A_V per bin over its mean over the cells, less 1. A length is that at which the correlation
    falls to one half, linear between lags; transversely each pair of neighbors in l is as far apart as its distance
    says, and the median over the distances is taken. A correlation that stays above one half counts with the longest
    lag.
    """
    delta = cube["delta_A_V"].transpose("b", "l", "distance").values.astype(float)
    mean = np.nanmean(delta, axis=(0, 1))
    used = mean > 0.02 * np.nanmax(mean)
    relative = delta[..., used] / mean[used] - 1.0
    distance, width = cube["distance"].values[used], float(np.diff(cube["distance_edges"].values).mean())
    half = max(2, relative.shape[2] // 2)
    radial = _half_length(
        [_correlation(relative[..., lag:], relative[..., : relative.shape[2] - lag]) for lag in range(1, half)]
    )
    columns = max(2, relative.shape[1] // 2)
    transverse = []
    for bin_ in range(relative.shape[2]):
        layer = relative[..., bin_]
        lags = [_correlation(layer[:, lag:], layer[:, : layer.shape[1] - lag]) for lag in range(1, columns)]
        transverse.append(_half_length(lags) * np.radians(cube.attrs["cell_deg"]) * distance[bin_])
    return radial * width, float(np.nanmedian(transverse))


def finger_index(cube: xr.Dataset) -> float:
    """Radial over transverse correlation length: fingers of God make it large."""
    radial, transverse = correlation_lengths(cube)
    return radial / transverse if transverse > 0 else np.nan


def tile_power(field: xr.DataArray, tile: int) -> float:
    """Mean step of A_V between neighbors across seams of tiles over that between others, less 1.

    Parameters
    ----------
    field
        On (b, l), whose first cell begins a tile.
    tile
        Cells along each side of a tile.
    """
    values = field.transpose("b", "l").values.astype(float)
    across, within = [], []
    for axis in (0, 1):
        steps = np.abs(np.diff(values, axis=axis))
        seam = np.arange(1, values.shape[axis]) % tile == 0
        across.append(np.compress(seam, steps, axis=axis).ravel())
        within.append(np.compress(~seam, steps, axis=axis).ravel())
    seams, others = (np.concatenate(parts) for parts in (across, within))
    seams, others = seams[np.isfinite(seams)], others[np.isfinite(others)]
    if not seams.size or not others.size or others.mean() == 0:
        return np.nan
    return float(seams.mean() / others.mean() - 1.0)


def _correlation(one: np.ndarray, two: np.ndarray) -> float:
    seen = np.isfinite(one) & np.isfinite(two)
    one, two = one[seen], two[seen]
    if one.size < 2:
        return np.nan
    one, two = one - one.mean(), two - two.mean()
    norm = np.sqrt(np.sum(one**2) * np.sum(two**2))
    return float(np.sum(one * two) / norm) if norm > 0 else np.nan


def _half_length(correlations: list[float]) -> float:
    """Lag (steps) at which a correlation that is 1 at 0 falls to one half."""
    course = np.array([1.0, *correlations])
    course = course[np.isfinite(course)]
    below = np.flatnonzero(course < 0.5)
    if not below.size:
        return float(max(len(course) - 1, 0)) or np.nan
    after = below[0]
    return float(after - 1 + (course[after - 1] - 0.5) / (course[after - 1] - course[after]))
