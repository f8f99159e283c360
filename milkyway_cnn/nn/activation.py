"""Activations that are layers of their own; (leaky) ReLU and linear also belong to the layers with weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from milkyway_cnn.backend import current
from milkyway_cnn.nn.layer import Layer

__all__ = ["LeakyReLU", "Logistic", "Softmax"]


@dataclass(eq=False)
class _Activation(Layer):
    """Function of the values of an example, read as one row; `operation` and its `_backward` are of the scheme."""

    operation: ClassVar[str]

    def connect(self, shape, rng):
        self.shape = self.out_shape = shape
        return shape

    def build(self, batch, ops, *, first):
        self.apply, self.apply_backward = (getattr(ops, self.operation + end) for end in ("", "_backward"))
        self.y = current().empty((batch, *self.shape), np.float32)
        self.gradient_in = current().empty((batch, *self.shape), np.float32)

    def options(self) -> tuple[Any, ...]:
        """Give what the operation takes besides arrays."""
        return ()

    def forward(self, x, draw):
        n = len(x)
        self.apply(x.reshape(n, -1), *self.options(), self.y[:n].reshape(n, -1))
        return self.y[:n]

    def backward(self, gradient, scale, keep):
        n = len(gradient)
        y, given, wanted = (values[:n].reshape(n, -1) for values in (self.y, gradient, self.gradient_in))
        self.apply_backward(y, *self.options(), given, wanted)
        return self.gradient_in[:n]

    def kernel(self):
        return self.operation.replace("_", " ")


@dataclass(eq=False)
class LeakyReLU(_Activation):
    """``y = x`` above zero, ``slope * x`` elsewhere: after a normalization, whose layer before is linear (slope 1)."""

    slope: float = 0.01
    operation: ClassVar[str] = "leaky_relu"

    def options(self):
        return (self.slope,)


class Logistic(_Activation):
    """``y = 1 / (1 + exp(-x))``."""

    operation: ClassVar[str] = "logistic"


class Softmax(_Activation):
    """``y_i = exp(x_i) / sum over j of exp(x_j)``: probabilities, for `CrossEntropy`."""

    operation: ClassVar[str] = "softmax"
