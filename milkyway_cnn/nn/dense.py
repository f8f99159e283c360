"""Dense layer: every output sees every input."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from milkyway_cnn.nn.initializer import initial
from milkyway_cnn.nn.layer import Layer, Parameter

__all__ = ["Dense"]


@dataclass(eq=False)
class Dense(Layer):
    """``y = leaky(x @ weights.T + bias)`` with weights (width, inputs); slope 1 is linear."""

    width: int
    slope: float = 0.01
    initializer: str = "he_normal"

    def connect(self, shape, rng):
        self.shape, self.out_shape = shape, (self.width,)
        inputs = math.prod(shape)
        weights = initial(self.initializer, (self.width, inputs), (inputs, self.width), self.slope, rng)
        self.parameters = [Parameter("weights", weights), Parameter("bias", np.zeros(self.width, np.float32))]
        return self.out_shape

    def build(self, batch, ops, *, first):
        self.ops = ops
        self.z = np.empty(batch * self.width, np.float32)
        self.y = np.empty((batch, self.width), np.float32)
        self.gradient_in = None if first else np.empty((batch, *self.shape), np.float32)

    def forward(self, x, draw):
        weights, bias = (parameter.value for parameter in self.parameters)
        n = len(x)
        self.x = x.reshape(n, -1)
        z = self.z[: self.width * n].reshape(self.width, n)
        self.ops.multiply_transposed(weights, self.x, z)
        self.ops.activate(z, bias, self.slope, self.y[:n])
        return self.y[:n]

    def backward(self, gradient, scale, keep):
        weights, bias = self.parameters
        n = len(gradient)
        self.ops.activate_backward(self.y[:n], self.slope, scale, keep, gradient, bias.gradient)
        self.ops.accumulate(gradient, self.x, scale, keep, weights.gradient)
        if self.gradient_in is None:
            return None
        self.ops.multiply(gradient, weights.value, self.gradient_in[:n].reshape(n, -1))
        return self.gradient_in[:n]

    def kernel(self):
        return f"D{self.width}"
