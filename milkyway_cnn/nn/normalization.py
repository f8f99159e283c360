"""Group normalization as a layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.layer import Layer, Parameter

__all__ = ["GroupNormalization"]


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
        self.y = np.empty((batch, *self.shape), np.float32)
        self.gradient_in = np.empty((batch, *self.shape), np.float32)
        self.mean = np.empty((batch, self.groups), np.float32)
        self.inverse = np.empty((batch, self.groups), np.float32)

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
