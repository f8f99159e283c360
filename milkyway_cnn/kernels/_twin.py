"""The one place where Numba enters: how every kernel of this package is compiled.

A kernel module writes its formula once as scalar functions under `body` or `exact`, calls them from a loop under `loop`
(host threads) and from one of the same arguments for CUDA, joins both in a `Twin`, and gives that to the world through
a public function that checks shapes first. Nothing compiles at import, and nothing of CUDA is imported; what has been
compiled once for the host is kept on disk beside the source.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable
from typing import Any

# GNU OpenMP is the layer that two Python threads may enter at once; it must be chosen before Numba starts.
os.environ.setdefault("NUMBA_THREADING_LAYER", "omp")
# Between two loops of a training step threads stay awake, for to be woken takes longer than a small loop; but not for
# long, since another Python thread may be preparing the next batch with threads of its own.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")

import numpy as np
from numba import config, extending, float32, float64, njit, prange, uint32, uint64
from numba.core.compiler import Compiler

from milkyway_cnn import backend
from milkyway_cnn.errors import InputError

__all__ = [
    "KERNELS",
    "THREADS",
    "Kernel",
    "Twin",
    "block_each",
    "block_sum",
    "body",
    "cuda",
    "each",
    "exact",
    "exact_loop",
    "float32",
    "float64",
    "intrinsic",
    "loop",
    "number",
    "on_card",
    "prange",
    "serial",
    "single",
    "uint32",
    "uint64",
    "vectors",
]

#: The most threads that a loop can have.
THREADS: int = config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]

# Sums may be reordered and products fused; NaN and infinity keep their meaning, for catalogs contain both.
FASTMATH = {"contract", "reassoc", "nsz", "arcp"}

#: Scalar formula, shared by every loop that needs it.
body: Any = functools.partial(njit, cache=True, fastmath=FASTMATH, forceinline=True)

# What every processor and vector rounds alike: nothing is reordered or fused, division is IEEE's. It must be said, for
# Numba hands the caller's options down where a function has none of its own. NVVM, which compiles for a card, fuses
# products with sums in any case.
_ALIKE: dict[str, Any] = {"fastmath": False, "error_model": "numpy"}

#: Scalar formula that gives the same number everywhere.
exact: Any = functools.partial(njit, cache=True, forceinline=True, **_ALIKE)

#: Threaded loop over independent elements; it releases the interpreter lock.
loop: Any = functools.partial(njit, cache=True, fastmath=FASTMATH, parallel=True, nogil=True)

#: Threaded loop over elements whose values are to be the same to the last bit, whatever process compiled it: Numba's
#: cache holds code that was optimized once more than that which runs where it was compiled, and where sums may be
#: reordered and products fused, the two differ.
exact_loop: Any = functools.partial(njit, cache=True, parallel=True, nogil=True, **_ALIKE)

#: Loop on one thread, for passes that memory limits or whose elements meet.
serial: Callable[..., Any] = functools.partial(njit, cache=True, fastmath=FASTMATH, nogil=True)


class _Apart(Compiler):
    """Compiler that is promised that the arrays of a function's arguments do not overlap."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.state.flags.noalias = True


#: Loops that the compiler turns into vectors, also where they look numbers up: no argument may overlap another.
vectors: Any = functools.partial(njit, cache=True, nogil=True, pipeline_class=_Apart, **_ALIKE)

#: Function that writes its own LLVM instructions.
intrinsic: Any = extending.intrinsic


#: `numba.cuda` inside the loops for CUDA, once the first of a module is launched (see `Kernel`).
cuda: Any = None

#: Bytes of shared memory that a block has on every card.
_SHARED = 48 << 10

#: All kernels for CUDA, for tests.
KERNELS: list[Kernel] = []


