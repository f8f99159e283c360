"""Pooling as a layer of its own: means, and maxima that do not follow a convolution or overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from milkyway_cnn.backend import current
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.convolution import spread
from milkyway_cnn.nn.layer import Layer

__all__ = ["AveragePooling", "MaxPooling"]


@dataclass(eq=False)
class _Pooling(Layer):
    """Windows of ``size``, the whole image if it is None; one number for all axes of the image, or one for each.

    Parameters
    ----------
    stride : optional
        Steps between windows; the size if left out, so that they touch. A rest at the far edges is left out.
    padding
        How far windows may lie outside of the image, at most half their size; what is outside counts nowhere.
    """

    size: int | tuple[int, ...] | None
    stride: int | tuple[int, ...] | None = None
    padding: int | tuple[int, ...] = 0

    def connect(self, shape, rng):
        if not 2 <= len(shape) <= 4:
            msg = f"{self.kernel()} cannot take input of shape {shape}; put it before the first dense layer"
            raise InputError(msg)
        axes = len(shape) - 1
        self.shape = shape
        self.images = (shape[0], *spread(shape[1:], axes))
        self.window = spread(shape[1:] if self.size is None else self.size, axes)
        self.strides = self.window if self.stride is None else spread(self.stride, axes)
        self.pad = spread(self.padding, axes, 0)
        if min(self.window + self.strides) < 1 or any(2 * p > k for p, k in zip(self.pad, self.window, strict=True)):
            msg = f"{self.kernel()} cannot be made: sizes and strides are at least 1, padding at most half the size"
            raise InputError(msg)
        every = zip(self.images[1:], self.window, self.strides, self.pad, strict=True)
        self.maps = (shape[0], *((n + 2 * pad - size) // step + 1 for n, size, step, pad in every))
        if min(self.maps) < 1:
            size = " x ".join(map(str, shape[1:]))
            msg = f"{self.kernel()} leaves nothing of an image of {size}; choose a smaller pool"
            raise InputError(msg)
        self.out_shape = (shape[0], *self.maps[4 - axes :])
        return self.out_shape

    def build(self, batch, ops, *, first):
        self.ops = ops
        self.y = current().empty((batch, *self.maps), np.float32)
        self.gradient_in = None if first else current().empty((batch, *self.images), np.float32)

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
        stride = "" if self.stride is None else f"/{self.stride}"
        return f"{type(self).__name__} {'of all' if self.size is None else self.size}{stride}"


class MaxPooling(_Pooling):
    """Maximum over each window."""

    def build(self, batch, ops, *, first):
        super().build(batch, ops, first=first)
        self.winner = current().empty((batch, *self.maps), np.int32)

    def _pool(self, x, y):
        self.ops.max_pool(x, self.window, self.strides, self.pad, y, self.winner[: len(y)])

    def _pool_backward(self, gradient, gradient_in):
        self.ops.max_pool_backward(gradient, self.winner[: len(gradient)], gradient_in)


class AveragePooling(_Pooling):
    """Mean over the numbers of each window that are in the image (PyTorch: ``count_include_pad=False``)."""

    def _pool(self, x, y):
        self.ops.average_pool(x, self.window, self.strides, self.pad, y)

    def _pool_backward(self, gradient, gradient_in):
        self.ops.average_pool_backward(gradient, self.window, self.strides, self.pad, gradient_in)
