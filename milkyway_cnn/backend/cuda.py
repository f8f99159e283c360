"""A CUDA card: memory, stream and graphs of CuPy, matrix products of cuBLAS, kernels of Numba.

cuBLAS is called through the bindings of nvmath-python, for CuPy refuses its own products while a graph is recorded.
Products with an epilogue (cuBLASLt) are of no use here, which know ReLU but not the leaky one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeVar

import numpy as np

from milkyway_cnn.backend.device import Device

__all__ = ["Cuda"]

T = TypeVar("T")

#: Bytes that cuBLAS may use; NVIDIA advises 32 MiB for Hopper, and less for older cards.
_WORKSPACE = 32 << 20


@cache
def _streams() -> tuple[Any, Any]:
    """Stream in which all is done in order, and one in which the next examples are made meanwhile."""
    stream = importlib.import_module("cupy").cuda.Stream
    return stream(non_blocking=True), stream(non_blocking=True)


class Cuda(Device):
    """See `backend.Backend`."""

    def __init__(self, precision: str) -> None:
        super().__init__(precision)
        self._cuda = importlib.import_module("numba.cuda")
        self._cupy = importlib.import_module("cupy")
        self._lane = first = _streams()[0]
        self._numba_streams = {stream.ptr: self._cuda.external_stream(stream.ptr) for stream in _streams()}
        self._blas = importlib.import_module("nvmath.bindings.cublas")
        self._handle = self._blas.create()
        self._blas.set_stream(self._handle, first.ptr)
        with first:
            self._workspace = self._empty((_WORKSPACE,), np.uint8)
            self._constants = {value: self.send(np.array([value], np.float32)) for value in (0.0, 1.0)}
        # A new stream takes the workspace away, so it is given last; memory that is taken while a graph is recorded
        # would belong to the graph.
        self._blas.set_workspace(self._handle, self._workspace.data.ptr, _WORKSPACE)

    def active(self) -> AbstractContextManager[Any]:
        return self._lane

    def _aside(self, make: Callable[[], T]) -> tuple[T, Callable[[], None]]:
        first, second = _streams()
        second.wait_event(first.record())
        self._lane = second
        try:
            with second:
                made = make()
        finally:
            self._lane = first
        done = second.record()
        return made, lambda: first.wait_event(done)

    def send(self, array: np.ndarray) -> Any:
        return array if self.holds(array) else self._cupy.asarray(np.ascontiguousarray(array))

    def holds(self, array: Any) -> bool:
        return isinstance(array, self._cupy.ndarray)

    def fill(self, there: Any, values: Any) -> None:
        if self.holds(values):
            there[...] = values
        else:
            there.set(np.ascontiguousarray(values, there.dtype))

    def _empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return self._cupy.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return self._cupy.zeros(shape, dtype)

    def release(self) -> None:
        for stream in _streams():
            stream.synchronize()
        self._cupy.get_default_memory_pool().free_all_blocks()

    def fetch(self, array: Any) -> np.ndarray:
        return array if isinstance(array, np.ndarray) else array.get()

    def later(self, array: Any) -> Callable[[], np.ndarray]:
        host = importlib.import_module("cupyx").empty_pinned(array.shape, array.dtype)
        array.get(out=host, blocking=False)
        done = self._cupy.cuda.Event(disable_timing=True)
        done.record(self._lane)

        def read() -> np.ndarray:
            done.synchronize()
            return host

        return read

    def launch(self, kernel: Any, grid: tuple[int, int, int], arguments: tuple[Any, ...]) -> None:
        if not self.silent:
            blocks, threads, shared = grid
            stream = self._numba_streams[self._cupy.cuda.get_current_stream().ptr]
            kernel[blocks, threads, stream, shared](*map(self._for_numba, arguments))

    def _for_numba(self, argument: Any) -> Any:
        """Give arrays as Numba's, which must not wait for a stream that is the same."""
        if isinstance(argument, tuple):
            return tuple(map(self._for_numba, argument))
        if isinstance(argument, self._cupy.ndarray):
            return self._cuda.as_cuda_array(argument, sync=False)
        return argument

    def _product(self, a: Any, b: Any, out: Any, scale: Any, keep: float) -> None:
        blas, there = self._blas, isinstance(scale, self._cupy.ndarray)
        held: Any = (scale, self._constants[keep]) if there else np.array([scale, keep], np.float32)
        factors = [value.data.ptr for value in held] if there else [held.ctypes.data, held.ctypes.data + 4]
        blas.set_pointer_mode(self._handle, blas.PointerMode.DEVICE if there else blas.PointerMode.HOST)
        compute = blas.ComputeType.COMPUTE_32F
        if self.precision == "tf32":
            compute = blas.ComputeType.COMPUTE_32F_FAST_TF32
        # To cuBLAS, which reads column by column, an array in C's order is its own transpose: out.T = b.T @ a.T.
        (b_turned, b_pitch), (a_turned, a_pitch) = (_read_by_columns(x) for x in (b, a))
        operation = blas.Operation.N, blas.Operation.T
        rows, columns = out.shape
        blas.gemm_ex(
            self._handle, operation[b_turned], operation[a_turned], columns, rows, a.shape[1],
            factors[0], b.data.ptr, _kind(b), b_pitch, a.data.ptr, _kind(a), a_pitch,
            factors[1], out.data.ptr, _kind(out), columns, compute, -1,
        )  # fmt: skip

    def _record(self, step: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
        stream = self._lane
        stream.begin_capture()
        try:
            result = step()
        finally:
            graph = stream.end_capture()
        return result, lambda: graph.launch(stream)


def _read_by_columns(array: Any) -> tuple[bool, int]:
    """Whether cuBLAS must turn an array that is meant as its transpose, and the numbers from column to column."""
    turned = not array.flags.c_contiguous
    return turned, array.shape[0] if turned else array.shape[1]


def _kind(array: Any) -> int:
    """Number of a type of CUDA (`cudaDataType`): float32, float16, and bfloat16, which is uint16 here."""
    return {"float32": 0, "float16": 2, "uint16": 14}[array.dtype.name]
