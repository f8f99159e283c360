"""The one place where Numba enters: how every kernel of this package is compiled.

A kernel module writes its formula once as scalar functions under `body`, calls them from a loop under
`loop` (host threads) and gives both to the world through a public function that checks shapes first.
Nothing compiles at import; what has been compiled once is kept on disk beside the source.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

# GNU OpenMP is the layer that two Python threads may enter at once; it must be chosen before Numba starts.
os.environ.setdefault("NUMBA_THREADING_LAYER", "omp")
# Between two loops of a training step threads stay awake, for to be woken takes longer than a small loop; but not for
# long, since another Python thread may be preparing the next batch with threads of its own.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from numba import config, extending, njit, prange
from numba.core.compiler import Compiler

__all__ = ["THREADS", "body", "exact", "intrinsic", "loop", "prange", "serial", "vectors"]

#: The most threads that a loop can have.
THREADS: int = config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]

# Sums may be reordered and products fused; NaN and infinity keep their meaning, for catalogs contain both.
FASTMATH = {"contract", "reassoc", "nsz", "arcp"}

#: Scalar formula, shared by every loop that needs it.
body: Any = functools.partial(njit, cache=True, fastmath=FASTMATH, forceinline=True)

# What every processor and vector rounds alike: nothing is reordered or fused, division is IEEE's. It must be said, for
# Numba hands the caller's options down where a function has none of its own.
_ALIKE: dict[str, Any] = {"fastmath": False, "error_model": "numpy"}

#: Scalar formula that gives the same number everywhere.
exact: Any = functools.partial(njit, cache=True, forceinline=True, **_ALIKE)

#: Threaded loop over independent elements; it releases the interpreter lock.
loop: Any = functools.partial(njit, cache=True, fastmath=FASTMATH, parallel=True, nogil=True)

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
