"""Convolution with its activation and the max pooling that follows it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from milkyway_cnn.backend import current
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.initializer import initial
from milkyway_cnn.nn.layer import Layer, Parameter

__all__ = ["Convolution", "spread"]


def spread(value: int | tuple[int, ...], axes: int, fill: int = 1) -> tuple[int, int, int]:
    """Write a number for each of `axes` (columns last), or one for all of them, as planes, rows and columns."""
    own = (value,) * axes if isinstance(value, int) else tuple(value)
    if len(own) != axes or min(own) < 0:
        msg = f"{value} does not fit an image of {axes} dimensions; give one number, or one for each"
        raise InputError(msg)
    planes, rows, columns = (fill,) * (3 - axes) + own
    return planes, rows, columns


@dataclass(eq=False)
class Convolution(Layer):
    """Filters (a cross-correlation), leaky ReLU, and the maximum over windows that do not overlap.

    Input is (channels, columns), (channels, rows, columns) or (channels, planes, rows, columns); kernel, stride,
    padding and pool have a number for each of the last axes, or one for all.

    Parameters
    ----------
    padding : optional
        Zeros around the image; half the kernel if left out ('same', for odd kernels).
    pool : int or tuple
        Sides of the pooling windows, less than 256 numbers in all; planes cannot be pooled here.
    slope : float
        Of the leaky ReLU; 1 is linear and 0 the ReLU.
    """

    filters: int
    kernel_size: int | tuple[int, ...]
    stride: int | tuple[int, ...] = 1
    padding: int | tuple[int, ...] | None = None
    pool: int | tuple[int, ...] = 1
    slope: float = 0.01
    initializer: str = "he_normal"

    def connect(self, shape, rng):
        if not 2 <= len(shape) <= 4:
            msg = f"a convolution cannot take input of shape {shape}; put it before the first dense layer"
            raise InputError(msg)
        axes = len(shape) - 1
        self.shape = shape
        self.images = (shape[0], *spread(shape[1:], axes))
        kernel, self.strides, pool = (spread(v, axes) for v in (self.kernel_size, self.stride, self.pool))
        self.pad = spread(tuple(k // 2 for k in kernel[3 - axes :]) if self.padding is None else self.padding, axes, 0)
        if min(kernel + self.strides + pool) < 1 or pool[0] > 1 or math.prod(pool) > 255:
            msg = f"{self.kernel()} cannot be made: every size is at least 1, planes are pooled by a layer of their own"
            raise InputError(msg)
        self.pools = pool[1:]
        full = [
            (n + 2 * pad - k) // step + 1
            for n, pad, k, step in zip(self.images[1:], self.pad, kernel, self.strides, strict=True)
        ]
        self.maps = (self.filters, *(n // size for n, size in zip(full, pool, strict=True)))
        if min(self.maps) < 1:
            size = " x ".join(map(str, shape[1:]))
            msg = f"{self.kernel()} leaves nothing of an image of {size}; choose a smaller kernel or pool"
            raise InputError(msg)
        self.out_shape = (self.filters, *self.maps[4 - axes :])
        taps = math.prod(kernel)
        fans = (shape[0] * taps, self.filters * taps)
        weights = initial(self.initializer, (self.filters, shape[0], *kernel), fans, self.slope, rng)
        self.parameters = [Parameter("weights", weights), Parameter("bias", np.zeros(self.filters, np.float32))]
        return self.out_shape

    def build(self, batch, ops, *, first):
        self.ops = ops
        weights = self.parameters[0].value.shape
        self.work = ops.convolution_work(
            batch, self.images, weights, self.strides, self.pad, self.pools, self.maps, input_gradient=not first
        )
        self.y = current().empty((batch, *self.maps), np.float32)
        self.winner = current().empty((batch, *self.maps), np.uint8)
        self.gradient_in = None if first else current().empty((batch, *self.images), np.float32)

    def forward(self, x, draw):
        n = len(x)
        self.x = x.reshape(n, *self.images)
        weights, bias = self.parameters[0].value, self.bias()
        self.ops.convolve(self.x, weights, bias, self.slope, self.work, self.y[:n], self.winner[:n])
        return self.y[:n].reshape(n, *self.out_shape)

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
            gradient.reshape(n, *self.maps),
            scale,
            keep,
            weights.gradient,
            bias.gradient,
            gradient_in,
        )
        return None if gradient_in is None else gradient_in.reshape(n, *self.shape)

    def bias(self) -> np.ndarray:
        """Give what is added to each map."""
        return self.parameters[1].value

    def kernel(self):
        def sides(value):
            return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)

        stride = f"/{sides(self.stride)}" if self.stride != 1 else ""
        pool = f"-P{sides(self.pool)}" if self.pool != 1 else ""
        return f"C{sides(self.kernel_size)}.{self.filters}{stride}{pool}"
