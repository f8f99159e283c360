"""Input scaling as the first layer: any number type in, float32 of order one out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from milkyway_cnn.backend import current
from milkyway_cnn.errors import InputError
from milkyway_cnn.kernels.scaling import FUNCTIONS
from milkyway_cnn.nn.layer import Layer

__all__ = ["Scaling"]


@dataclass(eq=False)
class Scaling(Layer):
    """``y = factor * function(x)``; it stands before the first layer and passes no gradient on."""

    function: str = "linear"
    factor: float = 1.0

    def __post_init__(self):
        if self.function not in FUNCTIONS:
            msg = f"input scaling {self.function!r} is not known; choose one of {', '.join(FUNCTIONS)}"
            raise InputError(msg)

    def connect(self, shape, rng):
        self.shape = self.out_shape = shape
        return shape

    def build(self, batch, ops, *, first):
        self.ops = ops
        self.y = current().empty((batch, *self.shape), np.float32)

    def forward(self, x, draw):
        y = self.y[: len(x)]
        self.ops.scale(x, self.function, self.factor, y)
        return y

    def kernel(self):
        return f"{self.factor:g} {self.function}"
