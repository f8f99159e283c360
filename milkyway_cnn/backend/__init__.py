"""Host or CUDA card, chosen once: ``with backend.use("auto"): ...``.

Inside the block the twins of `milkyway_cnn.kernels` run there, and networks that are made there live there. Arrays of
the host are sent to the card and back by each launch; what stays in use is put there once by `send`, and read by
`fetch`. Nothing of CUDA is imported before a card is asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from typing import Any, Protocol, TypeVar

import numpy as np

from milkyway_cnn.backend.check import Card, fault, found
from milkyway_cnn.errors import InputError

__all__ = ["DEVICES", "HOST", "PRECISIONS", "Backend", "Card", "current", "entered", "fault", "found", "home", "use"]

T = TypeVar("T")

#: What may be asked for.
DEVICES = ("auto", "cpu", "cuda")
#: Of the factors of matrix products on a card; sums, weights and all else are float32. The host knows the first.
PRECISIONS = ("float32", "tf32", "bfloat16", "float16")


class Backend(Protocol):
    """Where kernels run and arrays are.

    Attributes
    ----------
    ahead
        Steps that the host may go ahead of it, so that it never waits for the host.
    batch
        Examples of one pass of a prediction.
    precision
        One of `PRECISIONS`.
    """

    name: str
    ahead: int
    batch: int
    precision: str

    def active(self) -> AbstractContextManager[Any]:
        """Context in which this thread works there."""

    def send(self, array: Any) -> Any:
        """Put an array there; on the host, or if it is there, it is the same array."""

    def keep(self, array: Any) -> Any:
        """Put an array there that is not changed; it stays as long as that of the host, and is not sent again."""

    def holds(self, array: Any) -> bool:
        """Whether an array is there, and not the host's."""

    def fill(self, there: Any, values: Any) -> None:
        """Write values, of the host or there, into an array that is there."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Make an array there whose numbers are undefined."""

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Make an array there of zeros."""

    def fetch(self, array: Any) -> np.ndarray:
        """Give an array of this backend, or of the host, as NumPy's, when all kernels before are done."""

    def later(self, array: Any) -> Callable[[], np.ndarray]:
        """Begin to fetch an array as it is after all kernels before; the function waits for it."""

    def release(self) -> None:
        """Give memory that is no longer used to others."""

    def number(self, value: Any) -> Any:
        """Put a number that changes from step to step where kernels read it; the host reads it as it is."""

    def repeat(self, kept: dict[Hashable, Any], key: Hashable, step: Callable[[], Any]) -> Any:
        """Do a step that is the same each time but for its numbers (see `device.Device.repeat`)."""

    def beside(self, making: Iterable[T]) -> Iterator[T]:
        """Give what an iterable makes there; a card makes the next one beside the work on the one before."""


class _Host:
    name, precision = "cpu", "float32"
    ahead, batch = 0, 128  # the batch is a constant, for the last bits of a product may depend on it

    def active(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def send(self, array: Any) -> Any:
        return array

    def keep(self, array: Any) -> Any:
        return array

    def holds(self, array: Any) -> bool:
        return False

    def fill(self, there: Any, values: Any) -> None:
        there[...] = values

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return np.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return np.zeros(shape, dtype)

    def fetch(self, array: np.ndarray) -> np.ndarray:
        return array

    def later(self, array: np.ndarray) -> Callable[[], np.ndarray]:
        return lambda: array

    def release(self) -> None:
        pass

    def number(self, value: Any) -> Any:
        return value

    def repeat(self, kept: dict[Hashable, Any], key: Hashable, step: Callable[[], Any]) -> Any:
        return step()

    def beside(self, making: Iterable[T]) -> Iterator[T]:
        return iter(making)


HOST: Backend = _Host()
_current: ContextVar[Backend] = ContextVar("backend", default=HOST)


def current() -> Backend:
    """Return the backend of the innermost `use` around, or the host."""
    return _current.get()


def home(array: Any) -> Backend:
    """Return the backend that an array is on: the current one, or the host."""
    place = _current.get()
    return place if place.holds(array) else HOST


@contextmanager
def entered(chosen: Backend) -> Iterator[Backend]:
    """Work on a backend that was chosen before."""
    if chosen is _current.get():
        yield chosen
        return
    token = _current.set(chosen)
    try:
        with chosen.active():
            yield chosen
    finally:
        _current.reset(token)


@cache
def _card(simulated: bool, precision: str) -> Any:
    if simulated:
        from milkyway_cnn.backend.simulated import Simulated

        return Simulated(precision)
    from milkyway_cnn.backend.cuda import Cuda

    return Cuda(precision)


@contextmanager
def use(device: str = "auto", precision: str = "float32") -> Iterator[Backend]:
    """Let kernels run on a device inside the block.

    Parameters
    ----------
    device
        "cpu", "cuda", or "auto": a card where one can be used, else the host.
    precision
        Of matrix products on a card, one of `PRECISIONS`; the host always takes float32.

    Raises
    ------
    InputError
        When a card is asked for that cannot be used, with the command that mends it (see `fault`).
    """
    for what, value, known in (("device", device, DEVICES), ("precision", precision, PRECISIONS)):
        if value not in known:
            msg = f"{what} {value!r} is not known; choose one of {', '.join(known)}"
            raise InputError(msg)
    chosen: Backend = HOST
    if device != "cpu":
        card = found()
        problem = fault(card)
        if problem is None:
            try:
                chosen = _card(card.simulated, precision)
            except Exception as error:  # what the libraries of CUDA raise when they find each other wanting
                problem = f"{card.name or 'the card'} cannot be used ({type(error).__name__}: {error})"
                if device == "auto":
                    warnings.warn(f"{problem}; the processor does its work", stacklevel=3)
        if problem is not None and device == "cuda":
            raise InputError(problem)
    with entered(chosen):
        yield chosen
