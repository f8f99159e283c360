"""Pooling over windows that do not overlap; a rest at the far edges is left out.

Of equal maxima the first in reading order wins; its number in the window is kept for the backward pass.
"""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._twin import body, loop, prange

__all__ = ["average_pool", "average_pool_backward", "max_pool", "max_pool_backward"]


@body
def _place(w, i, j, k, size):
    """Find position number k of the window of output (w, i, j)."""
    deep, high, wide = size
    return w * deep + k // (high * wide), i * high + k // wide % high, j * wide + k % wide


@loop
def _max_pool(x, size, out, winner):
    numbers = size[0] * size[1] * size[2]
    for n in prange(out.shape[0]):
        for c in range(out.shape[1]):
            for w in range(out.shape[2]):
                for i in range(out.shape[3]):
                    for j in range(out.shape[4]):
                        best = x[n, c, w * size[0], i * size[1], j * size[2]]
                        number = 0
                        for k in range(1, numbers):
                            z, y, v = _place(w, i, j, k, size)
                            if x[n, c, z, y, v] > best:
                                best = x[n, c, z, y, v]
                                number = k
                        out[n, c, w, i, j] = best
                        winner[n, c, w, i, j] = number


@loop
def _max_pool_backward(gradient, winner, size, gradient_in):
    for n in prange(gradient.shape[0]):
        gradient_in[n] = np.float32(0.0)
        for c in range(gradient.shape[1]):
            for w in range(gradient.shape[2]):
                for i in range(gradient.shape[3]):
                    for j in range(gradient.shape[4]):
                        z, y, v = _place(w, i, j, np.int64(winner[n, c, w, i, j]), size)
                        gradient_in[n, c, z, y, v] = gradient[n, c, w, i, j]


@loop
def _average_pool(x, size, out):
    numbers = size[0] * size[1] * size[2]
    for n in prange(out.shape[0]):
        for c in range(out.shape[1]):
            for w in range(out.shape[2]):
                for i in range(out.shape[3]):
                    for j in range(out.shape[4]):
                        total = np.float32(0.0)
                        for k in range(numbers):
                            z, y, v = _place(w, i, j, k, size)
                            total += x[n, c, z, y, v]
                        out[n, c, w, i, j] = total / np.float32(numbers)


@loop
def _average_pool_backward(gradient, size, gradient_in):
    numbers = size[0] * size[1] * size[2]
    for n in prange(gradient.shape[0]):
        gradient_in[n] = np.float32(0.0)
        for c in range(gradient.shape[1]):
            for w in range(gradient.shape[2]):
                for i in range(gradient.shape[3]):
                    for j in range(gradient.shape[4]):
                        share = gradient[n, c, w, i, j] / np.float32(numbers)
                        for k in range(numbers):
                            z, y, v = _place(w, i, j, k, size)
                            gradient_in[n, c, z, y, v] = share


def max_pool(x, size, out, winner):
    """Maximum over windows of `size` (planes, rows, columns).

    Parameters
    ----------
    x : (n, channels, planes, rows, columns) float32
    out, winner : (n, channels, planes // size[0], rows // size[1], columns // size[2]) float32, int32
    """
    _max_pool(x, size, out, winner)


def max_pool_backward(gradient, winner, size, gradient_in):
    """Give each gradient of the output to the input that won; all others get zero."""
    _max_pool_backward(gradient, winner, size, gradient_in)


def average_pool(x, size, out):
    """Mean over windows of `size`; shapes as in `max_pool`."""
    _average_pool(x, size, out)


def average_pool_backward(gradient, size, gradient_in):
    """Share each gradient of the output equally among the inputs of its window."""
    _average_pool_backward(gradient, size, gradient_in)
