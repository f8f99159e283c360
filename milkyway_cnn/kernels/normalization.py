"""Normalization of groups of an image's channels to mean zero and variance one, then gain and offset.

Source: Wu & He 2018 (arXiv:1803.08494), equations 1 to 6.
"""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn import backend
from milkyway_cnn.kernels._twin import (
    Kernel,
    Twin,
    block_each,
    block_sum,
    cuda,
    each,
    float64,
    loop,
    on_card,
    prange,
    single,
)
from milkyway_cnn.kernels.lift import still

__all__ = ["accumulate", "group_normalize", "group_normalize_backward"]

#: Threads of a block for CUDA that sums.
_THREADS = 128


@loop
def _group_normalize_cpu(x, gain, offset, epsilon, mean, inverse, out):
    channels, size = x.shape[1:]
    groups = mean.shape[1]
    per_group, per_gain = channels // groups, channels // gain.size
    for n in prange(x.shape[0]):
        for g in range(groups):
            part = x[n, g * per_group : (g + 1) * per_group].reshape(-1)
            total = 0.0
            for i in range(part.size):
                total += part[i]
            center = np.float32(total / part.size)
            square = 0.0
            for i in range(part.size):
                square += (part[i] - center) * (part[i] - center)
            mean[n, g] = center
            inverse[n, g] = 1.0 / math.sqrt(square / part.size + epsilon)
        for c in range(channels):
            g = c // per_group
            factor = gain[c // per_gain] * inverse[n, g]
            shift = offset[c // per_gain] - mean[n, g] * factor
            for i in range(size):
                out[n, c, i] = x[n, c, i] * factor + shift


def _group_normalize_cuda(x, gain, offset, epsilon, mean, inverse, out):
    shared = cuda.shared.array(_THREADS, float64)
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    channels, size = x.shape[1], x.shape[2]
    groups = mean.shape[1]
    per_group, per_gain = channels // groups, channels // gain.size
    count = per_group * size
    for block in range(cuda.blockIdx.x, x.shape[0] * groups, cuda.gridDim.x):
        n, g = block // groups, block % groups
        total = 0.0
        for i in range(thread, count, threads):
            total += x[n, g * per_group + i // size, i % size]
        center = np.float32(block_sum(total, shared) / count)
        square = 0.0
        for i in range(thread, count, threads):
            apart = x[n, g * per_group + i // size, i % size] - center
            square += apart * apart
        scale = np.float32(1.0 / math.sqrt(block_sum(square, shared) / count + epsilon))
        for i in range(thread, count, threads):
            c = g * per_group + i // size
            factor = gain[c // per_gain] * scale
            out[n, c, i % size] = x[n, c, i % size] * factor + (offset[c // per_gain] - center * factor)
        if thread == 0:
            mean[n, g], inverse[n, g] = center, scale


_group_normalize = Twin(
    _group_normalize_cpu,
    _group_normalize_cuda,
    lambda *arguments: block_each(arguments[-1].shape[0] * arguments[-2].shape[1], _THREADS),
    outputs=3,
)


@loop
def _group_normalize_backward_cpu(x, gain, mean, inverse, gradient, partial, gradient_in):
    channels, size = x.shape[1:]
    groups = mean.shape[1]
    per_group, per_gain = channels // groups, channels // gain.size
    for n in prange(x.shape[0]):
        partial[n] = 0.0
        for g in range(groups):
            along, whole = 0.0, 0.0
            for c in range(g * per_group, (g + 1) * per_group):
                a, b = 0.0, 0.0
                for i in range(size):
                    a += gradient[n, c, i] * (x[n, c, i] - mean[n, g]) * inverse[n, g]
                    b += gradient[n, c, i]
                partial[n, 0, c // per_gain] += a
                partial[n, 1, c // per_gain] += b
                along += a * gain[c // per_gain]
                whole += b * gain[c // per_gain]
            slope = np.float32(along / (per_group * size))
            center = np.float32(whole / (per_group * size))
            for c in range(g * per_group, (g + 1) * per_group):
                for i in range(size):
                    normal = (x[n, c, i] - mean[n, g]) * inverse[n, g]
                    free = gain[c // per_gain] * gradient[n, c, i] - center - normal * slope
                    gradient_in[n, c, i] = inverse[n, g] * free


def _group_normalize_backward_cuda(x, gain, mean, inverse, gradient, partial, gradient_in):
    shared = cuda.shared.array(_THREADS, float64)
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    channels, size = x.shape[1], x.shape[2]
    groups = mean.shape[1]
    per_group, per_gain = channels // groups, channels // gain.size
    for block in range(cuda.blockIdx.x, x.shape[0] * groups, cuda.gridDim.x):
        n, g = block // groups, block % groups
        along, whole = 0.0, 0.0
        for c in range(g * per_group, (g + 1) * per_group):
            a, b = 0.0, 0.0
            for i in range(thread, size, threads):
                a += gradient[n, c, i] * (x[n, c, i] - mean[n, g]) * inverse[n, g]
                b += gradient[n, c, i]
            a, b = block_sum(a, shared), block_sum(b, shared)
            if thread == 0:
                first = c % per_gain == 0  # of the channels that share a gain
                partial[n, 0, c // per_gain] = a if first else partial[n, 0, c // per_gain] + a
                partial[n, 1, c // per_gain] = b if first else partial[n, 1, c // per_gain] + b
            along += a * gain[c // per_gain]
            whole += b * gain[c // per_gain]
        slope = np.float32(along / (per_group * size))
        center = np.float32(whole / (per_group * size))
        for i in range(thread, per_group * size, threads):
            c, k = g * per_group + i // size, i % size
            normal = (x[n, c, k] - mean[n, g]) * inverse[n, g]
            free = gain[c // per_gain] * gradient[n, c, k] - center - normal * slope
            gradient_in[n, c, k] = inverse[n, g] * free


_group_normalize_backward = Twin(
    _group_normalize_backward_cpu,
    _group_normalize_backward_cuda,
    lambda x, gain, mean, *others: block_each(mean.size, _THREADS),
    outputs=2,
)


def _accumulate_cuda(partial, scale, keep, gradient_gain, gradient_offset):
    for c in range(cuda.grid(1), gradient_gain.size, cuda.gridsize(1)):
        gain, offset = 0.0, 0.0
        for n in range(partial.shape[0]):
            gain += partial[n, 0, c]
            offset += partial[n, 1, c]
        gradient_gain[c] = scale[0] * gain + still(keep, gradient_gain[c])
        gradient_offset[c] = scale[0] * offset + still(keep, gradient_offset[c])


#: Sums of (parts, 2, gains) float64 into the gradients of gain and offset, for CUDA; the host sums with NumPy.
accumulate = Kernel(_accumulate_cuda, lambda *arguments: each(arguments[-1].size), outputs=2)


def group_normalize(x, gain, offset, epsilon, mean, inverse, out):
    """``out = gain * (x - mean) / sqrt(variance + epsilon) + offset`` for each group of channels of each image.

    Parameters
    ----------
    x, out : (n, channels, numbers) float32
    gain, offset : (channels,) or (groups,) float32
        One for each channel, or one for the channels of a group together.
    mean, inverse : (n, groups) float32
        Mean and ``1 / sqrt(variance + epsilon)``, outputs.
    """
    _group_normalize(x, gain, offset, epsilon, mean, inverse, out)


def group_normalize_backward(
    x, gain, mean, inverse, gradient, scale, keep, gradient_gain, gradient_offset, gradient_in
):
    """Gradients of `group_normalize`, those of gain and offset accumulated by `scale` and `keep`."""
    partial = backend.current().empty((len(x), 2, gain.size), np.float64)
    _group_normalize_backward(x, gain, mean, inverse, gradient, partial, gradient_in)
    if on_card():
        accumulate(partial, single(scale), np.float32(keep), gradient_gain, gradient_offset)
        return
    for kept, new in zip((gradient_gain, gradient_offset), partial.sum(axis=0), strict=True):
        kept[...] = scale * new + keep * kept
