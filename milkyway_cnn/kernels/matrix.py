"""Products of float32 matrices by BLAS, into existing memory.

All arrays are C-contiguous float32; SciPy's `sgemm` wants Fortran order, and the transposed view of a C array is
just that, so nothing is copied: ``c = a @ b`` is asked for as ``c.T = b.T @ a.T``. `accumulate` is the one that
makes training light: with ``keep`` = momentum the product lands straight in the velocity, and no gradient is stored.
"""

from __future__ import annotations

from scipy.linalg.blas import sgemm

__all__ = ["accumulate", "multiply", "multiply_transposed"]


def multiply(a, b, out):
    """``out = a @ b``: (n, k), (k, m) -> (n, m)."""
    sgemm(1.0, b.T, a.T, beta=0.0, c=out.T, overwrite_c=1)


def multiply_transposed(a, b, out):
    """``out = a @ b.T``: (n, m), (k, m) -> (n, k)."""
    sgemm(1.0, b.T, a.T, beta=0.0, c=out.T, overwrite_c=1, trans_a=1)


def accumulate(a, b, scale, keep, out):
    """``out = scale * a.T @ b + keep * out``: (n, k), (n, m) -> (k, m)."""
    sgemm(scale, b.T, a.T, beta=keep, c=out.T, overwrite_c=1, trans_b=1)
