"""Weights at the start."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["he_normal"]


def he_normal(shape: tuple[int, ...], fan_in: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Draw normal weights of variance ``2 / ((1 + slope**2) fan_in)``, which keep the variance through a leaky ReLU.

    Source: He et al. 2015 (arXiv:1502.01852), equation 15; slope 1 gives ``1 / fan_in`` for a linear layer.
    """
    weights = rng.standard_normal(shape, dtype=np.float32)
    weights *= np.float32(math.sqrt(2.0 / ((1.0 + slope**2) * fan_in)))
    return weights
