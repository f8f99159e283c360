"""Dropout: each value is zero with probability `rate`, else divided by ``1 - rate``.

The mask is never stored: draw number (`first` + position) of the stream `key` decides, forward and backward.
"""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._twin import Twin, block_each, cuda, loop, number, prange
from milkyway_cnn.kernels.draws import bits, uniform

__all__ = ["dropout"]


@loop
def _dropout_cpu(x, rate, key, first, shared, out):
    width = x.shape[1]
    factor = np.float32(1.0) / (np.float32(1.0) - rate)
    for n in prange(x.shape[0]):
        row = np.uint64(0) if shared else np.uint64((first + np.int64(n)) * width)
        for i in range(width):
            kept = uniform(bits(key, row + np.uint64(i))) >= rate
            out[n, i] = x[n, i] * factor if kept else np.float32(0.0)


def _dropout_cuda(x, rate, key, first, shared, out):
    width = x.shape[1]
    factor = np.float32(1.0) / (np.float32(1.0) - rate)
    for n in range(cuda.blockIdx.x, x.shape[0], cuda.gridDim.x):
        row = np.uint64(0) if shared else np.uint64((first + n) * width)
        for i in range(cuda.threadIdx.x, width, cuda.blockDim.x):
            kept = uniform(bits(key[0], row + np.uint64(i))) >= rate
            out[n, i] = x[n, i] * factor if kept else np.float32(0.0)


_dropout = Twin(_dropout_cpu, _dropout_cuda, lambda x, *others: block_each(x.shape[0]))


@loop
def _dropout_turned_cpu(x, rate, key, first, shared, out):
    width = x.shape[0]
    factor = np.float32(1.0) / (np.float32(1.0) - rate)
    for i in prange(width):
        for n in range(x.shape[1]):
            row = np.uint64(0) if shared else np.uint64((first + np.int64(n)) * width)
            kept = uniform(bits(key, row + np.uint64(i))) >= rate
            out[i, n] = x[i, n] * factor if kept else np.float32(0.0)


def _dropout_turned_cuda(x, rate, key, first, shared, out):
    width = x.shape[0]
    factor = np.float32(1.0) / (np.float32(1.0) - rate)
    for i in range(cuda.blockIdx.x, width, cuda.gridDim.x):
        for n in range(cuda.threadIdx.x, x.shape[1], cuda.blockDim.x):
            row = np.uint64(0) if shared else np.uint64((first + n) * width)
            kept = uniform(bits(key[0], row + np.uint64(i))) >= rate
            out[i, n] = x[i, n] * factor if kept else np.float32(0.0)


_dropout_turned = Twin(_dropout_turned_cpu, _dropout_turned_cuda, lambda x, *others: block_each(x.shape[0]))


def dropout(x, rate, key, first, shared, out):
    """Drop values of x (n, ...) into `out`; the same call on gradients is the backward pass.

    Both arrays are in C's order, or both (n, width) in Fortran's.

    Parameters
    ----------
    key : uint64
        Stream of the mask.
    first : int
        Number of the first example in the stream, so that the mask does not depend on the batch size.
    shared : bool
        Whether all examples have the mask of example 0.
    """
    n, arguments = len(x), (np.float32(rate), number(np.uint64(key)), first, shared)
    if x.flags.c_contiguous:
        _dropout(x.reshape(n, -1), *arguments, out.reshape(n, -1))
    else:
        _dropout_turned(x.T, *arguments, out.T)
