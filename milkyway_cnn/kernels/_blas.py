"""SciPy's `sgemm` in compiled code, where it runs on the thread that calls it.

BLAS must not start threads of its own there: two pools of threads on the same cores wait for each other, which cost a
small network half of its speed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from scipy.linalg import cython_blas
from threadpoolctl import ThreadpoolController

from milkyway_cnn.kernels._twin import intrinsic

__all__ = ["one_thread", "sgemm"]

_SYMBOL = "milkyway_cnn_sgemm"


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
def sgemm(typing_context, turn_a, turn_b, m, n, k, alpha, a, a_0, lda, b, b_0, ldb, beta, c, c_0, ldc):
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


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS, in all threads of this process, from starting threads."""
    before = [blas.get_num_threads() for blas in _BLAS]
    for blas in _BLAS:
        blas.set_num_threads(1)
    try:
        yield
    finally:
        for blas, count in zip(_BLAS, before, strict=True):
            blas.set_num_threads(count)
