"""Dropout: each value is zero with probability `rate`, else divided by ``1 - rate``.

The mask is never stored: draw number (`first` + position) of the stream `key` decides, forward and backward. Several
draws of the same examples, each with a key, stand one below the other.
"""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._twin import Twin, block_each, cuda, loop, number, on_card, prange
from milkyway_cnn.kernels.draws import bits, uniform

__all__ = ["dropout"]


@loop
def _dropout_cpu(x, rate, keys, first, shared, out):
    rows, width = x.shape
    size = out.shape[0] // keys.size
    factor = np.float32(1.0) / (np.float32(1.0) - rate)
    for n in prange(out.shape[0]):
        draw, example, given = n // size, n % size, n % rows
        row = np.uint64(0) if shared else np.uint64((first + np.int64(example)) * width)
        for i in range(width):
            kept = uniform(bits(keys[draw], row + np.uint64(i))) >= rate
            out[n, i] = x[given, i] * factor if kept else np.float32(0.0)


def _dropout_cuda(x, rate, keys, first, shared, out):
    rows, width = x.shape
    size = out.shape[0] // keys.size
    factor = np.float32(1.0) / (np.float32(1.0) - rate)
    for n in range(cuda.blockIdx.x, out.shape[0], cuda.gridDim.x):
        draw, example, given = n // size, n % size, n % rows
        row = np.uint64(0) if shared else np.uint64((first + example) * width)
        for i in range(cuda.threadIdx.x, width, cuda.blockDim.x):
            kept = uniform(bits(keys[draw], row + np.uint64(i))) >= rate
            out[n, i] = x[given, i] * factor if kept else np.float32(0.0)


_dropout = Twin(_dropout_cpu, _dropout_cuda, lambda *arguments: block_each(arguments[-1].shape[0]))


@loop
def _dropout_turned_cpu(x, rate, keys, first, shared, out):
    width, rows = x.shape
    size = out.shape[1] // keys.size
    factor = np.float32(1.0) / (np.float32(1.0) - rate)
    for i in prange(width):
        for draw in range(keys.size):
            begin = draw * size
            given = begin % rows
            for n in range(size):
                row = np.uint64(0) if shared else np.uint64((first + np.int64(n)) * width)
                kept = uniform(bits(keys[draw], row + np.uint64(i))) >= rate
                out[i, begin + n] = x[i, given + n] * factor if kept else np.float32(0.0)


def _dropout_turned_cuda(x, rate, keys, first, shared, out):
    width, rows = x.shape[0], np.int32(x.shape[1])
    size = np.int32(out.shape[1] // keys.size)
    factor = np.float32(1.0) / (np.float32(1.0) - rate)
    for i in range(cuda.blockIdx.x, width, cuda.gridDim.x):
        for n in range(cuda.threadIdx.x, out.shape[1], cuda.blockDim.x):
            draw = np.int32(n) // size
            row = np.uint64(0) if shared else np.uint64((first + n - draw * size) * width)
            kept = uniform(bits(keys[draw], row + np.uint64(i))) >= rate
            out[i, n] = x[i, np.int32(n) % rows] * factor if kept else np.float32(0.0)


_dropout_turned = Twin(_dropout_turned_cpu, _dropout_turned_cuda, lambda x, *others: block_each(x.shape[0]))


def dropout(x, rate, key, first, shared, out):
    """Drop values of x into `out` (n, ...); the same call on gradients is the backward pass.

    Both arrays are in C's order, or both (n, width) in Fortran's.

    Parameters
    ----------
    x
        (n, ...) or, where all draws begin with the same examples, these once.
    key : uint64, or (draws,) uint64
        Stream of the mask, or one of each draw; the n rows are those of the first draw, then those of the next ...
    first : int
        Number of the first example in the stream, so that the mask does not depend on the batch size.
    shared : bool
        Whether all examples have the mask of example 0.
    """
    if not getattr(key, "shape", ()):
        key = number(np.uint64(key)) if on_card() else np.array([key], np.uint64)
    arguments = np.float32(rate), key, first, shared
    if x.flags.c_contiguous:
        _dropout(x.reshape(len(x), -1), *arguments, out.reshape(len(out), -1))
    else:
        _dropout_turned(x.T, *arguments, out.T)
