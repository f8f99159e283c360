"""Threads that work on different things at once, so that what each of them calls must not start threads of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numba

from milkyway_cnn.kernels._blas import one_thread

__all__ = ["workers"]


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Give as many threads as there are cores, in each of which kernels and BLAS keep to it."""
    with one_thread(), ThreadPoolExecutor(os.cpu_count(), initializer=numba.set_num_threads, initargs=(1,)) as pool:
        yield pool
