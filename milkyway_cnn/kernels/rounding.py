"""Factors of matrix products in 16 bits, for the tensor cores of a card: float16, or bfloat16 as its bits in uint16.

The host has neither. Sums stay float32, and so do weights and all that is not a factor.
"""

from __future__ import annotations

import numpy as np

from milkyway_cnn import backend
from milkyway_cnn.kernels._twin import Kernel, cuda, each

__all__ = ["HALVES", "rounded"]

#: Precision -> type of the array that holds such numbers.
HALVES = {"float16": np.float16, "bfloat16": np.uint16}
_HALF, _ONE, _SHIFT = np.uint32(0x7FFF), np.uint32(1), np.uint32(16)
_NAN = np.uint32(0x7FC0)


def _to_bfloat16_cuda(x, out):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        value = x[i]
        bits = value.view(np.uint32)
        upper = np.uint32((bits + _HALF + ((bits >> _SHIFT) & _ONE)) >> _SHIFT)  # to the nearest, ties to even
        out[i] = upper if value == value else _NAN


def _to_float16_cuda(x, out):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = np.float16(x[i])


_ROUND = {
    "bfloat16": Kernel(_to_bfloat16_cuda, lambda x, out: each(x.size)),
    "float16": Kernel(_to_float16_cuda, lambda x, out: each(x.size)),
}


def rounded(x, precision):
    """Give a float32 matrix on a card, in C's or Fortran's order, in a precision of `HALVES`; others as it is."""
    if precision not in HALVES:
        return x
    rows = x if x.flags.c_contiguous else x.T
    out = backend.current().empty(tuple(rows.shape), HALVES[precision])
    _ROUND[precision](rows.reshape(-1), out.reshape(-1))
    return out if x.flags.c_contiguous else out.T
