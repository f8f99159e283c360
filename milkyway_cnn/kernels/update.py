"""What an optimizer does to one parameter, in one pass over its memory.

The inner loops are functions of their own: within the threaded ones the compiler does not vectorize them.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from milkyway_cnn import backend
from milkyway_cnn.kernels._twin import (
    Kernel,
    Twin,
    block_each,
    block_sum,
    body,
    cuda,
    each,
    float64,
    loop,
    on_card,
    prange,
    single,
)

__all__ = ["adamw", "clipping", "momentum", "velocity"]

#: Values that one thread sums or updates at a time: the order of a sum does not depend on the threads.
_CHUNK = 16384
#: Threads of a block for CUDA that sums.
_THREADS = 128


@body
def _velocity_chunk(gradient, scale, keep, moment):
    for i in range(moment.size):
        moment[i] = keep * moment[i] + scale * gradient[i]


@loop
def _velocity_cpu(gradient, scale, keep, moment):
    for chunk in prange((moment.size + _CHUNK - 1) // _CHUNK):
        i, j = chunk * _CHUNK, (chunk + 1) * _CHUNK
        _velocity_chunk(gradient[i:j], scale, keep, moment[i:j])


def _velocity_cuda(gradient, scale, keep, moment):
    if scale[0] == scale[0]:  # else the step is left out
        for i in range(cuda.grid(1), moment.size, cuda.gridsize(1)):
            moment[i] = keep * moment[i] + scale[0] * gradient[i]


_velocity = Twin(_velocity_cpu, _velocity_cuda, lambda gradient, scale, keep, moment: each(moment.size))


@body
def _momentum_chunk(moment, factor, decay, value):
    for i in range(value.size):
        value[i] += factor * moment[i] - decay * value[i]


@body
def _rescaled_chunk(moment, factor, decay, rescale, value):
    for i in range(value.size):
        moved = factor * moment[i] - decay * value[i]
        value[i] += moved
        moment[i] = rescale * moved


@loop
def _momentum_cpu(moment, factor, decay, rescale, value):
    for chunk in prange((value.size + _CHUNK - 1) // _CHUNK):
        i, j = chunk * _CHUNK, (chunk + 1) * _CHUNK
        if rescale == rescale:
            _rescaled_chunk(moment[i:j], factor, decay, rescale, value[i:j])
        else:
            _momentum_chunk(moment[i:j], factor, decay, value[i:j])


def _momentum_cuda(moment, factor, decay, rescale, value):
    end = value.size if factor[0] == factor[0] else 0  # else the step is left out
    changes = rescale[0] == rescale[0]
    for i in range(cuda.grid(1), end, cuda.gridsize(1)):
        moved = factor[0] * moment[i] - decay[0] * value[i]
        value[i] += moved
        if changes:
            moment[i] = rescale[0] * moved


_momentum = Twin(_momentum_cpu, _momentum_cuda, lambda *arguments: each(arguments[-1].size))


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
def _adamw_cpu(gradient, scale, rate, beta_1, beta_2, root, epsilon, decay, moment_1, moment_2, value):
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


def _adamw_cuda(gradient, scale, rate, beta_1, beta_2, root, epsilon, decay, moment_1, moment_2, value):
    one = np.float32(1.0)
    end = value.size if scale[0] == scale[0] else 0  # else the step is left out
    for i in range(cuda.grid(1), end, cuda.gridsize(1)):
        g = scale[0] * gradient[i]
        first = beta_1 * moment_1[i] + (one - beta_1) * g
        second = beta_2 * moment_2[i] + (one - beta_2) * g * g
        moment_1[i], moment_2[i] = first, second
        value[i] -= rate[0] * first / (root[0] * math.sqrt(second) + epsilon) + decay[0] * value[i]


_adamw = Twin(_adamw_cpu, _adamw_cuda, lambda *arguments: each(arguments[-1].size), outputs=3)


@body
def _square_chunk(x):
    total = np.float32(0.0)
    for i in range(x.size):
        total += x[i] * x[i]
    return total


@loop
def _square_sum_cpu(x, partial):
    for chunk in prange(partial.size):
        partial[chunk] = _square_chunk(x[chunk * _CHUNK : (chunk + 1) * _CHUNK])


def _square_sum_cuda(x, partial):
    shared = cuda.shared.array(_THREADS, float64)
    for chunk in range(cuda.blockIdx.x, partial.size, cuda.gridDim.x):
        total = 0.0
        for i in range(chunk * _CHUNK + cuda.threadIdx.x, min(x.size, (chunk + 1) * _CHUNK), cuda.blockDim.x):
            total += x[i] * x[i]
        total = block_sum(total, shared)
        if cuda.threadIdx.x == 0:
            partial[chunk] = total


_square_sum = Twin(_square_sum_cpu, _square_sum_cuda, lambda x, partial: block_each(partial.size, _THREADS))


def _clipping_cuda(partial, clip, scale, guarded, factor):
    shared = cuda.shared.array(_THREADS, float64)
    total = 0.0
    for i in range(cuda.threadIdx.x, partial.size, cuda.blockDim.x):
        total += partial[i]
    norm = math.sqrt(block_sum(total, shared))
    if cuda.threadIdx.x == 0:
        factor[0] = scale[0] * (np.float32(min(1.0, clip / norm)) if norm > 0.0 else np.float32(1.0))
        if guarded and not norm < math.inf:
            factor[0] = math.nan


_clipping = Kernel(_clipping_cuda, lambda *arguments: block_each(1, _THREADS))


def velocity(gradient, scale, keep, moment):
    """``moment = keep * moment + scale * gradient``."""
    _velocity(gradient.reshape(-1), single(scale), np.float32(keep), moment.reshape(-1))


def momentum(moment, factor, decay, rescale, value):
    """``v = factor * moment - decay * value``, ``value += v``, and ``moment = rescale * v`` unless that is None.

    Without it the moment is only read, which saves a fourth of the memory's traffic.
    """
    rescale = math.nan if rescale is None else rescale  # a number in any case, for a card's steps all launch the same
    _momentum(moment.reshape(-1), single(factor), single(decay), single(rescale), value.reshape(-1))


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
        single(scale),
        single(rate / rest_1),
        beta_1,
        beta_2,
        single(1.0 / math.sqrt(rest_2)),
        np.float32(epsilon),
        single(decay),
        first,
        second,
        value.reshape(-1),
    )


def clipping(gradients, clip, scale=1.0, unit=1.0):
    """``scale / unit`` times what brings the norm of all `gradients` together down to `clip`; 1 if it is below.

    A float, or on a card an array of one, for it is not waited for; in float16 it is NaN where any gradient is not
    finite, and then updates with this factor are none. Squares are summed as float32 within fixed chunks,
    as float64 over them.
    """
    counts = [(x.size + _CHUNK - 1) // _CHUNK for x in gradients]
    ends = list(itertools.accumulate(counts))
    partial = backend.current().empty((ends[-1],), np.float64)
    for x, count, end in zip(gradients, counts, ends, strict=True):
        _square_sum(x.reshape(-1), partial[end - count : end])
    if on_card():
        factor = backend.current().empty((1,), np.float32)
        _clipping(partial, float(clip), single(scale / unit), backend.current().precision == "float16", factor)
        return factor
    norm = math.sqrt(sum(float(partial[end - count : end].sum()) for count, end in zip(counts, ends, strict=True)))
    return scale * (min(1.0, clip / norm) if norm > 0.0 else 1.0) / unit
