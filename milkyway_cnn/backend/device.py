"""What a card and its simulation have in common: numbers that change from step to step, and steps that are repeated.

A step of a training launches the same kernels on the same memory each time. So it is recorded once and repeated as one
graph; only some numbers, as the learning rate and the keys of dropout, are others each time. Kernels read them from
memory, where `Device.number` puts them. To repeat a step its Python code runs again, with nothing launched, and says
these numbers in the same order.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import numpy as np

__all__ = ["Device", "Repetition"]

T = TypeVar("T")
_NUMBERS = 1024  # of one step, 8 bytes each


class Repetition:
    """What is kept of one step that is repeated.

    Attributes
    ----------
    numbers, there
        Values that change, 64 bits each, on the host and on the device.
    slots, arrays
        Views of `there` and memory taken, in the order in which the step asks for them.
    graph
        Launches all of the step; None before it is recorded.
    result
        What the step returned.
    """

    def __init__(self, device: Device) -> None:
        self.numbers = np.zeros(_NUMBERS, np.uint64)
        self.there = device.send(self.numbers)
        self.slots: list[Any] = []
        self.arrays: list[Any] = []
        self.graph: Callable[[], None] | None = None
        self.result: Any = None


class Device:
    """Memory that is not the host's, with kernels launched in order; see `backend.Backend` for what is public.

    One thread of Python at a time may use it: a step that is recorded or repeated is one of all that is launched.

    Parameters
    ----------
    precision
        Of the factors of matrix products, one of `backend.PRECISIONS`; all else is float32.
    """

    name = "cuda"
    #: Steps that the host goes ahead of the device, and examples of one pass of a prediction.
    ahead, batch = 8, 2048

    def __init__(self, precision: str) -> None:
        self.precision = precision
        self._held: dict[int, Any] = {}
        self._now: Repetition | None = None
        self._asked = [0, 0]  # numbers and arrays
        self.silent = False  # whether nothing is launched, for a graph does it

    def active(self) -> AbstractContextManager[Any]:
        """Context in which this thread works on the device."""
        raise NotImplementedError

    def send(self, array: np.ndarray) -> Any:
        raise NotImplementedError

    def keep(self, array: Any) -> Any:
        if self.holds(array):
            return array
        key = id(array)
        if key not in self._held:
            self._held[key] = self.send(array)
            weakref.finalize(array, self._held.pop, key, None)
        return self._held[key]

    def holds(self, array: Any) -> bool:
        raise NotImplementedError

    def fill(self, there: Any, values: Any) -> None:
        raise NotImplementedError

    def release(self) -> None:
        raise NotImplementedError

    def _empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        raise NotImplementedError

    def _record(self, step: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
        """Run a step without doing it; return its result and what does it."""
        raise NotImplementedError

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        if self._now is None:
            return self._empty(shape, dtype)
        return self._next(1, self._now.arrays, lambda: self._empty(shape, dtype))

    def number(self, value: Any) -> Any:
        """Put a number where kernels read it, an array of one, floats as float32; what is there already stays."""
        if not isinstance(value, np.generic | float):
            return value
        value = value if isinstance(value, np.generic) else np.float32(value)
        if self._now is None:
            return self.send(np.array([value]))
        place, size = self._asked[0], value.dtype.itemsize
        self._now.numbers[place : place + 1].view(value.dtype)[0] = value
        there = self._now.there
        return self._next(0, self._now.slots, lambda: there.view(value.dtype)[(at := place * 8 // size) : at + 1])

    def _next(self, kind: int, kept: list[Any], make: Callable[[], Any]) -> Any:
        place = self._asked[kind]
        self._asked[kind] += 1
        if place == len(kept):
            kept.append(make())
        return kept[place]

    def repeat(self, kept: dict[Hashable, Repetition], key: Hashable, step: Callable[[], Any]) -> Any:
        """Do a step: at first as it is, then by a graph that is recorded at the second time.

        Parameters
        ----------
        kept
            Where the owner of the memory that the step works on keeps what belongs to it; emptied when it changes.
        key
            What decides which kernels the step launches on which memory.
        step
            Launches kernels with `number` for all that changes, and waits for nothing.
        """
        if key not in kept:
            kept[key] = Repetition(self)
            return step()
        own = kept[key]
        self._now, self._asked, self.silent = own, [0, 0], own.graph is not None
        try:
            if own.graph is None:
                own.result, own.graph = self._record(step)
            else:
                step()
        finally:
            self._now, self.silent = None, False
        used = self._asked[0]  # so few that the driver takes them along at once
        self.fill(own.there[:used], own.numbers[:used])
        own.graph()
        return own.result

    def beside(self, making: Iterable[T]) -> Iterator[T]:
        """Give what an iterable makes, each beside the work that is done on the one before.

        What is let go of by then may be in use still; so the next one is begun when all work is done that was asked for
        before the last was given.
        """
        items = iter(making)
        item, wait = self._aside(lambda: next(items, None))
        while item is not None:
            following = self._aside(lambda: next(items, None))
            wait()
            yield item
            item, wait = following

    def _aside(self, make: Callable[[], T]) -> tuple[T, Callable[[], None]]:
        """Do work beside what follows, after all so far; the function lets all that follows it wait for the work."""
        raise NotImplementedError

    def product(self, a: Any, b: Any, out: Any, scale: Any, keep: float) -> None:
        """``out = scale * a @ b + keep * out`` for matrices in C's order or in Fortran's; `scale` as of `number`."""
        if not out.flags.c_contiguous:
            a, b, out = b.T, a.T, out.T
        if not self.silent and math.prod(out.shape):
            self._product(a, b, out, scale, keep)

    def _product(self, a: Any, b: Any, out: Any, scale: Any, keep: float) -> None:
        raise NotImplementedError
