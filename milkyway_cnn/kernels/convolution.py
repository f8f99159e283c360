"""Convolution, bias, leaky ReLU and max pooling in one pass, and its gradients.

The full-resolution feature map is never stored: of each pooling window only the largest value and its number are.

Layout. Each padded image becomes one flat row in which a weight of the kernel (a "tap": channel, row, column) is
a constant offset from the output position. With stride s the image is first dealt out to s x s phase planes, so
that neighboring outputs are neighboring numbers for every stride. A plane of outputs is then a sum of shifted,
weighted copies of that row: long vector loops whatever the shape. The columns where such a plane runs over the
image's edge are computed and ignored.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from milkyway_cnn.kernels._twin import loop, prange
from milkyway_cnn.kernels.activation import leaky, leaky_slope

__all__ = ["convolution_work", "convolve", "convolve_backward"]

#: Taps that are added in one go, so that the sum is loaded and stored once for all of them.
_TAPS = 4
#: Numbers of one feature plane that are summed at a time; they stay in the first-level cache.
_PLANE = 512
#: Groups of images whose weight gradients are summed apart: a constant, so that threads cannot change the result.
_GROUPS = 16


class Work(NamedTuple):
    """What a convolution of one geometry needs besides inputs and outputs."""

    stride: int
    padding: tuple[int, int]  # rows, columns
    pool: int
    rows: int  # output rows of one block
    planes: tuple[int, int]  # rows and columns of a phase plane
    offsets: np.ndarray  # (taps,) int64
    taps: np.ndarray  # (filters, taps) float32, the weights, filled up with zeros
    padded: np.ndarray  # (batch, numbers of an image) float32
    gradient_padded: np.ndarray  # the same, or (0, 0) where the input needs no gradient
    total: np.ndarray  # (batch, numbers of a block) float32
    delta: np.ndarray  # (groups, numbers of a feature plane) float32
    partial: np.ndarray  # (groups, filters, taps + 1) float32, the bias last


def convolution_work(batch, shape, weights_shape, stride, padding, pool, out_shape, input_gradient=True):
    """Buffers and offsets for images of `shape` (channels, rows, columns) and outputs of `out_shape` after pooling."""
    channels, height, width = shape
    filters, _, rows, columns = weights_shape
    down, across = (-(-(size + 2 * pad) // stride) for size, pad in zip((height, width), padding, strict=True))
    plane = down * across
    c, u, v = (axis.reshape(-1) for axis in np.indices((channels, rows, columns)))
    offsets = ((c * stride + u % stride) * stride + v % stride) * plane + (u // stride) * across + v // stride
    taps = -(-len(offsets) // _TAPS) * _TAPS
    numbers = channels * stride * stride * plane + (columns - 1) // stride
    block = pool * max(1, _PLANE // (pool * across))
    return Work(
        stride,
        padding,
        pool,
        block,
        (down, across),
        np.pad(offsets, (0, taps - len(offsets))).astype(np.int64),
        np.zeros((filters, taps), np.float32),
        np.zeros((batch, numbers), np.float32),
        np.zeros((batch, numbers) if input_gradient else (0, 0), np.float32),
        np.empty((batch, block * across), np.float32),
        np.empty((_GROUPS, out_shape[1] * pool * across), np.float32),
        np.empty((_GROUPS, filters, taps + 1), np.float32),
    )


@loop
def _deal(x, stride, top, left, down, across, padded):
    for n in prange(x.shape[0]):
        for c in range(x.shape[1]):
            for i in range(x.shape[2]):
                y = i + top
                row = (c * stride + y % stride) * stride
                for j in range(x.shape[3]):
                    z = j + left
                    padded[n, ((row + z % stride) * down + y // stride) * across + z // stride] = x[n, c, i, j]


@loop
def _collect(padded, stride, top, left, down, across, x):
    for n in prange(x.shape[0]):
        for c in range(x.shape[1]):
            for i in range(x.shape[2]):
                y = i + top
                row = (c * stride + y % stride) * stride
                for j in range(x.shape[3]):
                    z = j + left
                    x[n, c, i, j] = padded[n, ((row + z % stride) * down + y // stride) * across + z // stride]


@loop
def _forward(padded, offsets, taps, bias, slope, pool, rows, across, total, out, winner):
    count, filters, out_rows, out_columns = out.shape
    for n in prange(count):
        for q in range(filters):
            for top in range(0, out_rows * pool, rows):
                bottom = min(out_rows * pool, top + rows)
                size = (bottom - top) * across
                z = total[n, :size]
                for j in range(size):
                    z[j] = bias[q]
                for t in range(0, taps.shape[1], _TAPS):
                    begin = top * across
                    a = padded[n, begin + offsets[t] : begin + offsets[t] + size]
                    b = padded[n, begin + offsets[t + 1] : begin + offsets[t + 1] + size]
                    c = padded[n, begin + offsets[t + 2] : begin + offsets[t + 2] + size]
                    d = padded[n, begin + offsets[t + 3] : begin + offsets[t + 3] + size]
                    w_a, w_b, w_c, w_d = taps[q, t], taps[q, t + 1], taps[q, t + 2], taps[q, t + 3]
                    for j in range(size):
                        z[j] += w_a * a[j] + w_b * b[j] + w_c * c[j] + w_d * d[j]
                for i in range((bottom - top) // pool):
                    for j in range(out_columns):
                        corner = i * pool * across + j * pool
                        best = z[corner]
                        number = 0
                        for k in range(1, pool * pool):
                            value = z[corner + (k // pool) * across + k % pool]
                            if value > best:
                                best = value
                                number = k
                        out[n, q, top // pool + i, j] = leaky(best, slope)
                        winner[n, q, top // pool + i, j] = number


@loop
def _backward(padded, offsets, taps, slope, pool, across, out, winner, gradient, delta, partial, gradient_padded):
    count, filters, out_rows, out_columns = out.shape
    last = taps.shape[1]
    for group in prange(_GROUPS):
        partial[group] = np.float32(0.0)
        d = delta[group]
        for n in range(group, count, _GROUPS):
            if gradient_padded.shape[0] > 0:
                gradient_padded[n] = np.float32(0.0)
            for q in range(filters):
                d[:] = np.float32(0.0)
                for i in range(out_rows):
                    for j in range(out_columns):
                        k = np.int64(winner[n, q, i, j])
                        value = gradient[n, q, i, j] * leaky_slope(out[n, q, i, j], slope)
                        d[(i * pool + k // pool) * across + j * pool + k % pool] = value
                        partial[group, q, last] += value
                for t in range(0, last, _TAPS):
                    a = padded[n, offsets[t] :]
                    b = padded[n, offsets[t + 1] :]
                    c = padded[n, offsets[t + 2] :]
                    e = padded[n, offsets[t + 3] :]
                    s_a = s_b = s_c = s_e = np.float32(0.0)
                    # The last row ends with its last output, before the flat row does.
                    for j in range(d.size - across + out_columns * pool):
                        s_a += d[j] * a[j]
                        s_b += d[j] * b[j]
                        s_c += d[j] * c[j]
                        s_e += d[j] * e[j]
                    partial[group, q, t] += s_a
                    partial[group, q, t + 1] += s_b
                    partial[group, q, t + 2] += s_c
                    partial[group, q, t + 3] += s_e
                if gradient_padded.shape[0] > 0:
                    for t in range(last):
                        weight = taps[q, t]
                        g = gradient_padded[n, offsets[t] :]
                        for j in range(d.size - across + out_columns * pool):
                            g[j] += weight * d[j]


def convolve(x, weights, bias, slope, work, out, winner):
    """Cross-correlation of images with filters, plus bias, leaky ReLU and max pooling.

    Parameters
    ----------
    x : (n, channels, height, width) float32
    weights : (filters, channels, rows, columns) float32
    bias : (filters,) float32
    work : Work
        From `convolution_work`, with stride, padding and pooling; a rest at the edges is left out by all three.
    out : (n, filters, height', width') float32
    winner : as out, uint8
        Number of the largest value in its pooling window, in reading order; the first of equals.
    """
    work.taps[:, : weights[0].size] = weights.reshape(len(weights), -1)
    _deal(x, work.stride, *work.padding, *work.planes, work.padded)
    across = work.planes[1]
    _forward(
        work.padded,
        work.offsets,
        work.taps,
        bias,
        np.float32(slope),
        work.pool,
        work.rows,
        across,
        work.total,
        out,
        winner,
    )


def convolve_backward(
    x, weights, slope, work, out, winner, gradient, scale, keep, gradient_weights, gradient_bias, gradient_in
):
    """Gradients of `convolve`, which must have been called last with the same `work`.

    ``gradient_weights = scale * (sum over images) + keep * gradient_weights``, the same for the bias;
    `gradient_in` may be None, for a first layer.
    """
    across = work.planes[1]
    _backward(
        work.padded,
        work.offsets,
        work.taps,
        np.float32(slope),
        work.pool,
        across,
        out,
        winner,
        gradient,
        work.delta,
        work.partial,
        work.gradient_padded[:0] if gradient_in is None else work.gradient_padded,
    )
    total = work.partial.sum(axis=0)
    for kept, new in ((gradient_weights.reshape(len(weights), -1), total), (gradient_bias[:, None], total[:, -1:])):
        kept *= np.float32(keep)
        kept += np.float32(scale) * new[:, : kept.shape[1]]
    if gradient_in is not None:
        _collect(work.gradient_padded, work.stride, *work.padding, *work.planes, gradient_in)
