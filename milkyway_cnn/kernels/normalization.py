"""Normalization to mean zero and variance one, then gain and offset: of groups of an image's channels, or of a batch.

Sources: Wu & He 2018 (arXiv:1803.08494), equations 1 to 6; Ioffe & Szegedy 2015 (arXiv:1502.03167), algorithms 1 and 2.
"""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels._twin import body, loop, prange

__all__ = [
    "batch_normalize",
    "batch_normalize_backward",
    "batch_statistics",
    "group_normalize",
    "group_normalize_backward",
]

#: Numbers beside each other that one thread has at a time, where channels have fewer.
_NEIGHBORS = 16


@loop
def _group_normalize(x, gain, offset, epsilon, mean, inverse, out):
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


@loop
def _group_normalize_backward(x, gain, mean, inverse, gradient, partial, gradient_in):
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
    partial = np.empty((len(x), 2, gain.size))
    _group_normalize_backward(x, gain, mean, inverse, gradient, partial, gradient_in)
    for kept, new in zip((gradient_gain, gradient_offset), partial.sum(axis=0), strict=True):
        kept[...] = scale * new + keep * kept


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
def _batch_statistics(x, epsilon, momentum, sums, running_mean, running_variance, mean, inverse):
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


@loop
def _batch_normalize(x, gain, offset, mean, inverse, out):
    images, channels, size = x.shape
    for n in prange(images):
        for c in range(channels):
            factor = gain[c] * inverse[c]
            for i in range(size):
                out[n, c, i] = (x[n, c, i] - mean[c]) * factor + offset[c]


@loop
def _batch_normalize_backward(x, gain, mean, inverse, gradient, share, along, whole, gradient_in):
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
    sums = np.empty(mean.size)
    _batch_statistics(x, epsilon, momentum, sums, running_mean, running_variance, mean, inverse)


def batch_normalize(x, gain, offset, mean, inverse, out):
    """``out = gain * (x - mean) * inverse + offset`` for each channel; shapes as in `batch_statistics`."""
    _batch_normalize(x, gain, offset, mean, inverse, out)


def batch_normalize_backward(
    x, gain, mean, inverse, share, gradient, scale, keep, gradient_gain, gradient_offset, gradient_in
):
    """Gradients of `batch_normalize`, those of gain and offset accumulated by `scale` and `keep`.

    `share` is 1 / (n * numbers) where mean and variance are those of x, and 0 where they are constants.
    """
    along, whole = np.empty((2, gain.size))
    _batch_normalize_backward(x, gain, mean, inverse, gradient, share, along, whole, gradient_in)
    for kept, new in ((gradient_gain, along), (gradient_offset, whole)):
        kept[...] = scale * new + keep * kept
