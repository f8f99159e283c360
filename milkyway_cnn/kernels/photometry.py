"""Photometric noise and completeness of a survey: scalar bodies for use inside other kernels."""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels._twin import body

__all__ = ["completeness", "magnitude_error"]

# Noise-to-signal 0.1 as a magnitude, 2.5 / ln(10) / 10, and 0.4 ln(10): magnitudes to a ratio of fluxes.
_TENTH = np.float32(0.109)
_RATIO = np.float32(0.4 * math.log(10.0))
_ONE = np.float32(1.0)


@body
def magnitude_error(magnitude, ten_sigma, floor):
    """Evaluate the standard error of a magnitude: sqrt(floor^2 + (0.109 x 10^(0.4 (m - m10)))^2), all in mag.

    Background-limited noise that reaches a signal-to-noise ratio of 10 at `ten_sigma`, over a constant
    calibration `floor`.
    """
    noise = _TENTH * math.exp(_RATIO * (magnitude - ten_sigma))
    return math.sqrt(floor * floor + noise * noise)


@body
def completeness(magnitude, half, width):
    """Fraction of the stars of a magnitude that the survey holds: 1 / (1 + exp((m - half) / width))."""
    return _ONE / (_ONE + math.exp((magnitude - half) / width))
