"""Dropout: a share of the values is left out, at random, where a draw is given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from milkyway_cnn.backend import current
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.layer import Layer, in_order_of

__all__ = ["Dropout"]


@dataclass(eq=False)
class Dropout(Layer):
    """Each value is zero with probability ``rate``, else divided by ``1 - rate``: the mean output is the input.

    With ``shared`` all examples of a batch lose the same values, as in the early CIANNA.
    Source: Srivastava et al. 2014 (JMLR 15, 1929), section 10, with the factor in training.
    """

    rate: float
    shared: bool = False
    random: ClassVar[bool] = True

    def __post_init__(self):
        if not 0.0 <= self.rate < 1.0:
            msg = f"dropout is {self.rate}; it is the share of values left out: choose it in [0, 1)"
            raise InputError(msg)

    def connect(self, shape, rng):
        self.shape = self.out_shape = shape
        return shape

    def build(self, batch, ops, *, first):
        self.ops = ops
        self.y = current().empty((batch * math.prod(self.shape),), np.float32)
        self.draw = None

    def forward(self, x, draw):
        self.draw = draw
        if draw is None:
            return x
        y = in_order_of(x, self.y, draw.rows)
        self.ops.dropout(x, self.rate, draw.key, draw.first, self.shared, y)
        return y

    def backward(self, gradient, scale, keep):
        if self.draw is not None:
            self.ops.dropout(gradient, self.rate, self.draw.key, self.draw.first, self.shared, gradient)
        return gradient

    def kernel(self):
        return f"dropout {self.rate:g}"
