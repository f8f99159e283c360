"""Layers that compute as CIANNA V-1.0 does on a processor, its peculiarities included.

* A bias is the weight of one more input of constant value. A dense layer makes that input of the next one: it has
  one more output, the "pivot". Every activation but the linear one sets the pivot to zero, so a dense layer after
  such a dense layer has no bias at all, and its row of bias weights never changes.
* Dropout comes before the activation; what is kept is not divided by ``1 - rate``, so where dropout is off all
  values are multiplied by it. The pivot stays as it is. Rates up to 0.01 do nothing.
* The activation of a normalization is left out forward, but its derivative is applied backward.
* A mean over a window that lies partly outside of the image is one of the numbers inside, as ours; backward each of
  them gets its share of the whole window.

One is not reproduced: a leaky ReLU compares the gradient, not its value, with the saturation backward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from milkyway_cnn.nn.convolution import Convolution
from milkyway_cnn.nn.layer import Layer, Parameter
from milkyway_cnn.nn.loss import Loss
from milkyway_cnn.nn.pooling import AveragePooling

__all__ = ["BiasedConvolution", "BoundedActivation", "PivotDense", "Quadratic", "Thinning", "WindowAverage"]


@dataclass(eq=False)
class BiasedConvolution(Convolution):
    """Linear convolution whose bias is a weight times ``bias_value``."""

    bias_value: float = 0.1

    def bias(self):
        return np.float32(self.bias_value) * self.parameters[1].value

    def backward(self, gradient, scale, keep):
        own = self.parameters[1].gradient
        assert own is not None
        before = own.copy()
        own[...] = 0.0
        gradient_in = super().backward(gradient, scale, keep)
        own *= np.float32(self.bias_value)
        own += np.float32(keep) * before
        return gradient_in


class WindowAverage(AveragePooling):
    """Mean over the numbers of a window in the image, whose gradient is divided by those of the whole window."""

    def build(self, batch, ops, *, first):
        super().build(batch, ops, first=first)
        padded = np.pad(np.ones((1, 1, *self.images[1:]), np.float32), ((0, 0), (0, 0), *((p, p) for p in self.pad)))
        self.share = np.empty((1, 1, *self.maps[1:]), np.float32)  # of each window that is in the image
        ops.average_pool(padded, self.window, self.strides, (0, 0, 0), self.share)

    def _pool_backward(self, gradient, gradient_in):
        super()._pool_backward(gradient * self.share, gradient_in)


@dataclass(eq=False)
class PivotDense(Layer):
    """``y = [x, bias_value] @ weights`` with weights (inputs + 1, width + 1), the last column for the pivot.

    ``after_dense``: the input has its constant already. ``last``: the pivot is cut off.
    """

    width: int
    bias_value: float = 0.1
    after_dense: bool = False
    last: bool = False

    def connect(self, shape, rng):
        self.shape = shape
        self.out_shape = (self.width if self.last else self.width + 1,)
        inputs = math.prod(shape) + (not self.after_dense)
        self.parameters = [Parameter("weights", np.zeros((inputs, self.width + 1), np.float32))]
        return self.out_shape

    def build(self, batch, ops, *, first):
        self.ops = ops
        inputs, outputs = self.parameters[0].value.shape
        self.x = np.full((batch, inputs), self.bias_value, np.float32)
        self.y = np.empty((batch, outputs), np.float32)
        self.gradient_in = np.empty((batch, inputs), np.float32)

    def forward(self, x, draw):
        n = len(x)
        flat = x.reshape(n, -1)
        self.x[:n, : flat.shape[1]] = flat
        self.ops.multiply(self.x[:n], self.parameters[0].value, self.y[:n])
        return np.ascontiguousarray(self.y[:n, : self.out_shape[0]])

    def backward(self, gradient, scale, keep):
        n = len(gradient)
        whole = np.zeros_like(self.y[:n])
        whole[:, : self.out_shape[0]] = gradient
        weights = self.parameters[0]
        self.ops.multiply(self.x[:n].T, whole, weights.gradient, scale, keep)
        self.ops.multiply(whole, weights.value.T, self.gradient_in[:n])
        return np.ascontiguousarray(self.gradient_in[:n, : math.prod(self.shape)]).reshape(n, *self.shape)

    def kernel(self):
        return f"D{self.width} with pivot"


@dataclass(eq=False)
class Thinning(Layer):
    """Dropout that keeps values as they are, and multiplies by ``1 - rate`` where it is off.

    ``pivot``: the last value is the pivot of a dense layer and is left alone.
    """

    rate: float
    pivot: bool = False
    random: ClassVar[bool] = True

    def connect(self, shape, rng):
        self.shape = self.out_shape = shape
        return shape

    def build(self, batch, ops, *, first):
        self.ops = ops

    def forward(self, x, draw):
        self.draw = draw
        return self._thin(x)

    def backward(self, gradient, scale, keep):
        return self._thin(gradient)

    def _thin(self, values):
        out = values.copy()
        if self.draw is not None:
            values = np.resize(values, (self.draw.rows or len(values), *values.shape[1:]))
            out = np.empty_like(values)
            self.ops.dropout(values, self.rate, self.draw.key, self.draw.first, False, out)
        out *= np.float32(1.0 - self.rate)
        if self.pivot:
            out[:, -1] = values[:, -1]
        return out

    def kernel(self):
        return f"thinning {self.rate:g}"


@dataclass(eq=False)
class BoundedActivation(Layer):
    """Leaky ReLU (a: saturation, b: leak) or logistic (a: saturation of -b z, b: steepness).

    Above its saturation the slope of the ReLU is the leak again. ``pivot``: the last value is the pivot of a dense
    layer and becomes zero. ``forward_too`` False is the activation of a normalization.
    """

    function: str
    a: float
    b: float
    pivot: bool = False
    forward_too: bool = True

    def connect(self, shape, rng):
        self.shape = self.out_shape = shape
        return shape

    def build(self, batch, ops, *, first):
        pass

    def forward(self, x, draw):
        a, b = np.float32(self.a), np.float32(self.b)
        self.y = x.copy()
        if self.forward_too and self.function == "RELU":
            self.y = np.where(x <= 0, b * x, np.where(x > a, a + b * (x - a), x))
        elif self.forward_too:
            self.y = 1 / (1 + np.exp(np.minimum(-b * x, a)))
        if self.pivot:
            self.y[:, -1] = 0
        return self.y

    def backward(self, gradient, scale, keep):
        b = np.float32(self.b)
        if self.function == "RELU":
            slope = np.where((self.y <= 0) | (self.y > self.a), b, np.float32(1))
        else:
            slope = b * self.y * (1 - self.y)
        gradient = gradient * slope
        if self.pivot:
            gradient[:, -1] = 0
        return gradient

    def kernel(self):
        return f"{self.function} {self.a:g} {self.b:g}"


@dataclass(frozen=True)
class Quadratic(Loss):
    """``sum over outputs of (output - target)**2 / 2``, its gradient divided by the full batch size.

    The last batch of an epoch may have fewer examples; CIANNA divides by `batch` all the same.
    """

    batch: int = 16

    def _compute(self, ops, output, target, weights, each, gradient):
        error = output - target
        each[...] = 0.5 * (weights * error**2).sum(axis=1)
        gradient[...] = weights * error / np.float32(self.batch)
