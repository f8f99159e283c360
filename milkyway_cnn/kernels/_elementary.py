"""Elementary functions of float32 by arithmetic alone: vectors and processors all give the same values.

A card's compiler fuses products with sums, and its last bits may be others.
"""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels._twin import exact

__all__ = ["exponential", "normal_quantile"]

_ONE = np.float32(1.0)
_LOG2_E = np.float32(math.log2(math.e))
_ROUND = np.float32(1.5 * 2.0**23)  # added to a number, it leaves its nearest integer in the lowest bits
_LOWEST, _HIGHEST = np.float32(-125.0), np.float32(126.0)
_MANTISSA = np.int32(23)
# 2^f for |f| <= 1/2 to 1e-7 of itself: minimax polynomial, from the linear term on.
_E1, _E2, _E3, _E4, _E5 = (np.float32(c) for c in (0.69314698, 0.24022242, 0.05550734, 0.00967149, 0.00132647))
# x / normal quantile as a ratio of polynomials in 1 - x^2, from the constant terms on (see `normal_quantile`).
_P0, _P1, _P2, _P3, _P4 = (np.float32(c) for c in (4.49010511, 26370.1258, 4011538.44, 33609187.0, 13458399.7))
_Q1, _Q2, _Q3, _Q4 = (np.float32(c) for c in (7461.99749, 1539037.4, 19744751.1, 19457671.9))


@exact
def exponential(x):
    """exp(x) to 2e-6 of itself where |x| < 20, never zero nor infinite: constant below e^-86 and above e^87."""
    y = min(max(x * _LOG2_E, _LOWEST), _HIGHEST)
    rounded = np.float32(y + _ROUND)
    f = y - (rounded - _ROUND)
    square = f * f
    power = np.float32((_ONE + _E1 * f) + square * ((_E2 + _E3 * f) + square * (_E4 + _E5 * f)))
    exponent = np.int32(rounded.view(np.int32) << _MANTISSA)
    return np.int32(power.view(np.int32) + exponent).view(np.float32)


@exact
def normal_quantile(x):
    """Value below which a standard normal draw lies with the chance (1 + x) / 2, for x from -1 + 2^-16 to 1 - 2^-16.

    Its chance is wrong by less than 5e-5, the value itself by less than 0.007 within three standard deviations and
    0.02 beyond.
    """
    s = (_ONE - x) * (_ONE + x)
    above = _P0 + s * (_P1 + s * (_P2 + s * (_P3 + s * _P4)))
    below = _ONE + s * (_Q1 + s * (_Q2 + s * (_Q3 + s * _Q4)))
    return x * (above / below)
