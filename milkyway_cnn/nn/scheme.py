"""Compute schemes: who does the arithmetic of the layers.

A scheme is a namespace of the functions listed in `OPERATIONS`, with the same arguments in every scheme and the
output last. `reference` is plain NumPy, written to be read; `cpu` is Numba and BLAS; `cuda` is Numba and cuBLAS on the
card that `backend.use` has chosen. Layers call nothing else, so a new scheme is one more namespace.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType, SimpleNamespace
from typing import Any

from milkyway_cnn.backend import current
from milkyway_cnn.errors import InputError

__all__ = ["OPERATIONS", "SCHEMES", "chosen", "scheme", "use"]

#: Operation -> module of `milkyway_cnn.kernels` that has it.
OPERATIONS = {
    "scale": "scaling",
    "convolution_work": "convolution",
    "convolve": "convolution",
    "convolve_backward": "convolution",
    "max_pool": "pooling",
    "max_pool_backward": "pooling",
    "average_pool": "pooling",
    "average_pool_backward": "pooling",
    "multiply": "matrix",
    "activate": "activation",
    "activate_backward": "activation",
    "dropout": "dropout",
    "squared_error": "loss",
    "absolute_error": "loss",
    "gaussian_nll": "loss",
    "cross_entropy": "loss",
    "logistic": "activation",
    "logistic_backward": "activation",
    "softmax": "activation",
    "softmax_backward": "activation",
    "leaky_relu": "activation",
    "leaky_relu_backward": "activation",
    "batch_statistics": "batch_normalization",
    "running_statistics": "batch_normalization",
    "batch_normalize": "batch_normalization",
    "batch_normalize_backward": "batch_normalization",
    "group_normalize": "normalization",
    "group_normalize_backward": "normalization",
    "velocity": "update",
    "momentum": "update",
    "adamw": "update",
    "clipping": "update",
}


#: Modules whose loops for CUDA are a module of their own.
_CARD = {"convolution": "convolution_cuda"}


def _cpu() -> SimpleNamespace:
    return SimpleNamespace(
        **{
            name: getattr(importlib.import_module(f"milkyway_cnn.kernels.{home}"), name)
            for name, home in OPERATIONS.items()
        }
    )


def _cuda() -> SimpleNamespace:
    return SimpleNamespace(
        **{
            name: getattr(importlib.import_module(f"milkyway_cnn.kernels.{_CARD.get(home, home)}"), name)
            for name, home in OPERATIONS.items()
        }
    )


def _reference() -> ModuleType:
    return importlib.import_module("milkyway_cnn.nn.reference")


SCHEMES: dict[str, Callable[[], Any]] = {"cpu": _cpu, "reference": _reference, "cuda": _cuda}
_current: ContextVar[str | None] = ContextVar("scheme", default=None)


def chosen(name: str | None = None) -> str:
    """Give a name of `SCHEMES`: the given one, that chosen by `use`, or that of the backend.

    Raises
    ------
    InputError
        For a name that is not in `SCHEMES`, and for "cuda" where no card is chosen.
    """
    name = name or _current.get() or current().name
    if name not in SCHEMES:
        msg = f"compute scheme {name!r} is not known; choose one of {', '.join(SCHEMES)}"
        raise InputError(msg)
    if name == "cuda" != current().name:
        msg = "the compute scheme 'cuda' needs a card; make the network inside `with backend.use('cuda'):`"
        raise InputError(msg)
    return name


def scheme(name: str | None = None) -> Any:
    """Give the operations of a scheme (see `chosen`)."""
    return SCHEMES[chosen(name)]()


@contextmanager
def use(name: str) -> Iterator[None]:
    """Let networks that are made inside the `with` compute by this scheme."""
    scheme(name)
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)
