"""Pooling as a layer of its own: means, and maxima that do not follow a convolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.convolution import spread
from milkyway_cnn.nn.layer import Layer

__all__ = ["AveragePooling", "MaxPooling"]


@dataclass(eq=False)
class _Pooling(Layer):
    """Windows of ``size`` that do not overlap, the whole image if it is None; a rest at the far edges is left out."""

    size: int | tuple[int, ...] | None

    def connect(self, shape, rng):
        if not 2 <= len(shape) <= 4:
            msg = f"{self.kernel()} cannot take input of shape {shape}; put it before the first dense layer"
            raise InputError(msg)
        axes = len(shape) - 1
        self.shape = shape
        self.images = (shape[0], *spread(shape[1:], axes))
        self.window = spread(shape[1:] if self.size is None else self.size, axes)
        self.maps = (shape[0], *(n // max(1, size) for n, size in zip(self.images[1:], self.window, strict=True)))
        if min(self.maps + self.window) < 1:
            size = " x ".join(map(str, shape[1:]))
            msg = f"{self.kernel()} leaves nothing of an image of {size}; choose a smaller pool, of at least 1"
            raise InputError(msg)
        self.out_shape = (shape[0], *self.maps[4 - axes :])
        return self.out_shape

    def build(self, batch, ops, *, first):
        self.ops = ops
        self.y = np.empty((batch, *self.maps), np.float32)
        self.gradient_in = None if first else np.empty((batch, *self.images), np.float32)

    def forward(self, x, draw):
        n = len(x)
        self._pool(x.reshape(n, *self.images), self.y[:n])
        return self.y[:n].reshape(n, *self.out_shape)

    def backward(self, gradient, scale, keep):
        if self.gradient_in is None:
            return None
        n = len(gradient)
        self._pool_backward(gradient.reshape(n, *self.maps), self.gradient_in[:n])
        return self.gradient_in[:n].reshape(n, *self.shape)

    def _pool(self, x, y):
        raise NotImplementedError

    def _pool_backward(self, gradient, gradient_in):
        raise NotImplementedError

    def kernel(self):
        return f"{type(self).__name__} {'of all' if self.size is None else self.size}"


class MaxPooling(_Pooling):
    """Maximum over each window."""

    def build(self, batch, ops, *, first):
        super().build(batch, ops, first=first)
        self.winner = np.empty((batch, *self.maps), np.int32)

    def _pool(self, x, y):
        self.ops.max_pool(x, self.window, y, self.winner[: len(y)])

    def _pool_backward(self, gradient, gradient_in):
        self.ops.max_pool_backward(gradient, self.winner[: len(gradient)], self.window, gradient_in)


class AveragePooling(_Pooling):
    """Mean over each window."""

    def _pool(self, x, y):
        self.ops.average_pool(x, self.window, y)

    def _pool_backward(self, gradient, gradient_in):
        self.ops.average_pool_backward(gradient, self.window, gradient_in)
