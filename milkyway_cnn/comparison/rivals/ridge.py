"""Ridge regression: the linear map from diagrams to profiles that the examples of a stream tell best."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy import linalg

from milkyway_cnn.galaxy.models import Galaxy
from milkyway_cnn.prediction import bare_cells
from milkyway_cnn.profile_network import channels
from milkyway_cnn.samples import Stream

__all__ = ["Ridge", "fit_ridge", "predict_cells"]

#: Pixels of a diagram that are put together along each side: with finer ones, forty thousand examples tell less.
_POOL = 4
#: Penalties among which the validation sample chooses.
_PENALTIES = (0.1, 1.0, 10.0, 100.0, 1e3, 1e4)


@dataclass(frozen=True)
class Ridge:
    """A fitted regression.

    Parameters
    ----------
    coefficients, middle, mean
        A_V added per bin = mean + (features - middle) @ coefficients: (features, bins), (features,), (bins,).
    penalty
        Weight of the squared coefficients, beside the weighted squared error summed over the examples.
    loss
        Weighted mean squared error of the validation sample.
    """

    coefficients: np.ndarray
    middle: np.ndarray
    mean: np.ndarray
    penalty: float
    loss: float

    def predict(self, diagrams: np.ndarray, bare: np.ndarray) -> np.ndarray:
        """A_V added per bin (mag), of either sign, (n, bins), given dusty and bare diagrams as the network's."""
        return self.mean + (_features(diagrams, bare) - self.middle) @ self.coefficients


def fit_ridge(
    stream: Stream,
    validation: xr.Dataset,
    examples: int = 40_960,
    *,
    relative: float = 1.0,
    penalties: Sequence[float] = _PENALTIES,
    on_examples: Callable[[int], object] = lambda made: None,
) -> Ridge:
    """Fit a ridge regression to the first training examples of a stream, which a network sees too.

    Features are the square roots of the counts, dusty and bare, of 4 x 4 pixels together. An example weighs
    1 / (relative + its total A_V), as in the network's loss.

    Parameters
    ----------
    validation
        A stored sample of the same stream, which chooses the penalty.
    examples
        How many.
    """
    second: Any = 0.0
    first: Any = 0.0
    cross: Any = 0.0
    total: Any = 0.0
    mean_of_profiles: Any = 0.0
    for start in range(0, examples, 2048):
        made = stream.examples(start, min(2048, examples - start))
        features, weight = _features(made.diagrams, made.bare), _weights(made.delta_A_V, relative)
        weighted = features * weight
        # Sums over two thousand are exact enough in float32; those over all are kept in float64.
        second = second + (weighted.T @ features).astype(np.float64)
        cross = cross + (weighted.T @ made.delta_A_V).astype(np.float64)
        first = first + weighted.sum(axis=0, dtype=np.float64)
        mean_of_profiles = mean_of_profiles + (weight * made.delta_A_V).sum(axis=0, dtype=np.float64)
        total = total + weight.sum(dtype=np.float64)
        on_examples(len(made.sightline))
    middle, mean = first / total, mean_of_profiles / total
    values, vectors = linalg.eigh(second - total * np.outer(middle, middle))
    along = vectors.T @ (cross - total * np.outer(middle, mean))
    shown = _features(validation["diagram"].values, validation["bare"].values[validation["sightline"].values])
    true = validation["delta_A_V"].values
    weight = _weights(true, relative)
    fits = []
    for penalty in penalties:
        coefficients = vectors @ (along / (np.maximum(values, 0.0) + penalty)[:, None])
        fit = Ridge(coefficients.astype(np.float32), middle.astype(np.float32), mean.astype(np.float32), penalty, 0.0)
        found = fit.mean + (shown - fit.middle) @ fit.coefficients
        fits.append((float((weight * (found - true) ** 2).mean()), fit))
    loss, best = min(fits, key=lambda pair: pair[0])
    return Ridge(best.coefficients, best.middle, best.mean, best.penalty, loss)


def _features(diagrams: np.ndarray, bare: np.ndarray) -> np.ndarray:
    """Square roots of counts of pooled pixels, all channels in a row: (n, features) float32."""
    images = channels(diagrams, bare)
    n, kinds, pixels, _ = images.shape
    pool = math.gcd(pixels, _POOL)
    pooled = images.reshape(n, kinds, pixels // pool, pool, pixels // pool, pool).sum(axis=(3, 5))
    return np.sqrt(pooled, out=pooled).reshape(n, -1)


def _weights(profiles: np.ndarray, relative: float) -> np.ndarray:
    return 1.0 / (np.float32(relative) + profiles.sum(axis=1, keepdims=True))


def predict_cells(
    ridge: Ridge,
    observed: xr.Dataset,
    cells: np.ndarray,
    *,
    seed: int,
    galaxy: str | Galaxy = "embedded",
    on_cell: Callable[[int], None] = lambda cells: None,
) -> np.ndarray:
    """A_V added per bin (mag) of some cells of `diagrams.observe_cells`, (b, l) bool; NaN elsewhere: (b, l, bins)."""
    found = np.full((*cells.shape, len(ridge.mean)), np.nan, np.float32)
    for row in np.flatnonzero(cells.any(axis=1)):
        columns = np.flatnonzero(cells[row])
        some = observed.isel(b=[row], l=columns)
        bare = bare_cells(some, seed=seed, galaxy=galaxy, on_cell=on_cell)
        found[row, columns] = ridge.predict(some["diagram"].values[0], bare.values[0])
    return found
