"""Photometric noise and completeness of a survey: scalar bodies for use inside other kernels."""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels._elementary import exponential
from milkyway_cnn.kernels._twin import exact

__all__ = ["magnitude_error", "stars_per_found"]

# Noise-to-signal 0.1 as a magnitude, 2.5 / ln(10) / 10, and 0.4 ln(10): magnitudes to a ratio of fluxes.
_TENTH = np.float32(0.109)
_RATIO = np.float32(0.4 * math.log(10.0))
_ONE = np.float32(1.0)


@exact
def magnitude_error(magnitude, ten_sigma, floor):
    """Evaluate the standard error of a magnitude: sqrt(floor^2 + (0.109 x 10^(0.4 (m - m10)))^2), all in mag.

    Background-limited noise that reaches a signal-to-noise ratio of 10 at `ten_sigma`, over a constant
    calibration `floor`.
    """
    noise = _TENTH * exponential(_RATIO * (magnitude - ten_sigma))
    return np.float32(math.sqrt(floor * floor + noise * noise))


@exact
def stars_per_found(magnitude, half, width):
    """Stars of a magnitude for each that the survey holds: 1 + exp((m - half) / width), inverse of its completeness."""
    return _ONE + exponential((magnitude - half) / width)
