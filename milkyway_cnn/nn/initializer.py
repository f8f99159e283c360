"""Weights at the start: zero mean, and a variance that keeps signals of the same size from layer to layer.

=================  ===================================  =====================================
name               variance                             source
=================  ===================================  =====================================
``he_...``         ``2 / ((1 + slope**2) fan_in)``      He et al. 2015 (arXiv:1502.01852), 15
``xavier_...``     ``2 / (fan_in + fan_out)``           Glorot & Bengio 2010, 16
``..._normal``     normal
``..._uniform``    uniform, within sqrt(3 variance)
=================  ===================================  =====================================

For a linear layer (slope 1) the first is ``1 / fan_in``.
"""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.errors import InputError

__all__ = ["INITIALIZERS", "initial"]

INITIALIZERS = ("he_normal", "he_uniform", "xavier_normal", "xavier_uniform")


def initial(
    name: str, shape: tuple[int, ...], fans: tuple[int, int], slope: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw float32 weights of `shape` by the initializer `name`.

    Parameters
    ----------
    fans : (int, int)
        Inputs of one output, outputs of one input.
    slope : float
        Of the leaky ReLU that follows.
    """
    if name not in INITIALIZERS:
        msg = f"initializer {name!r} is not known; choose one of {', '.join(INITIALIZERS)}"
        raise InputError(msg)
    variance = 2.0 / ((1.0 + slope**2) * fans[0]) if name.startswith("he") else 2.0 / sum(fans)
    if name.endswith("normal"):
        weights = rng.standard_normal(shape, dtype=np.float32)
        weights *= np.float32(math.sqrt(variance))
    else:
        weights = rng.random(shape, dtype=np.float32)
        weights -= np.float32(0.5)
        weights *= np.float32(2.0 * math.sqrt(3.0 * variance))
    return weights
