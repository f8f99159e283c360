"""Dusty and bare diagrams beside each other, as the network takes them: counts become float32 on the way."""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn import backend
from milkyway_cnn.kernels._twin import Twin, block_each, cuda, loop, prange

__all__ = ["stack"]


@loop
def _stack_cpu(counts, expected, which, out):
    size = counts.shape[1]
    for n in prange(counts.shape[0]):
        for i in range(size):
            out[n, i] = counts[n, i]
        for i in range(size):
            out[n, size + i] = expected[which[n], i]


def _stack_cuda(counts, expected, which, out):
    size = counts.shape[1]
    for n in range(cuda.blockIdx.x, counts.shape[0], cuda.gridDim.x):
        for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
            out[n, i] = counts[n, i]
            out[n, size + i] = expected[which[n], i]


_stack = Twin(_stack_cpu, _stack_cuda, lambda counts, *others: block_each(counts.shape[0]))


def stack(counts: np.ndarray, expected: np.ndarray, which: np.ndarray, out: np.ndarray) -> None:
    """``out[n] = counts[n], expected[which[n]]``.

    Parameters
    ----------
    counts
        (n, kinds, pixels, pixels), any type of number.
    expected, which
        (m, kinds, pixels, pixels) float32, and which of them belongs to each example: (n,) int64, below m, which is
        not looked at on a card.
    out
        (n, 2 kinds, pixels, pixels) float32.

    Raises
    ------
    ValueError
        When the shapes do not fit, or there is no such diagram.
    """
    n, m = len(counts), len(expected)
    inside = not which.size or backend.current().holds(which) or (which.min() >= 0 and which.max() < m)
    if counts.shape[1:] != expected.shape[1:] or out.size != 2 * counts.size or which.shape != (n,) or not inside:
        msg = (
            f"stack: counts {counts.shape}, expected {expected.shape}, which {which.shape}, out {out.shape} do not fit"
        )
        raise ValueError(msg)
    size = math.prod(counts.shape[1:])
    _stack(counts.reshape(n, size), expected.reshape(m, size), which, out.reshape(n, 2 * size))
