"""Bias and leaky ReLU of dense layers: ``y = z`` above zero, ``slope * z`` elsewhere.

Slope 1 is the linear layer and slope 0 the ReLU. The derivative is read from the sign of the output, which has
the sign of the input; at zero it is `slope`.
"""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._twin import body, loop, prange

__all__ = ["activate", "activate_backward", "leaky", "leaky_slope"]

#: Columns that one thread sums at a time: the order of the sum does not depend on how many threads there are.
_COLUMNS = 64


@body
def leaky(z, slope):
    """Leaky ReLU."""
    return z if z > np.float32(0.0) else slope * z


@body
def leaky_slope(y, slope):
    """Give the derivative of the leaky ReLU, from its output."""
    return np.float32(1.0) if y > np.float32(0.0) else slope


@loop
def _activate(y, bias, slope):
    for n in prange(y.shape[0]):
        for i in range(y.shape[1]):
            y[n, i] = leaky(y[n, i] + bias[i], slope)


@loop
def _activate_backward(y, slope, scale, keep, gradient, gradient_bias):
    width = y.shape[1]
    for block in prange((width + _COLUMNS - 1) // _COLUMNS):
        begin = block * _COLUMNS
        end = min(width, begin + _COLUMNS)
        for i in range(begin, end):
            gradient_bias[i] *= keep
        for n in range(y.shape[0]):
            for i in range(begin, end):
                gradient[n, i] *= leaky_slope(y[n, i], slope)
                gradient_bias[i] += scale * gradient[n, i]


def activate(y, bias, slope):
    """Add the bias (width,) to y (n, width) and apply the leaky ReLU, in place."""
    _activate(y, bias, np.float32(slope))


def activate_backward(y, slope, scale, keep, gradient, gradient_bias):
    """Turn the gradient of the output y into that of ``x @ weights``, in place, and accumulate that of the bias.

    ``gradient_bias = scale * sum over n of gradient + keep * gradient_bias``.
    """
    _activate_backward(y, np.float32(slope), np.float32(scale), np.float32(keep), gradient, gradient_bias)