class Kernel:
    """A loop over a CUDA grid; arrays of the host are sent to the card, and outputs fetched again.

    Parameters
    ----------
    card
        Plain function, the kernel; it names `cuda` of this module, and may name `block_sum`.
    grid
        From the arguments the number of blocks, of threads of a block, and of bytes of shared memory.
    outputs
        How many of the last arguments are written.
    """

    def __init__(self, card: Callable[..., None], grid: Callable[..., tuple[int, int, int]], outputs: int = 1) -> None:
        self.card, self.grid, self.outputs = card, grid, outputs
        KERNELS.append(self)

    def __call__(self, *arguments: Any) -> None:
        place: Any = backend.current()
        if place.silent:
            return
        grid = self.grid(*arguments)
        if not grid[0]:
            return
        there = tuple(_sent(argument) for argument in arguments)
        place.launch(self.kernel, grid, there)
        for here, array in zip(arguments[-self.outputs :], there[-self.outputs :], strict=True):
            if isinstance(here, np.ndarray):
                here[...] = place.fetch(array)

    @functools.cached_property
    def kernel(self) -> Any:
        """The CUDA kernel, which compiles at its first launch."""
        module = importlib.import_module("numba.cuda")
        self.card.__globals__["cuda"] = module
        if "block_sum" in self.card.__code__.co_names:
            globals()["cuda"] = module
            self.card.__globals__["block_sum"] = _on_device(block_sum)
        return module.jit(self.card)


class Twin(Kernel):
    """Two loops of one argument list, outputs last: over host threads, and over a CUDA grid.

    Called, it runs where `backend.use` says.

    Parameters
    ----------
    host
        Compiled loop.
    card, grid, outputs
        As of `Kernel`.
    """

    def __init__(
        self,
        host: Callable[..., None],
        card: Callable[..., None],
        grid: Callable[..., tuple[int, int, int]],
        outputs: int = 1,
    ) -> None:
        super().__init__(card, grid, outputs)
        self.host = host

    def __call__(self, *arguments: Any) -> None:
        if backend.current().name == "cpu":
            self.host(*arguments)
        else:
            super().__call__(*arguments)


def on_card() -> bool:
    """Whether `backend.use` has chosen a card."""
    return backend.current().name != "cpu"


def number(value: Any) -> Any:
    """Give a number that may change from step to step as loops take it: `value[0]` on a card (see `Backend.number`)."""
    return backend.current().number(value)


def single(value: Any) -> Any:
    """Give a factor as `number` does, float32, unless it is on the card already."""
    return number(np.float32(value)) if isinstance(value, float | int) else value


def _sent(argument: Any) -> Any:
    """Put arrays, also those of tuples, on the card."""
    if isinstance(argument, tuple):
        return tuple(_sent(part) for part in argument)
    return backend.current().send(argument) if isinstance(argument, np.ndarray) else argument


@functools.cache
def _on_device(function: Callable[..., Any]) -> Any:
    return importlib.import_module("numba.cuda").jit(device=True)(function)


def block_sum(value, shared):
    """Sum over the threads of a block, a power of two of them, in an order that is always the same; all get it.

    `shared` has a number for each thread.
    """
    thread = cuda.threadIdx.x
    shared[thread] = value
    cuda.syncthreads()
    step = cuda.blockDim.x // 2
    while step > 0:
        if thread < step:
            shared[thread] += shared[thread + step]
        cuda.syncthreads()
        step //= 2
    total = shared[0]
    cuda.syncthreads()
    return total


def each(items: int, threads: int = 128) -> tuple[int, int, int]:
    """Grid of a thread an item; of a million items or more, which are enough for any card, threads go on to others."""
    return min(-(-items // threads), 8192), threads, 0


def block_each(items: int, threads: int = 128, shared: int = 0) -> tuple[int, int, int]:
    """Grid of a block an item, with bytes of shared memory; where there are too many items, blocks go on as well.

    Raises
    ------
    InputError
        If the block needs more shared memory than every card has.
    """
    if shared > _SHARED:
        msg = (
            f"this needs {shared:,} bytes of a card's shared memory of {_SHARED:,}; choose fewer pixels or device='cpu'"
        )
        raise InputError(msg)
    return min(items, 65_535), threads, shared
