"""Normalization of each channel over a batch to mean zero and variance one, then gain and offset.

Source: Ioffe & Szegedy 2015 (arXiv:1502.03167), algorithms 1 and 2.
"""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn import backend
from milkyway_cnn.kernels._twin import (
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
from milkyway_cnn.kernels.normalization import accumulate

__all__ = ["batch_normalize", "batch_normalize_backward", "batch_statistics", "running_statistics"]

#: Numbers beside each other that one thread has at a time, where channels have fewer.
_NEIGHBORS = 16
#: Threads of a block for CUDA that sums.
_THREADS = 128


@body
def _channels(part, size, channels):
    """Find the channels [begin, end) of one thread's part: several where they have few numbers each."""
    step = max(1, _NEIGHBORS // size)
    return part * step, min(channels, (part + 1) * step)


@body
def _parts(size, channels):
    step = max(1, _NEIGHBORS // size)
    return (channels + step - 1) // step


@loop
def _batch_statistics_cpu(x, epsilon, momentum, sums, running_mean, running_variance, mean, inverse):
    images, channels, size = x.shape
    count = images * size
    for part in prange(_parts(size, channels)):
        first, last = _channels(part, size, channels)
        sums[first:last] = 0.0
        for n in range(images):
            for c in range(first, last):
                total = 0.0
                for i in range(size):
                    total += x[n, c, i]
                sums[c] += total
        for c in range(first, last):
            mean[c] = sums[c] / count
            sums[c] = 0.0
        for n in range(images):
            for c in range(first, last):
                total = 0.0
                for i in range(size):
                    total += (x[n, c, i] - mean[c]) * (x[n, c, i] - mean[c])
                sums[c] += total
        for c in range(first, last):
            inverse[c] = 1.0 / math.sqrt(sums[c] / count + epsilon)
            running_mean[c] = (1.0 - momentum) * running_mean[c] + momentum * mean[c]
            running_variance[c] = (1.0 - momentum) * running_variance[c] + momentum * sums[c] / (count - 1)


def _batch_statistics_cuda(x, epsilon, momentum, sums, running_mean, running_variance, mean, inverse):
    shared = cuda.shared.array(_THREADS, float64)
    size, count = x.shape[2], x.shape[0] * x.shape[2]
    for c in range(cuda.blockIdx.x, x.shape[1], cuda.gridDim.x):
        total = 0.0
        for i in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            total += x[i // size, c, i % size]
        center = np.float32(block_sum(total, shared) / count)
        total = 0.0
        for i in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            apart = x[i // size, c, i % size] - center
            total += apart * apart
        total = block_sum(total, shared)
        if cuda.threadIdx.x == 0:
            sums[c], mean[c] = total, center
            inverse[c] = 1.0 / math.sqrt(total / count + epsilon)
            running_mean[c] = (1.0 - momentum) * running_mean[c] + momentum * center
            running_variance[c] = (1.0 - momentum) * running_variance[c] + momentum * total / (count - 1)


_batch_statistics = Twin(
    _batch_statistics_cpu, _batch_statistics_cuda, lambda x, *others: block_each(x.shape[1], _THREADS), outputs=5
)


@loop
def _batch_normalize_cpu(x, gain, offset, mean, inverse, out):
    images, channels, size = x.shape
    for n in prange(images):
        for c in range(channels):
            factor = gain[c] * inverse[c]
            for i in range(size):
                out[n, c, i] = (x[n, c, i] - mean[c]) * factor + offset[c]


def _batch_normalize_cuda(x, gain, offset, mean, inverse, out):
    channels, size = x.shape[1], x.shape[2]
    for place in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        rest, i = place // size, place % size
        n, c = rest // channels, rest % channels
        out[n, c, i] = (x[n, c, i] - mean[c]) * (gain[c] * inverse[c]) + offset[c]


_batch_normalize = Twin(_batch_normalize_cpu, _batch_normalize_cuda, lambda x, *others: each(x.size))


@loop
def _batch_normalize_backward_cpu(x, gain, mean, inverse, gradient, share, along, whole, gradient_in):
    images, channels, size = x.shape
    for part in prange(_parts(size, channels)):
        first, last = _channels(part, size, channels)
        along[first:last] = 0.0
        whole[first:last] = 0.0
        for n in range(images):
            for c in range(first, last):
                a, b = 0.0, 0.0
                for i in range(size):
                    a += gradient[n, c, i] * (x[n, c, i] - mean[c])
                    b += gradient[n, c, i]
                along[c] += a * inverse[c]
                whole[c] += b
        for n in range(images):
            for c in range(first, last):
                slope, center = np.float32(share * along[c] * inverse[c]), np.float32(share * whole[c])
                factor = gain[c] * inverse[c]
                for i in range(size):
                    gradient_in[n, c, i] = factor * (gradient[n, c, i] - center - (x[n, c, i] - mean[c]) * slope)


def _batch_normalize_backward_cuda(x, gain, mean, inverse, gradient, share, along, whole, gradient_in):
    shared = cuda.shared.array(_THREADS, float64)
    size, count = x.shape[2], x.shape[0] * x.shape[2]
    for c in range(cuda.blockIdx.x, x.shape[1], cuda.gridDim.x):
        a, b = 0.0, 0.0
        for i in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            n, k = i // size, i % size
            a += gradient[n, c, k] * (x[n, c, k] - mean[c])
            b += gradient[n, c, k]
        a, b = block_sum(a, shared) * inverse[c], block_sum(b, shared)
        if cuda.threadIdx.x == 0:
            along[c], whole[c] = a, b
        slope, center = np.float32(share * a * inverse[c]), np.float32(share * b)
        factor = gain[c] * inverse[c]
        for i in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            n, k = i // size, i % size
            gradient_in[n, c, k] = factor * (gradient[n, c, k] - center - (x[n, c, k] - mean[c]) * slope)


_batch_normalize_backward = Twin(
    _batch_normalize_backward_cpu,
    _batch_normalize_backward_cuda,
    lambda x, *others: block_each(x.shape[1], _THREADS),
    outputs=3,
)


def batch_statistics(x, epsilon, momentum, running_mean, running_variance, mean, inverse):
    """Mean and variance of each channel over a batch, and their running means.

    ``running = (1 - momentum) * running + momentum * (this batch's)``; the running variance is that of the sample,
    divided by one less than the count, the other one is divided by the count (as in PyTorch).

    Parameters
    ----------
    x : (n, channels, numbers) float32
        With two numbers of each channel at least.
    running_mean, running_variance : (channels,) float32
        Updated in place.
    mean, inverse : (channels,) float32
        Mean and ``1 / sqrt(variance + epsilon)``, outputs.
    """
    sums = backend.current().empty((mean.size,), np.float64)
    _batch_statistics(x, epsilon, momentum, sums, running_mean, running_variance, mean, inverse)


def _running_statistics_cpu(running_mean, running_variance, epsilon, mean, inverse):
    mean[...] = running_mean
    inverse[...] = 1.0 / np.sqrt(running_variance + epsilon)


def _running_statistics_cuda(running_mean, running_variance, epsilon, mean, inverse):
    for c in range(cuda.grid(1), mean.size, cuda.gridsize(1)):
        mean[c] = running_mean[c]
        inverse[c] = np.float32(1.0) / np.float32(math.sqrt(running_variance[c] + epsilon))


_running_statistics = Twin(
    _running_statistics_cpu, _running_statistics_cuda, lambda *arguments: each(arguments[-1].size), outputs=2
)


def running_statistics(running_mean, running_variance, epsilon, mean, inverse):
    """Mean and ``1 / sqrt(variance + epsilon)`` of running ones, as `batch_normalize` takes them."""
    _running_statistics(running_mean, running_variance, np.float32(epsilon), mean, inverse)


def batch_normalize(x, gain, offset, mean, inverse, out):
    """``out = gain * (x - mean) * inverse + offset`` for each channel; shapes as in `batch_statistics`."""
    _batch_normalize(x, gain, offset, mean, inverse, out)


def batch_normalize_backward(
    x, gain, mean, inverse, share, gradient, scale, keep, gradient_gain, gradient_offset, gradient_in
):
    """Gradients of `batch_normalize`, those of gain and offset accumulated by `scale` and `keep`.

    `share` is 1 / (n * numbers) where mean and variance are those of x, and 0 where they are constants.
    """
    sums = backend.current().empty((1, 2, gain.size), np.float64)
    along, whole = sums[0, 0], sums[0, 1]
    _batch_normalize_backward(x, gain, mean, inverse, gradient, share, along, whole, gradient_in)
    if on_card():
        accumulate(sums, single(scale), np.float32(keep), gradient_gain, gradient_offset)
        return
    for kept, new in ((gradient_gain, along), (gradient_offset, whole)):
        kept[...] = scale * new + keep * kept
