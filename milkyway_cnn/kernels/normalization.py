"""Group normalization: each group of channels of each image gets mean zero and variance one, then gain and offset.

Source: Wu & He 2018 (arXiv:1803.08494), equations 1 to 6.
"""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels._twin import loop, prange

__all__ = ["group_normalize", "group_normalize_backward"]


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
