"""Products of float32 matrices by BLAS, into existing memory.

All arrays are C-contiguous float32. BLAS reads them as their transposes, so ``out = a @ b`` is asked for as
``out.T = b.T @ a.T`` and nothing is copied. The routine is SciPy's own `sgemm`, called by its address: unlike
`scipy.linalg.blas` this lets go of the interpreter, so that another thread can prepare the next batch meanwhile.

How a matrix of weights should lie was measured (OpenBLAS 0.3.30, one core, 6144 x 3072 weights, batch 32 and 128,
GFLOP/s): `multiply_transposed` with the weights as `a` 62 and 91, `multiply` with the weights as `b` 44 and 80,
`accumulate` 70 and 97 with ``keep`` 1, but 52 and 87 with any other, for BLAS then goes over `out` once more.
"""

from __future__ import annotations

import ctypes

from scipy.linalg import cython_blas

__all__ = ["accumulate", "multiply", "multiply_transposed"]


def _routine(name):
    """Make a function of the address that SciPy exports for Cython."""
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    capsule = cython_blas.__pyx_capi__[name]
    address = api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(address)


_sgemm = _routine("sgemm")
_PLAIN, _TRANSPOSED = ctypes.c_char(b"N"), ctypes.c_char(b"T")


def _product(first, second, rows, columns, inner, alpha, a, b, beta, out):
    """Ask for ``out = alpha op(a) op(b) + beta out`` in Fortran's order, where an array's last axis is its first."""
    for array in (a, b, out):
        if array.dtype != "f4" or not array.flags.c_contiguous:
            msg = f"a product of {array.dtype} arrays with strides {array.strides}; give contiguous float32"
            raise ValueError(msg)
    sizes = [ctypes.c_int(size) for size in (rows, columns, inner, a.shape[1], b.shape[1], out.shape[1])]
    m, n, k, lda, ldb, ldc = map(ctypes.byref, sizes)
    factors = [ctypes.byref(ctypes.c_float(factor)) for factor in (alpha, beta)]
    ends = [ctypes.byref(first), ctypes.byref(second)]
    _sgemm(*ends, m, n, k, factors[0], a.ctypes.data, lda, b.ctypes.data, ldb, factors[1], out.ctypes.data, ldc)


def multiply(a, b, out):
    """``out = a @ b``: (n, k), (k, m) -> (n, m)."""
    _product(_PLAIN, _PLAIN, b.shape[1], len(a), len(b), 1.0, b, a, 0.0, out)


def multiply_transposed(a, b, out):
    """``out = a @ b.T``: (n, m), (k, m) -> (n, k)."""
    _product(_TRANSPOSED, _PLAIN, len(b), len(a), a.shape[1], 1.0, b, a, 0.0, out)


def accumulate(a, b, scale, keep, out):
    """``out = scale * a.T @ b + keep * out``: (n, k), (n, m) -> (k, m)."""
    _product(_PLAIN, _TRANSPOSED, b.shape[1], a.shape[1], len(a), scale, b, a, keep, out)
