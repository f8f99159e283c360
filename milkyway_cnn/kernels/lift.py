"""Numbers of loss scaling on a card (see `nn.loss_scale`); `state` is the lift and the steps since it changed."""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn import backend
from milkyway_cnn.kernels._twin import Kernel, body, cuda, each, single

__all__ = ["GOOD_STEPS", "gate", "lower", "raise_", "settle", "still"]

#: Steps after which the lift is doubled, and how far it may go.
GOOD_STEPS = np.float32(2000.0)
_LOWEST, _HIGHEST = np.float32(2.0**-14), np.float32(2.0**40)
_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1.0), np.float32(2.0)


@body
def still(keep, before):
    """``keep * before``, and nothing of what was left out, which may be no number, where `keep` is zero."""
    return keep * before if keep != np.float32(0.0) else np.float32(0.0)


def _raise_cuda(state, gradient):
    for i in range(cuda.grid(1), gradient.size, cuda.gridsize(1)):
        gradient[i] *= state[0]


_raise = Kernel(_raise_cuda, lambda state, gradient: each(gradient.size))


def _lower_cuda(state, share, out):
    out[0] = share[0] / state[0]


_lower = Kernel(_lower_cuda, lambda *arguments: each(1, threads=1))


def _settle_cuda(factor, state):
    if math.isnan(factor[0]):
        state[0], state[1] = max(state[0] * _HALF, _LOWEST), np.float32(0.0)
    elif state[1] + _ONE < GOOD_STEPS:
        state[1] += _ONE
    else:
        state[0], state[1] = min(state[0] * _TWO, _HIGHEST), np.float32(0.0)


_settle = Kernel(_settle_cuda, lambda *arguments: each(1, threads=1))


def _gate_cuda(factor, out):
    out[0] = _ONE if factor[0] == factor[0] else factor[0]


_gate = Kernel(_gate_cuda, lambda *arguments: each(1, threads=1))


def raise_(state, gradient):
    """``gradient *= lift``, float32 in C's order."""
    _raise(state, gradient.reshape(-1))


def lower(state, share, out):
    """``out = share / lift``: a number (see `Backend.number`) -> (1,) float32."""
    _lower(state, single(share), out)


def settle(state, factor):
    """Halve the lift if the factor of an update is not a number; else count the step, and double it after many."""
    _settle(factor, state)


def gate(factor):
    """Give 1, or what is no number where the factor of an update is none: (1,) float32."""
    out = backend.current().empty((1,), np.float32)
    _gate(factor, out)
    return out
