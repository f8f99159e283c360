"""What a layer is: fields that describe it, `build` for its memory, `forward` and `backward`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

__all__ = ["Draw", "Layer", "Parameter", "in_order_of"]


def in_order_of(x: np.ndarray, buffer: np.ndarray, rows: int | None = None) -> np.ndarray:
    """View the beginning of a flat buffer as x: as many rows, or so many, and the same order (C's or Fortran's)."""
    shape = (rows or len(x), *x.shape[1:])
    begin = buffer[: math.prod(shape)]
    return begin.reshape(shape) if x.flags.c_contiguous else begin.reshape(shape[::-1]).T


@dataclass(eq=False)
class Parameter:
    """An array that is learned, with what its optimizer keeps of it.

    `gradient` follows one contract in every layer: ``gradient = scale * (this batch's) + keep * gradient``, so that
    an optimizer with momentum can let it be the velocity itself.
    """

    name: str
    value: np.ndarray
    gradient: np.ndarray | None = None
    moments: tuple[np.ndarray, ...] = ()


class Draw(NamedTuple):
    """Where the randomness of a pass comes from.

    A prediction has several draws in a pass: one below the other, from the first layer on that is `random`.
    """

    key: np.uint64 | np.ndarray  # of the pass, or of each of its draws
    first: int = 0  # number of the batch's first example
    training: bool = False  # whether `backward` follows; else these are draws of a prediction
    rows: int | None = None  # of all draws together; without it as many as go in


@dataclass(eq=False)
class Layer:
    """One step of a network; its fields are what a file says of it.

    Shapes leave out the batch: (channels, height, width) or (width,). Buffers are made once for the largest batch
    and are used from their beginning by smaller ones, so what `forward` and `backward` return is theirs and is
    overwritten by the next call.
    """

    kinds: ClassVar[dict[str, type[Layer]]] = {}
    random: ClassVar[bool] = False  # whether `forward` depends on the draw

    parameters: list[Parameter] = field(default_factory=list, init=False, repr=False)
    statistics: list[np.ndarray] = field(default_factory=list, init=False, repr=False)  # kept, but not learned
    shape: tuple[int, ...] = field(default=(), init=False, repr=False)
    out_shape: tuple[int, ...] = field(default=(), init=False, repr=False)

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        Layer.kinds[cls.__name__] = cls

    def connect(self, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, ...]:
        """Take the input's shape, make the parameters, return the output's shape; InputError if they cannot fit."""
        raise NotImplementedError

    def build(self, batch: int, ops: Any, *, first: bool) -> None:
        """Make the buffers for `batch` examples; a `first` layer gives no gradient of its input."""
        raise NotImplementedError

    def forward(self, x: np.ndarray, draw: Draw | None) -> np.ndarray:
        """Output for x (n, *shape); a draw is given where dropout is on."""
        raise NotImplementedError

    def backward(self, gradient: np.ndarray, scale: float, keep: float) -> np.ndarray | None:
        """Accumulate the parameters' gradients of the last `forward`; return that of its input."""
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """Kind and fields: what makes the same layer again."""
        own = {name for name, entry in self.__dataclass_fields__.items() if entry.init}
        return {"kind": type(self).__name__} | {name: value for name, value in asdict(self).items() if name in own}

    def kernel(self) -> str:
        """Name the layer for the summary."""
        return ""
