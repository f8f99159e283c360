"""Convolution, bias, leaky ReLU and max pooling in one pass, and its gradients.

The full-resolution feature map is never stored: of each pooling window only the largest value and its number are.

Layout. Each padded image becomes one flat row in which a weight of the kernel (a "tap") is a constant offset from
the output position. With strides the image is first dealt out to phases, so that neighboring outputs are neighboring
numbers for every stride. A feature map is then a sum of shifted, weighted copies of that row: long vector loops
whatever the shape, in one, two or three dimensions. The columns where such a sum runs over the image's edge are
computed and ignored.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from milkyway_cnn.kernels._twin import body, loop, prange
from milkyway_cnn.kernels.activation import leaky, leaky_slope

__all__ = ["convolution_work", "convolve", "convolve_backward"]

#: Taps that are added in one go, so that the sum is loaded and stored once for all of them.
_TAPS = 4
#: Numbers of one feature map that are summed at a time; they stay in the first-level cache.
_BLOCK = 512
#: Groups of images whose weight gradients are summed apart: a constant, so that threads cannot change the result.
_GROUPS = 16


class Work(NamedTuple):
    """What a convolution of one geometry needs besides inputs and outputs."""

    pool: tuple[int, int]  # rows, columns
    rows: int  # output rows of one block
    pitch: tuple[int, int]  # numbers from one plane, one row to the next
    starts: np.ndarray  # (image rows,) int64, place of each row of the image in the flat row
    steps: np.ndarray  # (columns,) int64, what each column adds to it
    offsets: np.ndarray  # (taps,) int64
    taps: np.ndarray  # (filters, taps) float32, the weights, both filled up with zeros to a multiple of 4
    padded: np.ndarray  # (batch, numbers of an image) float32
    gradient_padded: np.ndarray  # the same, or (1, 0) where the input needs no gradient
    total: np.ndarray  # (batch, numbers of a block) float32
    window: np.ndarray  # (pool size,) int64, place of each number of a window
    delta: np.ndarray  # (groups, filters filled up to a multiple of 4, numbers of a feature map) float32
    partial: np.ndarray  # (groups, filters so filled up, taps + 1) float32, the bias last
    sums: np.ndarray  # the same over all groups


def convolution_work(batch, shape, weights_shape, stride, padding, pool, out_shape, input_gradient=True):
    """Make the buffers and offsets of one geometry.

    Parameters
    ----------
    shape, out_shape : (int, int, int, int)
        Channels, planes, rows and columns of the input; of the output after pooling.
    weights_shape : (int, int, int, int, int)
        Filters, channels, planes, rows, columns.
    stride, padding : (int, int, int)
        For planes, rows and columns.
    pool : (int, int)
        Rows and columns of a pooling window; (1, 1) for none.
    """
    filters, channels, *kernel = weights_shape
    size = [-(-(n + 2 * pad) // step) for n, pad, step in zip(shape[1:], padding, stride, strict=True)]
    deep, down, across = size
    volume, phases = deep * down * across, math.prod(stride)

    def place(channel, *position):
        """Find the flat place of a padded position: channel, then phase, then where it lies in the phase."""
        phase, inner = 0, 0
        for p, step, n in zip(position, stride, size, strict=True):
            phase, inner = phase * step + p % step, inner * n + p // step
        return (channel * phases + phase) * volume + inner

    c, *axes = np.indices((channels, *kernel)).reshape(4, -1)
    offsets = place(c, *axes)
    taps = -(-len(offsets) // _TAPS) * _TAPS
    c, z, y = np.indices(shape[:3]).reshape(3, -1)
    top = np.array(padding)
    full = -(-filters // _TAPS) * _TAPS
    rows = pool[0] * max(1, _BLOCK // (pool[0] * across))
    numbers = channels * phases * volume + (kernel[2] - 1) // stride[2]
    return Work(
        pool,
        rows,
        (down * across, across),
        place(c, z + top[0], y + top[1], np.zeros_like(c)),
        place(0, 0, 0, np.arange(shape[3]) + top[2]),
        np.pad(offsets, (0, taps - len(offsets))),
        np.zeros((full, taps), np.float32),
        np.zeros((batch, numbers), np.float32),
        np.zeros((batch, numbers) if input_gradient else (1, 0), np.float32),
        np.empty((batch, rows * across), np.float32),
        (np.arange(pool[0])[:, None] * across + np.arange(pool[1])).reshape(-1),
        np.zeros((_GROUPS, full, (out_shape[1] - 1) * down * across + out_shape[2] * pool[0] * across), np.float32),
        np.empty((_GROUPS, full, taps + 1), np.float32),
        np.empty((full, taps + 1), np.float32),
    )


@loop
def _deal(x, starts, steps, padded):
    for n in prange(x.shape[0]):
        for row in range(starts.size):
            for j in range(steps.size):
                padded[n, starts[row] + steps[j]] = x[n, row, j]


@loop
def _collect(padded, starts, steps, x):
    for n in prange(x.shape[0]):
        for row in range(starts.size):
            for j in range(steps.size):
                x[n, row, j] = padded[n, starts[row] + steps[j]]


@body
def _pool_row(z, high, wide, across, slope, out, winner):
    """Take the maxima of one row of windows."""
    for j in range(out.size):
        corner = j * wide
        best = z[corner]
        number = 0
        for y in range(high):
            for x in range(wide):
                value = z[corner + y * across + x]
                if value > best:
                    best = value
                    number = y * wide + x
        out[j] = leaky(best, slope)
        winner[j] = number


@body
def _forward_image(padded, offsets, taps, bias, slope, pool, rows, pitch, z, out, winner):
    """Do one image; apart from the threaded loop, in which the compiler vectorizes less."""
    filters, out_planes, out_rows = out.shape[:3]
    high, wide = pool
    plane, across = pitch
    for q in range(filters):
        for w in range(out_planes):
            for top in range(0, out_rows * high, rows):
                bottom = min(out_rows * high, top + rows)
                begin = w * plane + top * across
                size = (bottom - top) * across
                for j in range(size):
                    z[j] = bias[q]
                for t in range(0, taps.shape[1], _TAPS):
                    a = padded[begin + offsets[t] : begin + offsets[t] + size]
                    b = padded[begin + offsets[t + 1] : begin + offsets[t + 1] + size]
                    c = padded[begin + offsets[t + 2] : begin + offsets[t + 2] + size]
                    d = padded[begin + offsets[t + 3] : begin + offsets[t + 3] + size]
                    w_a, w_b, w_c, w_d = taps[q, t], taps[q, t + 1], taps[q, t + 2], taps[q, t + 3]
                    for j in range(size):
                        z[j] += w_a * a[j] + w_b * b[j] + w_c * c[j] + w_d * d[j]
                for i in range((bottom - top) // high):
                    block = z[i * high * across : (i + 1) * high * across]
                    row = top // high + i
                    if high == 2 and wide == 2:  # the usual case, compiled with its numbers, takes a sixth of the time
                        _pool_row(block, 2, 2, across, slope, out[q, w, row], winner[q, w, row])
                    else:
                        _pool_row(block, high, wide, across, slope, out[q, w, row], winner[q, w, row])


@loop
def _forward(padded, offsets, taps, bias, slope, pool, rows, pitch, total, out, winner):
    for n in prange(out.shape[0]):
        _forward_image(padded[n], offsets, taps, bias, slope, pool, rows, pitch, total[n], out[n], winner[n])


@body
def _backward_image(
    padded, offsets, taps, slope, pool, window, pitch, out, winner, gradient, delta, partial, gradient_padded
):
    filters, out_planes, out_rows, out_columns = out.shape
    high, wide = pool
    plane, across = pitch
    last = taps.shape[1]
    # The last row ends with its last output, before the flat row of the image does.
    end = delta.shape[1] - across + out_columns * wide
    for q in range(filters):
        d = delta[q]
        d[:] = np.float32(0.0)
        total = np.float32(0.0)
        for w in range(out_planes):
            for i in range(out_rows):
                corner = w * plane + i * high * across
                for j in range(out_columns):
                    value = gradient[q, w, i, j] * leaky_slope(out[q, w, i, j], slope)
                    d[corner + j * wide + window[winner[q, w, i, j]]] = value
                    total += value
        partial[q, last] += total
    for q in range(0, taps.shape[0], 2):
        d, f = delta[q], delta[q + 1]
        for t in range(0, last, _TAPS):
            a = padded[offsets[t] :]
            b = padded[offsets[t + 1] :]
            c = padded[offsets[t + 2] :]
            e = padded[offsets[t + 3] :]
            d_a = d_b = d_c = d_e = f_a = f_b = f_c = f_e = np.float32(0.0)
            for j in range(end):
                d_a += d[j] * a[j]
                d_b += d[j] * b[j]
                d_c += d[j] * c[j]
                d_e += d[j] * e[j]
                f_a += f[j] * a[j]
                f_b += f[j] * b[j]
                f_c += f[j] * c[j]
                f_e += f[j] * e[j]
            partial[q, t] += d_a
            partial[q, t + 1] += d_b
            partial[q, t + 2] += d_c
            partial[q, t + 3] += d_e
            partial[q + 1, t] += f_a
            partial[q + 1, t + 1] += f_b
            partial[q + 1, t + 2] += f_c
            partial[q + 1, t + 3] += f_e
    if gradient_padded.size == 0:
        return
    gradient_padded[:] = np.float32(0.0)
    for q in range(0, taps.shape[0], _TAPS):
        a, b, c, e = delta[q], delta[q + 1], delta[q + 2], delta[q + 3]
        for t in range(last):
            g = gradient_padded[offsets[t] :]
            w_a, w_b, w_c, w_e = taps[q, t], taps[q + 1, t], taps[q + 2, t], taps[q + 3, t]
            for j in range(end):
                g[j] += w_a * a[j] + w_b * b[j] + w_c * c[j] + w_e * e[j]


@loop
def _backward(
    padded, offsets, taps, slope, pool, window, pitch, out, winner, gradient, delta, partial, gradient_padded
):
    for group in prange(_GROUPS):
        partial[group] = np.float32(0.0)
        for n in range(group, out.shape[0], _GROUPS):
            _backward_image(
                padded[n],
                offsets,
                taps,
                slope,
                pool,
                window,
                pitch,
                out[n],
                winner[n],
                gradient[n],
                delta[group],
                partial[group],
                gradient_padded[n if gradient_padded.shape[0] > 1 else 0],
            )


def convolve(x, weights, bias, slope, work, out, winner):
    """Cross-correlation of images with filters, plus bias, leaky ReLU and max pooling.

    Parameters
    ----------
    x : (n, channels, planes, rows, columns) float32
    weights : (filters, channels, planes, rows, columns) float32
    bias : (filters,) float32
    work : Work
        From `convolution_work`, with stride, padding and pooling; a rest at the edges is left out by all three.
    out : (n, filters, planes', rows', columns') float32
    winner : as out, uint8
        Number of the largest value in its pooling window, in reading order; the first of equals.
    """
    work.taps[: len(weights), : weights[0].size] = weights.reshape(len(weights), -1)
    _deal(x.reshape(len(x), -1, x.shape[-1]), work.starts, work.steps, work.padded)
    _forward(
        work.padded,
        work.offsets,
        work.taps,
        bias,
        np.float32(slope),
        work.pool,
        work.rows,
        work.pitch,
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
    _backward(
        work.padded,
        work.offsets,
        work.taps,
        np.float32(slope),
        work.pool,
        work.window,
        work.pitch,
        out,
        winner,
        gradient,
        work.delta,
        work.partial,
        work.gradient_padded,
    )
    work.partial.sum(axis=0, out=work.sums)
    for kept, new in (
        (gradient_weights.reshape(len(weights), -1), work.sums[: len(weights), : weights[0].size]),
        (gradient_bias, work.sums[: len(weights), -1]),
    ):
        new *= np.float32(scale)
        kept *= np.float32(keep)
        kept += new
    if gradient_in is not None:
        flat = gradient_in.reshape(len(x), -1, x.shape[-1])
        _collect(work.gradient_padded, work.starts, work.steps, flat)
