"""Numba's simulation of a card (NUMBA_ENABLE_CUDASIM=1), with NumPy in the place of cuBLAS: for tests."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import numpy as np

from milkyway_cnn.backend.device import Device

__all__ = ["Simulated"]

T = TypeVar("T")

#: Threads of a block at most: the simulation starts one of Python's for each.
_THREADS = 2


class Simulated(Device):
    """See `backend.Backend`."""

    #: Bytes of the largest array that there is memory for.
    largest = math.inf

    def __init__(self, precision: str) -> None:
        super().__init__(precision)
        self._cuda = importlib.import_module("numba.cuda")
        self._recorded: list[Callable[[], None]] | None = None

    def active(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def send(self, array: np.ndarray) -> Any:
        assert self.holds(array) or self._recorded is None, "a graph would send this array again, and not its numbers"
        return array if self.holds(array) else self._cuda.to_device(np.ascontiguousarray(array))

    def holds(self, array: Any) -> bool:
        return hasattr(array, "copy_to_host")

    def fill(self, there: Any, values: Any) -> None:
        there[...] = self.fetch(values)

    def release(self) -> None:
        pass

    def _empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        if math.prod(shape) * np.dtype(dtype).itemsize > self.largest:
            raise MemoryError
        made = np.empty(shape, dtype)
        made.reshape(-1).view(np.uint8)[:] = 255  # NaN: what is read before it is written shows
        return self._cuda.to_device(made)

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        assert self._recorded is None, "memory of a graph is taken by `empty`, which keeps it"
        return self.send(np.zeros(shape, dtype))

    def fetch(self, array: Any) -> np.ndarray:
        assert self._recorded is None, "nothing waits for a step that is recorded"
        return array if isinstance(array, np.ndarray) else array.copy_to_host()

    def later(self, array: Any) -> Callable[[], np.ndarray]:
        copy = array.copy_to_host()
        return lambda: copy

    def launch(self, kernel: Any, grid: tuple[int, int, int], arguments: tuple[Any, ...]) -> None:
        blocks, threads, shared = grid
        self._do(lambda: kernel[blocks, min(threads, _THREADS), 0, shared](*arguments))

    def _product(self, a: Any, b: Any, out: Any, scale: Any, keep: float) -> None:
        def multiply() -> None:
            factor = scale if isinstance(scale, float) else scale[0]
            made = np.float32(factor) * (_wide(a) @ _wide(b))
            out[...] = made + np.float32(keep) * out.copy_to_host() if keep else made

        self._do(multiply)

    def _do(self, launched: Callable[[], None]) -> None:
        if self._recorded is not None:
            self._recorded.append(launched)
        elif not self.silent:
            launched()

    def _aside(self, make: Callable[[], T]) -> tuple[T, Callable[[], None]]:
        return make(), lambda: None

    def _record(self, step: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
        launches: list[Callable[[], None]] = []
        self._recorded = launches
        try:
            result = step()
        finally:
            self._recorded = None

        def graph() -> None:
            for launched in launches:
                launched()

        return result, graph


def _wide(array: Any) -> np.ndarray:
    """Float32 numbers of a factor; 16 bits of uint16 are the upper ones of a float32 (bfloat16)."""
    values = array.copy_to_host()
    if values.dtype == np.uint16:
        return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return values.astype(np.float32)
