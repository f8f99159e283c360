"""Max pooling over windows that do not overlap; a rest at the right and lower edge is left out.

The first maximum in reading order wins; its number in the window is kept for the backward pass.
"""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._twin import loop, prange

__all__ = ["max_pool", "max_pool_backward"]


@loop
def _max_pool(x, size, out, winner):
    for n in prange(out.shape[0]):
        for c in range(out.shape[1]):
            for i in range(out.shape[2]):
                for j in range(out.shape[3]):
                    best = x[n, c, i * size, j * size]
                    number = 0
                    for k in range(1, size * size):
                        value = x[n, c, i * size + k // size, j * size + k % size]
                        if value > best:
                            best = value
                            number = k
                    out[n, c, i, j] = best
                    winner[n, c, i, j] = number


@loop
def _max_pool_backward(gradient, winner, size, gradient_in):
    for n in prange(gradient.shape[0]):
        gradient_in[n] = np.float32(0.0)
        for c in range(gradient.shape[1]):
            for i in range(gradient.shape[2]):
                for j in range(gradient.shape[3]):
                    k = np.int64(winner[n, c, i, j])
                    gradient_in[n, c, i * size + k // size, j * size + k % size] = gradient[n, c, i, j]


def max_pool(x, size, out, winner):
    """Maximum over windows of size x size: x (n, c, h, w) -> out and winner (uint8) of (n, c, h // size, w // size)."""
    _max_pool(x, size, out, winner)


def max_pool_backward(gradient, winner, size, gradient_in):
    """Give each gradient of the output to the input that won; all others get zero."""
    _max_pool_backward(gradient, winner, size, gradient_in)
