"""How good predictions are: a confusion matrix for classes, the usual numbers for a regression."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Regression", "confusion", "regression"]


class Regression(NamedTuple):
    """Scores of each output, (outputs,) each."""

    bias: np.ndarray  # mean of prediction - truth
    rms: np.ndarray  # root of its mean square
    mad: np.ndarray  # 1.4826 times its median absolute value: the deviation of the bulk
    correlation: np.ndarray  # Pearson; NaN where truth or prediction is constant


def confusion(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Count examples by true class (rows) and predicted class (columns), int64.

    Parameters
    ----------
    predicted, truth : (n, classes)
        Probabilities or any scores; the largest is the class.
    """
    classes = truth.shape[1]
    pairs = truth.argmax(axis=1) * classes + predicted.argmax(axis=1)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def regression(predicted: np.ndarray, truth: np.ndarray) -> Regression:
    """Score predictions (n, outputs) against the truth, output by output."""
    error = predicted.astype(float) - truth
    a, b = (values - values.mean(axis=0) for values in (predicted.astype(float), truth.astype(float)))
    with np.errstate(invalid="ignore"):
        correlation = (a * b).sum(axis=0) / np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return Regression(
        error.mean(axis=0),
        np.sqrt((error**2).mean(axis=0)),
        1.4826 * np.median(np.abs(error), axis=0),
        correlation,
    )
