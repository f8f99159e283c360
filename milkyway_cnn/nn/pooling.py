"""Max pooling that does not follow a convolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.layer import Layer

__all__ = ["MaxPooling"]


@dataclass(eq=False)
class MaxPooling(Layer):
    """The maximum over windows of ``size`` x ``size``; a rest at the right and lower edge is left out."""

    size: int

    def connect(self, shape, rng):
        if len(shape) != 3:
            msg = f"P{self.size} cannot take input of shape {shape}; put it before the first dense layer"
            raise InputError(msg)
        self.shape = shape
        self.out_shape = (shape[0], shape[1] // self.size, shape[2] // self.size)
        if min(self.out_shape) < 1:
            msg = f"P{self.size} leaves nothing of an image of {shape[1]} x {shape[2]}; choose a smaller pool"
            raise InputError(msg)
        return self.out_shape

    def build(self, batch, ops, *, first):
        self.ops = ops
        self.y = np.empty((batch, *self.out_shape), np.float32)
        self.winner = np.empty((batch, *self.out_shape), np.uint8)
        self.gradient_in = None if first else np.empty((batch, *self.shape), np.float32)

    def forward(self, x, draw):
        n = len(x)
        self.ops.max_pool(x, self.size, self.y[:n], self.winner[:n])
        return self.y[:n]

    def backward(self, gradient, scale, keep):
        if self.gradient_in is None:
            return None
        n = len(gradient)
        self.ops.max_pool_backward(gradient, self.winner[:n], self.size, self.gradient_in[:n])
        return self.gradient_in[:n]

    def kernel(self):
        return f"P{self.size}"
