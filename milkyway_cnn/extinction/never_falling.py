"""Extinction does not fall with distance: the nearest curve that obeys."""

from __future__ import annotations

import numpy as np

__all__ = ["never_falling"]


def never_falling(total: np.ndarray) -> np.ndarray:
    """Return the curves that never fall, nowhere below zero, nearest in least squares: the shape of `total`, float64.

    Isotonic regression along the last axis; a curve that does not fall stays as it is, and one with NaN is NaN.
    """
    from scipy.optimize import isotonic_regression

    curves = np.array(total, np.float64)
    falls = (np.diff(curves, axis=-1, prepend=0.0) < 0).any(axis=-1)
    for place in np.argwhere(falls):
        index = tuple(place)
        curves[index] = np.maximum(isotonic_regression(curves[index]).x, 0.0)
    return curves
