"""Convolution, bias, leaky ReLU and max pooling in one pass, and its gradients.

The full-resolution feature map is never stored: of each pooling window only the largest value and its number are.

Layout. Images are dealt out to blocks of `LANES`, in which the same number of all of them is one vector. A weight of
the kernel (a "tap") and a position of the output are then offsets into such a block, whatever stride, padding and
dimensions are, and both the feature maps and the gradients are sums over pairs of them (`_tile`). The gradient of the
input is itself such a sum: of taps over the gradient of the output, laid out with gaps of the stride.
"""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._geometry import CHUNK, convolution_work, fill
from milkyway_cnn.kernels._tile import FILTERS, WIDE, add_outer_products, largest, sum_taps, turn
from milkyway_cnn.kernels._twin import body, loop, prange, serial
from milkyway_cnn.kernels._vector import LANES
from milkyway_cnn.kernels.activation import leaky, leaky_slope

__all__ = ["convolution_work", "convolve", "convolve_backward"]


@loop
def _deal(x, entries, padded):
    for block in prange((x.shape[0] + LANES - 1) // LANES):
        first = block * LANES
        count = min(LANES, x.shape[0] - first)
        whole = x.shape[1] // LANES * LANES if count == LANES else 0
        for i in range(0, whole, LANES):
            turn(x, first * x.shape[1] + i, x.shape[1], padded, block * padded.shape[1], entries, i)
        for i in range(whole, entries.size):
            for lane in range(count):
                padded[block, entries[i] + lane] = x[first + lane, i]
            for lane in range(count, LANES):
                padded[block, entries[i] + lane] = np.float32(0.0)


@serial
def _pack(weights, packed):
    """Write weights (filters, taps) as (filters / FILTERS, taps, FILTERS)."""
    for f in range(weights.shape[0]):
        for t in range(weights.shape[1]):
            packed[f // FILTERS, t, f % FILTERS] = weights[f, t]


@body
def _sum_chunk(x, x_0, side, group, begin, count, sums):
    """Sum over all taps for FILTERS filters at `count` positions."""
    taps = side.weights.shape[1]
    w_0 = group * taps * FILTERS
    for p in range(0, count, WIDE):
        sum_taps(x, x_0, side.taps, taps, side.weights, w_0, side.places, begin + p, sums, sums.shape[1], p * LANES)


@body
def _forward_block(padded, x_0, side, windows, bias, slope, rows, sums, best, number, out, winner):
    """Do the images of one block; `out` and `winner` are (images, filters, windows)."""
    count, filters, size = out.shape
    images = np.arange(LANES) * filters * size
    chunk = rows * side.width
    many = chunk // windows.inner.size
    for q in range(0, filters, FILTERS):
        for begin in range(0, size, many):
            end = min(size, begin + many)
            first = begin * windows.inner.size
            _sum_chunk(padded, x_0, side, q // FILTERS, first, (end - begin) * windows.inner.size, sums)
            for f in range(q, min(q + FILTERS, filters)):
                x_0_f = (f - q) * sums.shape[1] - first * LANES
                for p in range(begin, end):
                    place = (p - begin) * LANES
                    largest(sums, x_0_f, windows.corners, p, windows.inner, windows.inner.size, best, number, place)
                for p in range(end - begin):
                    for lane in range(LANES):
                        best[p, lane] = leaky(best[p, lane] + bias[f], slope)
                whole = (end - begin) // LANES * LANES if count == LANES else 0
                for p in range(0, whole, LANES):
                    turn(best, p * LANES, LANES, out, f * size + begin + p, images, 0)
                    turn(number, p * LANES, LANES, winner, f * size + begin + p, images, 0)
                for lane in range(count):
                    for p in range(whole, end - begin):
                        out[lane, f, begin + p] = best[p, lane]
                        winner[lane, f, begin + p] = number[p, lane]


@loop
def _forward(padded, side, windows, bias, slope, rows, sums, best, number, out, winner):
    blocks = (out.shape[0] + LANES - 1) // LANES
    for worker in prange(sums.shape[0]):
        for block in range(worker, blocks, sums.shape[0]):
            part = slice(block * LANES, min(out.shape[0], (block + 1) * LANES))
            _forward_block(
                padded, block * padded.shape[1], side, windows, bias, slope, rows,
                sums[worker], best[worker], number[worker], out[part], winner[part],
            )  # fmt: skip


@body
def _spread_gradient(slope, windows, out, winner, gradient, delta, bias):
    """Put the gradient of each maximum where it was in its feature map; sum over them for the bias."""
    count, filters, size = out.shape
    delta[:] = np.float32(0.0)
    for f in range(filters):
        total = np.float32(0.0)
        for lane in range(count):
            for p in range(size):
                value = gradient[lane, f, p] * leaky_slope(out[lane, f, p], slope)
                delta[f, windows.corners[p] + windows.inner[winner[lane, f, p]] + lane] = value
                total += value
        bias[f] = total


@body
def _backward_block(
    padded, x_0, forward, backward, windows, places, slope, rows, sums, delta, out, winner, gradient, partial, bias,
    gradient_in,
):  # fmt: skip
    """Do the images of one block; `gradient_in` is (images, channels, positions), without channels if not wanted."""
    pitch = delta.shape[1]
    _spread_gradient(slope, windows, out, winner, gradient, delta, bias)
    partial[:] = np.float32(0.0)
    for q in range(0, partial.shape[0], FILTERS):
        for begin in range(0, places.size, 2 * CHUNK):
            count = min(2 * CHUNK, places.size - begin)
            for t in range(0, partial.shape[1], WIDE):
                add_outer_products(
                    delta, q * pitch, pitch, places, padded, x_0, forward.taps, t, forward.places, begin, count,
                    partial, partial.shape[1], q * partial.shape[1] + t,
                )  # fmt: skip
    count, channels, positions = gradient_in.shape
    columns = backward.width
    for c in range(0, channels, FILTERS):
        for begin in range(0, positions, rows * columns):
            size = min(rows * columns, positions - begin)
            _sum_chunk(delta, 0, backward, c // FILTERS, begin, size, sums)
            for f in range(c, min(c + FILTERS, channels)):
                for lane in range(count):
                    for p in range(size):
                        gradient_in[lane, f, begin + p] = sums[f - c, p * LANES + lane]


@loop
def _backward(
    padded, forward, backward, windows, places, slope, rows, sums, delta, out, winner, gradient, partial, bias,
    gradient_in,
):  # fmt: skip
    blocks = (out.shape[0] + LANES - 1) // LANES
    for worker in prange(sums.shape[0]):
        for block in range(worker, blocks, sums.shape[0]):
            part = slice(block * LANES, min(out.shape[0], (block + 1) * LANES))
            _backward_block(
                padded, block * padded.shape[1], forward, backward, windows, places, slope, rows,
                sums[worker], delta[worker], out[part], winner[part], gradient[part],
                partial[block], bias[block], gradient_in[part],
            )  # fmt: skip


def _maps(array):
    """View (n, channels, planes, rows, columns) as (n, channels, positions)."""
    return array.reshape(*array.shape[:2], -1)


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
    side = work.forward
    _pack(weights.reshape(len(weights), -1), side.weights)
    _deal(x.reshape(len(x), -1), work.entries, work.padded)
    buffers = (work.sums, work.best, work.number, _maps(out), _maps(winner))
    _forward(work.padded, side, work.windows, bias, np.float32(slope), work.rows[0], *buffers)


def convolve_backward(
    x, weights, slope, work, out, winner, gradient, scale, keep, gradient_weights, gradient_bias, gradient_in
):
    """Gradients of `convolve`, which must have been called last with the same `work`.

    ``gradient_weights = scale * (sum over images) + keep * gradient_weights``, the same for the bias;
    `gradient_in` may be None, for a first layer.
    """
    n, taps = len(out), weights[0].size
    if gradient_in is None:
        inner = np.empty((n, 0, 0), np.float32)
    else:
        inner = _maps(gradient_in)
        _pack(
            weights.reshape(*weights.shape[:2], -1).transpose(1, 0, 2).reshape(weights.shape[1], -1),
            work.backward.weights,
        )
    blocks = fill(n, LANES) // LANES
    _backward(
        work.padded, work.forward, work.backward, work.delta_windows, work.delta_places, np.float32(slope),
        work.rows[1], work.sums, work.delta, _maps(out), _maps(winner), _maps(gradient), work.partial,
        work.partial_bias, inner,
    )  # fmt: skip
    for kept, parts in (
        (gradient_weights.reshape(len(weights), -1), work.partial[:blocks, : len(weights), :taps]),
        (gradient_bias, work.partial_bias[:blocks]),
    ):
        kept *= np.float32(keep)
        kept += np.float32(scale) * parts.sum(axis=0)
