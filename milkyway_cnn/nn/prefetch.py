"""The next batch is prepared while the current one trains."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

from milkyway_cnn.backend import current

__all__ = ["prefetch"]

T = TypeVar("T")


def prefetch(batches: Iterable[T], ahead: int = 1) -> Iterator[T]:
    """Yield `batches` in their order, up to `ahead` of them made in advance by a second thread.

    The kernels of this package and BLAS let go of the interpreter, so both threads advance. An exception of
    `batches` is raised here; leaving the loop early ends the thread after the batch it is making. Batches must
    own their arrays, for two or more exist at a time.
    """
    made: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(maxsize=ahead)
    left = threading.Event()

    def put(last: bool, item: T | BaseException | None) -> bool:
        while not left.is_set():
            try:
                made.put((last, item), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            with current().active():
                for batch in batches:
                    if not put(False, batch):
                        return
            put(True, None)
        except BaseException as error:  # handed over to the thread that waits
            put(True, error)

    # In the context of the caller, who may have chosen a card.
    target = contextvars.copy_context().run
    thread = threading.Thread(target=target, args=(make,), name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            last, item = made.get()
            if isinstance(item, BaseException):
                raise item
            if last:
                return
            yield item  # type: ignore[misc]
    finally:
        left.set()
        thread.join()
