"""Convolution with its activation and the max pooling that follows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.initializer import he_normal
from milkyway_cnn.nn.layer import Layer, Parameter

__all__ = ["Convolution"]


@dataclass(eq=False)
class Convolution(Layer):
    """``filters`` filters of ``kernel`` rows and columns, leaky ReLU, and the maximum over ``pool`` x ``pool``.

    The image is a cross-correlation with 'same' zero padding unless ``padding`` says otherwise; slope 1 is linear.
    """

    filters: int
    kernel_size: tuple[int, int]
    stride: int = 1
    padding: tuple[int, int] | None = None
    pool: int = 1
    slope: float = 0.01

    def connect(self, shape, rng):
        if len(shape) != 3:
            msg = f"a convolution cannot take input of shape {shape}; put it before the first dense layer"
            raise InputError(msg)
        channels, *size = shape
        self.shape = shape
        self.pad = tuple(k // 2 for k in self.kernel_size) if self.padding is None else tuple(self.padding)
        full = [
            (n + 2 * pad - k) // self.stride + 1 for n, pad, k in zip(size, self.pad, self.kernel_size, strict=True)
        ]
        self.out_shape = (self.filters, *(n // self.pool for n in full))
        if min(self.out_shape) < 1:
            msg = (
                f"{self.kernel()} leaves nothing of an image of {size[0]} x {size[1]}; choose a smaller kernel or pool"
            )
            raise InputError(msg)
        rows, columns = self.kernel_size
        weights = he_normal((self.filters, channels, rows, columns), channels * rows * columns, self.slope, rng)
        self.parameters = [Parameter("weights", weights), Parameter("bias", np.zeros(self.filters, np.float32))]
        return self.out_shape

    def build(self, batch, ops, *, first):
        self.ops = ops
        self.work = ops.convolution_work(
            batch,
            self.shape,
            self.parameters[0].value.shape,
            self.stride,
            self.pad,
            self.pool,
            self.out_shape,
            input_gradient=not first,
        )
        self.y = np.empty((batch, *self.out_shape), np.float32)
        self.winner = np.empty((batch, *self.out_shape), np.uint8)
        self.gradient_in = None if first else np.empty((batch, *self.shape), np.float32)

    def forward(self, x, draw):
        weights, bias = (parameter.value for parameter in self.parameters)
        self.x, n = x, len(x)
        self.ops.convolve(x, weights, bias, self.slope, self.work, self.y[:n], self.winner[:n])
        return self.y[:n]

    def backward(self, gradient, scale, keep):
        weights, bias = self.parameters
        n = len(gradient)
        gradient_in = None if self.gradient_in is None else self.gradient_in[:n]
        self.ops.convolve_backward(
            self.x,
            weights.value,
            self.slope,
            self.work,
            self.y[:n],
            self.winner[:n],
            gradient,
            scale,
            keep,
            weights.gradient,
            bias.gradient,
            gradient_in,
        )
        return gradient_in

    def kernel(self):
        rows, columns = self.kernel_size
        stride = f"/{self.stride}" if self.stride > 1 else ""
        pool = f"-P{self.pool}" if self.pool > 1 else ""
        return f"C{rows}x{columns}.{self.filters}{stride}{pool}"
