"""Products of float32 matrices by BLAS, into existing memory, on Numba's threads.

BLAS reads an array in C's order as its transpose, so ``out = a @ b`` is asked for as ``out.T = b.T @ a.T`` and nothing
is copied. The routine is SciPy's own `sgemm`, under a name by which compiled code
finds it.

Each thread of Numba computes a part of `out` by a product of its own, for which BLAS must not start threads: two
pools of threads on the same cores wait for each other, which cost a small network half of its speed.

How the arrays should lie was measured (OpenBLAS 0.3.30, one core of 240 GFLOP/s; 3072 x 12288 weights w, x and g being
(n, inputs) and (n, outputs); GFLOP/s at n of 32, 128 and 512): ``w @ x.T`` 115, 190 and 227 where ``x @ w.T`` is 102,
179 and 224; ``w.T @ g.T`` 106, 188 and 225 where ``g @ w`` is 105, 167 and 203; ``g.T @ x`` is 161, 220 and 238 in any
order.
"""

from __future__ import annotations

import ctypes

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from scipy.linalg import cython_blas
from threadpoolctl import ThreadpoolController

from milkyway_cnn.kernels._twin import body, loop, prange, serial

__all__ = ["multiply"]

_SYMBOL = "milkyway_cnn_sgemm"
#: Rows or columns of `out` come to a thread in multiples of this, as BLAS takes them.
_STEP = 64
#: Below this number of products of two numbers, starting threads takes longer than they save.
_SMALL = 1 << 19


def _address(name):
    """Read the address that SciPy exports for Cython."""
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    capsule = cython_blas.__pyx_capi__[name]
    return api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))


binding.add_symbol(_SYMBOL, _address("sgemm"))
_BLAS = ThreadpoolController().select(user_api="blas").lib_controllers


@intrinsic
def _sgemm(typing_context, turn_a, turn_b, m, n, k, alpha, a, a_0, lda, b, b_0, ldb, beta, c, c_0, ldc):
    """``C = alpha op(A) op(B) + beta C`` in Fortran's order; matrices begin at number `a_0`, `b_0`, `c_0` of arrays."""
    index, number = types.intp, types.float32
    signature = types.void(
        types.boolean,
        types.boolean,
        index,
        index,
        index,
        number,
        a,
        index,
        index,
        b,
        index,
        index,
        number,
        c,
        index,
        index,
    )

    def generate(context, builder, signature, arguments):
        turns, sizes, (alpha, beta) = arguments[:2], arguments[2:5], (arguments[5], arguments[12])
        matrices = [(signature.args[i], *arguments[i : i + 3]) for i in (6, 9, 13)]

        def kept(value):
            """Put a value where BLAS can read it."""
            place = cgutils.alloca_once_value(builder, value)
            return builder.bitcast(place, cgutils.voidptr_t)

        def whole(value):
            return kept(builder.trunc(value, ir.IntType(32)))

        letters = [kept(builder.select(turn, ir.IntType(8)(ord("T")), ir.IntType(8)(ord("N")))) for turn in turns]
        begins = [
            builder.bitcast(
                builder.gep(context.make_array(kind)(context, builder, array).data, [first]), cgutils.voidptr_t
            )
            for kind, array, first, _ in matrices
        ]
        steps = [whole(step) for *_, step in matrices]
        (a, b, c), (lda, ldb, ldc), (m, n, k) = begins, steps, [whole(size) for size in sizes]
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t] * 13)
        routine = cgutils.get_or_insert_function(builder.module, kind, _SYMBOL)
        builder.call(routine, [*letters, m, n, k, kept(alpha), a, lda, b, ldb, kept(beta), c, ldc])
        return context.get_dummy_value()

    return signature, generate


@body
def _part(first, last, across, turn_a, turn_b, inner, alpha, a, b, beta, out):
    """Compute columns (`across`) or rows `first` to `last` of `out`; `a` is the factor with out's columns."""
    lda, ldb, ldc = a.shape[1], b.shape[1], out.shape[1]
    if across:
        a_0 = first * lda if turn_a else first
        _sgemm(turn_a, turn_b, last - first, out.shape[0], inner, alpha, a, a_0, lda, b, 0, ldb, beta, out, first, ldc)
    else:
        b_0 = first if turn_b else first * ldb
        c_0 = first * ldc
        _sgemm(turn_a, turn_b, ldc, last - first, inner, alpha, a, 0, lda, b, b_0, ldb, beta, out, c_0, ldc)


@serial
def _whole(turn_a, turn_b, inner, alpha, a, b, beta, out):
    _part(0, out.shape[0], False, turn_a, turn_b, inner, alpha, a, b, beta, out)


@loop
def _shared(parts, turn_a, turn_b, inner, alpha, a, b, beta, out):
    across = out.shape[1] > out.shape[0]
    size = out.shape[1] if across else out.shape[0]
    step = (size + parts * _STEP - 1) // (parts * _STEP) * _STEP
    for part in prange(parts):
        first, last = part * step, min(size, (part + 1) * step)
        if first < last:
            _part(first, last, across, turn_a, turn_b, inner, alpha, a, b, beta, out)


def multiply(a, b, out, scale=1.0, keep=0.0):
    """``out = scale * a @ b + keep * out``: (n, k), (k, m) -> (n, m).

    Each is a float32 array in C's or in Fortran's order, such as the transpose ``x.T`` of an array x.
    """
    for array in (a, b, out):
        if array.dtype != "f4" or not (array.flags.c_contiguous or array.flags.f_contiguous):
            msg = f"a product of {array.dtype} arrays with strides {array.strides}; give contiguous float32"
            raise ValueError(msg)
    if not out.flags.c_contiguous:
        a, b, out = b.T, a.T, out.T
    inner, turn_a, turn_b = a.shape[1], not b.flags.c_contiguous, not a.flags.c_contiguous
    first, second = b.T if turn_a else b, a.T if turn_b else a
    arguments = (turn_a, turn_b, inner, np.float32(scale), first, second, np.float32(keep), out)
    threads = numba.get_num_threads()
    before = [blas.get_num_threads() for blas in _BLAS]
    for blas in _BLAS:
        blas.set_num_threads(1)
    try:
        if threads == 1 or out.size * inner < _SMALL:
            _whole(*arguments)
        else:
            _shared(threads, *arguments)
    finally:
        for blas, count in zip(_BLAS, before, strict=True):
            blas.set_num_threads(count)
