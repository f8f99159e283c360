"""Group and batch normalization as layers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from milkyway_cnn.backend import current
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.layer import Layer, Parameter

__all__ = ["BatchNormalization", "GroupNormalization"]


@dataclass(eq=False)
class GroupNormalization(Layer):
    """Mean zero and variance one in each of ``groups`` groups of channels of each image, then gain and offset.

    One group is layer normalization, a group for each channel is instance normalization. With ``shared`` the
    channels of a group have gain and offset in common, as in CIANNA.
    """

    groups: int
    epsilon: float = 1e-5
    shared: bool = False

    def connect(self, shape, rng):
        if self.groups < 1 or shape[0] % self.groups:
            msg = f"{shape[0]} channels cannot be normalized in {self.groups} groups; choose a divisor of the channels"
            raise InputError(msg)
        self.shape = self.out_shape = shape
        size = self.groups if self.shared else shape[0]
        self.parameters = [
            Parameter("gain", np.ones(size, np.float32)),
            Parameter("offset", np.zeros(size, np.float32)),
        ]
        return shape

    def build(self, batch, ops, *, first):
        self.ops = ops
        self.y = current().empty((batch, *self.shape), np.float32)
        self.gradient_in = current().empty((batch, *self.shape), np.float32)
        self.mean = current().empty((batch, self.groups), np.float32)
        self.inverse = current().empty((batch, self.groups), np.float32)

    def forward(self, x, draw):
        gain, offset = (parameter.value for parameter in self.parameters)
        n, flat = len(x), (len(x), self.shape[0], math.prod(self.shape[1:]))
        self.x = x.reshape(flat)
        y = self.y[:n]
        self.ops.group_normalize(self.x, gain, offset, self.epsilon, self.mean[:n], self.inverse[:n], y.reshape(flat))
        return y

    def backward(self, gradient, scale, keep):
        gain, offset = self.parameters
        n = len(gradient)
        gradient_in = self.gradient_in[:n]
        self.ops.group_normalize_backward(
            self.x,
            gain.value,
            self.mean[:n],
            self.inverse[:n],
            gradient.reshape(self.x.shape),
            scale,
            keep,
            gain.gradient,
            offset.gradient,
            gradient_in.reshape(self.x.shape),
        )
        return gradient_in

    def kernel(self):
        return f"normalize {self.groups} groups"


@dataclass(eq=False)
class BatchNormalization(Layer):
    """Mean zero and variance one of each channel (each number of a dense layer) over a batch, then gain and offset.

    Predictions use running means of the batches' mean and variance, ``(1 - momentum) * running + momentum * batch's``,
    and are those of each example alone, whatever it is predicted with. They start at 0 and 1, the variance is that of
    the sample (divided by one less than the count), and both are kept in the network's file.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    def connect(self, shape, rng):
        if not (0.0 <= self.momentum <= 1.0 and self.epsilon > 0.0):
            msg = (
                f"batch normalization has momentum {self.momentum} and epsilon {self.epsilon};"
                " choose them in [0, 1] and above 0"
            )
            raise InputError(msg)
        self.shape = self.out_shape = shape
        self.parameters = [
            Parameter("gain", np.ones(shape[0], np.float32)),
            Parameter("offset", np.zeros(shape[0], np.float32)),
        ]
        self.statistics = [np.zeros(shape[0], np.float32), np.ones(shape[0], np.float32)]
        return shape

    def build(self, batch, ops, *, first):
        self.ops = ops
        self.y = current().empty((batch, *self.shape), np.float32)
        self.gradient_in = current().empty((batch, *self.shape), np.float32)
        self.mean, self.inverse = (current().empty((self.shape[0],), np.float32) for _ in range(2))

    def forward(self, x, draw):
        gain, offset = (parameter.value for parameter in self.parameters)
        n = len(x)
        count = n * math.prod(self.shape[1:])
        self.x = x.reshape(n, self.shape[0], -1)
        if draw is not None and draw.training:
            if count < 2:
                msg = "a batch of one example has no variance to normalize by; choose batches of at least 2"
                raise InputError(msg)
            self.ops.batch_statistics(self.x, self.epsilon, self.momentum, *self.statistics, self.mean, self.inverse)
            self.share = 1.0 / count
        else:
            mean, variance = self.statistics
            self.ops.running_statistics(mean, variance, self.epsilon, self.mean, self.inverse)
            self.share = 0.0
        self.ops.batch_normalize(self.x, gain, offset, self.mean, self.inverse, self.y[:n].reshape(self.x.shape))
        return self.y[:n]

    def backward(self, gradient, scale, keep):
        gain, offset = self.parameters
        n = len(gradient)
        gradient_in = self.gradient_in[:n]
        self.ops.batch_normalize_backward(
            self.x,
            gain.value,
            self.mean,
            self.inverse,
            self.share,
            gradient.reshape(self.x.shape),
            scale,
            keep,
            gain.gradient,
            offset.gradient,
            gradient_in.reshape(self.x.shape),
        )
        return gradient_in

    def kernel(self):
        return "normalize batch"
