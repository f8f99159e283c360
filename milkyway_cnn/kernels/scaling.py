"""Input scaling: counts become numbers of order one, by one function and one global factor."""

from __future__ import annotations

import functools
import math

import numpy as np

from milkyway_cnn.kernels._twin import Twin, block_each, body, cuda, loop, on_card, prange

__all__ = ["FUNCTIONS", "scale"]

#: What may be applied to an input value, in the order of the kernel's codes.
FUNCTIONS = ("linear", "sqrt", "log1p")


@body
def _scaled(value, code):
    """Value after function number `code`; most pixels of a diagram are empty, and every function keeps zero."""
    if value == np.float32(0.0) or code == 0:
        return value
    return math.sqrt(value) if code == 1 else math.log1p(value)


@loop
def _scale_cpu(x, code, factor, out):
    for n in prange(x.shape[0]):
        for i in range(x.shape[1]):
            out[n, i] = factor * _scaled(np.float32(x[n, i]), code)


def _scale_cuda(x, code, factor, out):
    for n in range(cuda.blockIdx.x, x.shape[0], cuda.gridDim.x):
        for i in range(cuda.threadIdx.x, x.shape[1], cuda.blockDim.x):
            out[n, i] = factor * _scaled(np.float32(x[n, i]), code)


_scale = Twin(_scale_cpu, _scale_cuda, lambda x, code, factor, out: block_each(x.shape[0]))


@loop
def _look_up(x, table, out):
    for n in prange(x.shape[0]):
        for i in range(x.shape[1]):
            out[n, i] = table[x[n, i]]


@functools.lru_cache(maxsize=4)
def _table(function, factor):
    """Tabulate the scaled values of all uint16: a logarithm costs twenty times as much."""
    numbers, table = np.arange(2**16, dtype=np.float32)[None], np.empty((1, 2**16), np.float32)
    _scale_cpu(numbers, FUNCTIONS.index(function), np.float32(factor), table)
    return table[0]


def scale(x, function, factor, out):
    """``out = factor * function(x)`` with a function of `FUNCTIONS`.

    Parameters
    ----------
    x : (n, ...) array of integers or floats
    out : (n, ...) float32 array
    """
    n = len(x)
    if x.dtype == np.uint16 and not on_card():
        _look_up(x.reshape(n, -1), _table(function, factor), out.reshape(n, -1))
        return
    _scale(x.reshape(n, -1), FUNCTIONS.index(function), np.float32(factor), out.reshape(n, -1))
