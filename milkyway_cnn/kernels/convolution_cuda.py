"""Convolution, bias, leaky ReLU and max pooling in one pass for CUDA, and its gradients: contracts of `convolution`.

The loops are others than the host's, whose vectors run over images. A thread makes one number of a few pooled feature
maps, from the image itself. Gradients are gathered, never scattered, so that their sums have one order; of each pooling
window only the winner passes a gradient on, which spares the weights' gradient most products.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from milkyway_cnn import backend
from milkyway_cnn.kernels._twin import Kernel, block_each, cuda, each, float32, single
from milkyway_cnn.kernels.activation import leaky, leaky_slope

__all__ = ["Geometry", "convolution_work", "convolve", "convolve_backward"]

_FILTERS = 4  # that a thread makes together, for which it reads the image once
_PARTS = 128  # of a batch, whose gradients of the weights are summed apart


class Geometry(NamedTuple):
    """What a convolution needs besides inputs and outputs; for planes, rows and columns."""

    stride: tuple[int, int, int]
    padding: tuple[int, int, int]
    pool: tuple[int, int, int]
    partial: Any  # (parts, filters, taps + 1) float32


def convolution_work(batch, shape, weights_shape, stride, padding, pool, out_shape, input_gradient=True):
    """Make the buffers of one geometry; parameters of `convolution.convolution_work`."""
    parts, taps = min(batch, _PARTS), math.prod(weights_shape[1:])
    partial = backend.current().empty((parts, weights_shape[0], taps + 1), np.float32)
    return Geometry(tuple(stride), tuple(padding), (1, *pool), partial)


def _convolve_cuda(x, weights, bias, slope, stride, padding, pool, out, winner):
    filters, planes, rows, columns = out.shape[1], out.shape[2], out.shape[3], out.shape[4]
    together = (filters + _FILTERS - 1) // _FILTERS
    sums, best, which = (
        cuda.local.array(_FILTERS, float32), cuda.local.array(_FILTERS, float32), cuda.local.array(_FILTERS, float32),
    )  # fmt: skip
    for place in range(cuda.grid(1), out.shape[0] * together * planes * rows * columns, cuda.gridsize(1)):
        rest, j = place // columns, place % columns
        rest, i = rest // rows, rest % rows
        rest, h = rest // planes, rest % planes
        n, q = rest // together, rest % together * _FILTERS
        for number in range(pool[1] * pool[2]):
            z_0 = h * stride[0] - padding[0]
            y_0 = (i * pool[1] + number // pool[2]) * stride[1] - padding[1]
            v_0 = (j * pool[2] + number % pool[2]) * stride[2] - padding[2]
            for f in range(_FILTERS):
                sums[f] = np.float32(0.0)
            for c in range(x.shape[1]):
                for z in range(max(0, -z_0), min(weights.shape[2], x.shape[2] - z_0)):
                    for y in range(max(0, -y_0), min(weights.shape[3], x.shape[3] - y_0)):
                        for v in range(max(0, -v_0), min(weights.shape[4], x.shape[4] - v_0)):
                            value = x[n, c, z_0 + z, y_0 + y, v_0 + v]
                            for f in range(_FILTERS):
                                sums[f] += value * weights[min(q + f, filters - 1), c, z, y, v]
            for f in range(_FILTERS):
                # The first of equals, but a NaN before all, so that none is lost.
                if number == 0 or sums[f] > best[f] or sums[f] != sums[f]:
                    best[f], which[f] = sums[f], np.float32(number)
        for f in range(_FILTERS):  # a constant, so that the sums stay in registers
            if q + f < filters:
                out[n, q + f, h, i, j] = leaky(best[f] + bias[q + f], slope)
                winner[n, q + f, h, i, j] = int(which[f])


_convolve = Kernel(
    _convolve_cuda,
    lambda *arguments: each(arguments[-1].size // arguments[-1].shape[1] * -(-arguments[-1].shape[1] // _FILTERS)),
    outputs=2,
)


def _weights_gradient_cuda(x, slope, kernel, stride, padding, pool, out, winner, gradient, partial):
    parts, filters, taps = partial.shape[0], partial.shape[1], partial.shape[2] - 1
    size = (out.shape[0] + parts - 1) // parts
    planes, rows, columns = out.shape[2], out.shape[3], out.shape[4]
    for block in range(cuda.blockIdx.x, parts * filters, cuda.gridDim.x):
        part, f = block // filters, block % filters
        for tap in range(cuda.threadIdx.x, taps + 1, cuda.blockDim.x):  # the one behind the last is the bias
            rest, v = tap // kernel[2], tap % kernel[2] - padding[2]
            rest, y = rest // kernel[1], rest % kernel[1] - padding[1]
            c, z = rest // kernel[0], rest % kernel[0] - padding[0]
            total = np.float32(0.0)
            for n in range(part * size, min(out.shape[0], (part + 1) * size)):
                for h in range(planes):
                    for i in range(rows):
                        for j in range(columns):
                            value = gradient[n, f, h, i, j] * leaky_slope(out[n, f, h, i, j], slope)
                            if tap == taps:
                                total += value
                                continue
                            won = np.int32(winner[n, f, h, i, j])
                            z_at = h * stride[0] + z
                            y_at = (i * pool[1] + won // pool[2]) * stride[1] + y
                            v_at = (j * pool[2] + won % pool[2]) * stride[2] + v
                            if 0 <= z_at < x.shape[2] and 0 <= y_at < x.shape[3] and 0 <= v_at < x.shape[4]:
                                total += value * x[n, c, z_at, y_at, v_at]
            partial[part, f, tap] = total


_weights_gradient = Kernel(
    _weights_gradient_cuda,
    lambda *arguments: block_each(arguments[-1].shape[0] * arguments[-1].shape[1], threads=64),
)


def _accumulate_cuda(partial, scale, keep, gradient_weights, gradient_bias):
    filters, taps = gradient_weights.shape
    for place in range(cuda.grid(1), filters * (taps + 1), cuda.gridsize(1)):
        f, tap = place // (taps + 1), place % (taps + 1)
        total = np.float32(0.0)
        for part in range(partial.shape[0]):
            total += partial[part, f, tap]
        if tap < taps:
            gradient_weights[f, tap] = scale[0] * total + keep * gradient_weights[f, tap]
        else:
            gradient_bias[f] = scale[0] * total + keep * gradient_bias[f]


_accumulate = Kernel(_accumulate_cuda, lambda partial, *others: each(partial[0].size), outputs=2)


def _input_gradient_cuda(weights, slope, stride, padding, pool, out, winner, gradient, gradient_in):
    channels, planes, rows, columns = (
        gradient_in.shape[1], gradient_in.shape[2], gradient_in.shape[3], gradient_in.shape[4],
    )  # fmt: skip
    for place in range(cuda.grid(1), gradient_in.size, cuda.gridsize(1)):
        rest, j = place // columns, place % columns
        rest, i = rest // rows, rest % rows
        rest, h = rest // planes, rest % planes
        n, c = rest // channels, rest % channels
        total = np.float32(0.0)
        for z in range(weights.shape[2]):
            z_at = h + padding[0] - z
            if z_at < 0 or z_at % stride[0] or z_at // stride[0] >= out.shape[2]:
                continue
            for y in range(weights.shape[3]):
                y_at = i + padding[1] - y
                if y_at < 0 or y_at % stride[1] or y_at // stride[1] >= out.shape[3] * pool[1]:
                    continue
                for v in range(weights.shape[4]):
                    v_at = j + padding[2] - v
                    if v_at < 0 or v_at % stride[2] or v_at // stride[2] >= out.shape[4] * pool[2]:
                        continue
                    a, b, d = z_at // stride[0], y_at // stride[1], v_at // stride[2]
                    here = b % pool[1] * pool[2] + d % pool[2]
                    b, d = b // pool[1], d // pool[2]
                    for f in range(out.shape[1]):
                        if winner[n, f, a, b, d] == here:
                            value = gradient[n, f, a, b, d] * leaky_slope(out[n, f, a, b, d], slope)
                            total += value * weights[f, c, z, y, v]
        gradient_in[n, c, h, i, j] = total


_input_gradient = Kernel(_input_gradient_cuda, lambda *arguments: each(arguments[-1].size))


def convolve(x, weights, bias, slope, work, out, winner):
    """See `convolution.convolve`."""
    _convolve(x, weights, bias, np.float32(slope), work.stride, work.padding, work.pool, out, winner)


def convolve_backward(
    x, weights, slope, work, out, winner, gradient, scale, keep, gradient_weights, gradient_bias, gradient_in
):
    """See `convolution.convolve_backward`."""
    where = (work.stride, work.padding, work.pool, out, winner, gradient)
    _weights_gradient(x, np.float32(slope), tuple(weights.shape[2:]), *where, work.partial)
    kept = gradient_weights.reshape(len(weights), -1), gradient_bias
    _accumulate(work.partial, single(scale), np.float32(keep), *kept)
    if gradient_in is not None:
        _input_gradient(weights, np.float32(slope), *where, gradient_in)
