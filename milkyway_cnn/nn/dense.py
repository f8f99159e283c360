"""Dense layer: every output sees every input."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from milkyway_cnn.backend import current
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.initializer import initial
from milkyway_cnn.nn.layer import Layer, Parameter, in_order_of

__all__ = ["Dense"]


@dataclass(eq=False)
class Dense(Layer):
    """``y = leaky(x @ weights.T + bias)`` with weights (width, inputs); slope 1 is linear.

    ``turned``: the output stays as its product comes out fastest, (n, width) in Fortran's order; for a layer that is
    followed by another dense one.
    """

    width: int
    slope: float = 0.01
    initializer: str = "he_normal"
    turned: bool = field(default=False, init=False, repr=False)

    def connect(self, shape, rng):
        if self.width < 1:
            msg = f"a dense layer of width {self.width} has no outputs; choose at least 1"
            raise InputError(msg)
        self.shape, self.out_shape = shape, (self.width,)
        inputs = math.prod(shape)
        weights = initial(self.initializer, (self.width, inputs), (inputs, self.width), self.slope, rng)
        self.parameters = [Parameter("weights", weights), Parameter("bias", np.zeros(self.width, np.float32))]
        return self.out_shape

    def build(self, batch, ops, *, first):
        self.ops = ops
        self.z = current().empty((batch * self.width,), np.float32)
        self.y = None if self.turned else current().empty((batch, self.width), np.float32)
        self.gradient_in = None if first else current().empty((batch * math.prod(self.shape),), np.float32)

    def forward(self, x, draw):
        weights, bias = (parameter.value for parameter in self.parameters)
        n = len(x)
        self.x = x.reshape(n, -1)
        z = self.z[: self.width * n].reshape(self.width, n)
        self.out = z.T if self.y is None else self.y[:n]
        self.ops.multiply(weights, self.x.T, z)
        self.ops.activate(z, bias, self.slope, self.out)
        return self.out

    def backward(self, gradient, scale, keep):
        weights, bias = self.parameters
        n = len(gradient)
        self.ops.activate_backward(self.out, self.slope, scale, keep, gradient, bias.gradient)
        self.ops.multiply(gradient.T, self.x, weights.gradient, scale, keep)
        if self.gradient_in is None:
            return None
        gradient_in = in_order_of(self.x, self.gradient_in)
        self.ops.multiply(gradient, weights.value, gradient_in)
        return gradient_in.reshape(n, *self.shape)

    def kernel(self):
        return f"D{self.width}"
