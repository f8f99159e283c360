"""What an optimizer does to one parameter, in one pass over its memory.

The inner loops are functions of their own: within the threaded ones the compiler does not vectorize them.
"""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels._twin import body, loop, prange

__all__ = ["adamw", "momentum", "square_sum", "velocity"]

#: Values that one thread sums or updates at a time: the order of a sum does not depend on the threads.
_CHUNK = 16384


@body
def _velocity_chunk(gradient, scale, keep, moment):
    for i in range(moment.size):
        moment[i] = keep * moment[i] + scale * gradient[i]


@loop
def _velocity(gradient, scale, keep, moment):
    for chunk in prange((moment.size + _CHUNK - 1) // _CHUNK):
        i, j = chunk * _CHUNK, (chunk + 1) * _CHUNK
        _velocity_chunk(gradient[i:j], scale, keep, moment[i:j])


@body
def _momentum_chunk(moment, factor, value):
    for i in range(value.size):
        value[i] += factor * moment[i]


@loop
def _momentum(moment, factor, value):
    for chunk in prange((value.size + _CHUNK - 1) // _CHUNK):
        i, j = chunk * _CHUNK, (chunk + 1) * _CHUNK
        _momentum_chunk(moment[i:j], factor, value[i:j])


@body
def _rescaled_chunk(moment, factor, decay, rescale, value):
    for i in range(value.size):
        moved = factor * moment[i] - decay * value[i]
        value[i] += moved
        moment[i] = rescale * moved


@loop
def _rescaled(moment, factor, decay, rescale, value):
    for chunk in prange((value.size + _CHUNK - 1) // _CHUNK):
        i, j = chunk * _CHUNK, (chunk + 1) * _CHUNK
        _rescaled_chunk(moment[i:j], factor, decay, rescale, value[i:j])


# Without a check for division by zero, which would keep the loop from being vectorized.
@body(error_model="numpy")
def _adamw_chunk(gradient, scale, rate, beta_1, beta_2, root, epsilon, decay, moment_1, moment_2, value):
    one = np.float32(1.0)
    for i in range(value.size):
        g = scale * gradient[i]
        moment_1[i] = beta_1 * moment_1[i] + (one - beta_1) * g
        moment_2[i] = beta_2 * moment_2[i] + (one - beta_2) * g * g
        value[i] -= rate * moment_1[i] / (root * math.sqrt(moment_2[i]) + epsilon) + decay * value[i]


@loop
def _adamw(gradient, scale, rate, beta_1, beta_2, root, epsilon, decay, moment_1, moment_2, value):
    for chunk in prange((value.size + _CHUNK - 1) // _CHUNK):
        i, j = chunk * _CHUNK, (chunk + 1) * _CHUNK
        _adamw_chunk(
            gradient[i:j],
            scale,
            rate,
            beta_1,
            beta_2,
            root,
            epsilon,
            decay,
            moment_1[i:j],
            moment_2[i:j],
            value[i:j],
        )


@body
def _square_chunk(x):
    total = np.float32(0.0)
    for i in range(x.size):
        total += x[i] * x[i]
    return total


@loop
def _square_sum(x, partial):
    for chunk in prange(partial.size):
        partial[chunk] = _square_chunk(x[chunk * _CHUNK : (chunk + 1) * _CHUNK])


def velocity(gradient, scale, keep, moment):
    """``moment = keep * moment + scale * gradient``."""
    _velocity(gradient.reshape(-1), np.float32(scale), np.float32(keep), moment.reshape(-1))


def momentum(moment, factor, decay, rescale, value):
    """``v = factor * moment - decay * value``, ``value += v``, and ``moment = rescale * v`` unless that is None.

    Without it the moment is only read, which saves a fourth of the memory's traffic.
    """
    moment, value = moment.reshape(-1), value.reshape(-1)
    if rescale is None:
        _momentum(moment, np.float32(factor), value)
    else:
        _rescaled(moment, np.float32(factor), np.float32(decay), np.float32(rescale), value)


def adamw(gradient, scale, rate, betas, epsilon, decay, step, moments, value):
    """One step of AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2).

    Parameters
    ----------
    gradient : array
        Multiplied by `scale` (the clipping factor) where it is read.
    betas, epsilon : (float, float), float
        Memory of the two moments; added to the root of the second.
    decay : float
        Share of the value that is taken away: rate times weight decay.
    step : int
        Number of this step, from 1, for the correction of the moments' start at zero.
    moments : (array, array)
    """
    beta_1, beta_2 = (np.float32(beta) for beta in betas)
    rest_1, rest_2 = (1.0 - beta**step for beta in betas)
    first, second = (moment.reshape(-1) for moment in moments)
    _adamw(
        gradient.reshape(-1),
        np.float32(scale),
        np.float32(rate / rest_1),
        beta_1,
        beta_2,
        np.float32(1.0 / math.sqrt(rest_2)),
        np.float32(epsilon),
        np.float32(decay),
        first,
        second,
        value.reshape(-1),
    )


def square_sum(x):
    """Sum of squares, a float: float32 within fixed chunks, float64 over them."""
    partial = np.empty((x.size + _CHUNK - 1) // _CHUNK)
    _square_sum(x.reshape(-1), partial)
    return float(partial.sum())
