"""Convolution, bias, leaky ReLU and max pooling in one pass for CUDA, and its gradients: contracts of `convolution`.

The loops are others than the host's, whose vectors run over images. A thread makes all numbers of a pooling window of
some feature maps together, from the image itself: each number of the image and each weight that it reads serves
several sums. Gradients are gathered, never scattered, so that their sums have one order; of each pooling window only
the winner passes a gradient on, which spares the weights' gradient most products.

Sums stay in registers only where the compiler knows how many there are. So kernels are made anew for each size of
pooling windows and filters, which are constants to them.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from milkyway_cnn import backend
from milkyway_cnn.kernels._twin import Kernel, block_each, block_sum, cuda, each, float32, single
from milkyway_cnn.kernels.activation import leaky, leaky_slope
from milkyway_cnn.kernels.lift import still

__all__ = ["Geometry", "convolution_work", "convolve", "convolve_backward"]

_SUMS = 48  # that a thread of the forward pass has in registers
_TAPS = 32  # the same of the weights' gradient
_PARTS = 128  # of a batch, whose gradients of the weights are summed apart
_THREADS = 128


class Geometry(NamedTuple):
    """What a convolution needs besides inputs and outputs; for planes, rows and columns."""

    stride: tuple[int, int, int]
    padding: tuple[int, int, int]
    pool: tuple[int, int, int]
    packed: Any  # weights as the forward pass reads them, (groups of filters, taps, filters of a group) float32
    partial: Any  # (parts, filters, taps + 1) float32


def convolution_work(batch, shape, weights_shape, stride, padding, pool, out_shape, input_gradient=True):
    """Make the buffers of one geometry; parameters of `convolution.convolution_work`."""
    parts, taps = min(batch, _PARTS), math.prod(weights_shape[1:])
    filters, together = weights_shape[0], max(1, min(weights_shape[0], _SUMS // math.prod(pool)))
    packed = backend.current().empty((-(-filters // together), taps, together), np.float32)
    partial = backend.current().empty((parts, filters, taps + 1), np.float32)
    return Geometry(tuple(stride), tuple(padding), (1, *pool), packed, partial)


def _pack_cuda(weights, packed):
    """Put the weights (filters, taps) of a group of filters beside each other; what is no filter is zero."""
    filters, taps, together = weights.shape[0], weights.shape[1], packed.shape[2]
    for place in range(cuda.grid(1), packed.size, cuda.gridsize(1)):
        rest, f = place // together, place % together
        g, tap = rest // taps, rest % taps
        f_at = g * together + f
        packed[g, tap, f] = weights[f_at, tap] if f_at < filters else np.float32(0.0)


_pack = Kernel(_pack_cuda, lambda weights, packed: each(packed.size))


@functools.cache
def _forward(pool: tuple[int, int, int], together: int) -> Kernel:
    """Make the forward pass for a size of pooling windows and of groups of filters, constants to the compiler."""
    high, wide = pool[1], pool[2]
    window = high * wide
    many = window * together

    def _convolve_cuda(x, packed, kernel, bias, slope, stride, padding, out, winner):
        sums = cuda.local.array(many, float32)
        planes, rows, columns = np.int32(out.shape[2]), np.int32(out.shape[3]), np.int32(out.shape[4])
        filters, groups = out.shape[1], packed.shape[0]
        for block in range(cuda.blockIdx.x, out.shape[0] * groups, cuda.gridDim.x):
            n, g = block // groups, block % groups
            q = g * together
            for place in range(cuda.threadIdx.x, planes * rows * columns, cuda.blockDim.x):
                rest = np.int32(place) // columns
                h, i, j = rest // rows, rest % rows, np.int32(place) - rest * columns
                for s in range(many):
                    sums[s] = np.float32(0.0)
                z_0 = h * stride[0] - padding[0]
                y_0, v_0 = i * high * stride[1] - padding[1], j * wide * stride[2] - padding[2]
                for c in range(x.shape[1]):
                    for z in range(max(0, -z_0), min(kernel[0], x.shape[2] - z_0)):
                        for y in range(kernel[1]):
                            tap = ((c * kernel[0] + z) * kernel[1] + y) * kernel[2]
                            for v in range(kernel[2]):
                                for a in range(high):
                                    for b in range(wide):
                                        y_at, v_at = y_0 + y + a * stride[1], v_0 + v + b * stride[2]
                                        value = np.float32(0.0)
                                        if 0 <= y_at < x.shape[3] and 0 <= v_at < x.shape[4]:
                                            value = x[n, c, z_0 + z, y_at, v_at]
                                        for f in range(together):
                                            s = (a * wide + b) * together + f
                                            sums[s] += value * packed[g, tap + v, f]
                for f in range(together):
                    best, which = sums[f], np.uint8(0)
                    for number in range(1, window):
                        value = sums[number * together + f]
                        # The first of equals, but a NaN before all, so that none is lost.
                        larger = (value > best) | (value != value)
                        best, which = value if larger else best, np.uint8(number) if larger else which
                    if q + f < filters:
                        out[n, q + f, h, i, j] = leaky(best + bias[q + f], slope)
                        winner[n, q + f, h, i, j] = which

    def grid(x, packed, *others):
        return block_each(x.shape[0] * packed.shape[0], _THREADS)

    return Kernel(_convolve_cuda, grid, outputs=2)


@functools.cache
def _weights_gradient(kernel: tuple[int, int, int], pool: tuple[int, int, int]) -> Kernel:
    """Make the gradient of the weights for a size of filters, a constant to the compiler.

    A block has a part of the batch, a filter, and of the taps of a channel some rows; its threads share the positions.
    """
    lines, wide = kernel[0] * kernel[1], kernel[2]
    together = max(1, min(lines, _TAPS // wide))  # lines of a filter that a thread sums at once
    groups, many = -(-lines // together), together * wide

    def _weights_gradient_cuda(x, slope, stride, padding, out, winner, gradient, partial):
        shared = cuda.shared.array(_THREADS, float32)
        sums = cuda.local.array(many, float32)
        parts, filters, channels = partial.shape[0], partial.shape[1], x.shape[1]
        size = (out.shape[0] + parts - 1) // parts
        rows, columns = np.int32(out.shape[3]), np.int32(out.shape[4])
        positions = np.int32(out.shape[2]) * rows * columns
        for block in range(cuda.blockIdx.x, parts * filters * channels * groups, cuda.gridDim.x):
            rest, first = block // groups, block % groups * together
            rest, c = rest // channels, rest % channels
            part, f = rest // filters, rest % filters
            for t in range(many):
                sums[t] = np.float32(0.0)
            of_bias = np.float32(0.0)
            for n in range(part * size, min(out.shape[0], (part + 1) * size)):
                for place in range(cuda.threadIdx.x, positions, cuda.blockDim.x):
                    line = np.int32(place) // columns
                    h, i, j = line // rows, line % rows, np.int32(place) - line * columns
                    value = gradient[n, f, h, i, j] * leaky_slope(out[n, f, h, i, j], slope)
                    of_bias += value
                    won = np.int32(winner[n, f, h, i, j])
                    z_0 = h * stride[0] - padding[0]
                    y_0 = (i * pool[1] + won // pool[2]) * stride[1] - padding[1]
                    v_0 = (j * pool[2] + won % pool[2]) * stride[2] - padding[2]
                    for t in range(together):
                        z_at, y_at = z_0 + (first + t) // kernel[1], y_0 + (first + t) % kernel[1]
                        if first + t < lines and 0 <= z_at < x.shape[2] and 0 <= y_at < x.shape[3]:
                            for v in range(wide):
                                if 0 <= v_0 + v < x.shape[4]:
                                    sums[t * wide + v] += value * x[n, c, z_at, y_at, v_0 + v]
            for t in range(many):
                total = block_sum(sums[t], shared)
                if cuda.threadIdx.x == 0 and first * wide + t < lines * wide:
                    partial[part, f, (c * lines + first) * wide + t] = total
            of_bias = block_sum(of_bias, shared)
            if cuda.threadIdx.x == 0 and c == 0 and first == 0:
                partial[part, f, partial.shape[2] - 1] = of_bias

    def grid(x, *others):
        partial = others[-1]
        return block_each(partial.shape[0] * partial.shape[1] * x.shape[1] * groups, _THREADS)

    return Kernel(_weights_gradient_cuda, grid)


def _accumulate_cuda(partial, scale, keep, gradient_weights, gradient_bias):
    filters, taps = gradient_weights.shape
    for place in range(cuda.grid(1), filters * (taps + 1), cuda.gridsize(1)):
        f, tap = place // (taps + 1), place % (taps + 1)
        total = np.float32(0.0)
        for part in range(partial.shape[0]):
            total += partial[part, f, tap]
        if tap < taps:
            gradient_weights[f, tap] = scale[0] * total + still(keep, gradient_weights[f, tap])
        else:
            gradient_bias[f] = scale[0] * total + still(keep, gradient_bias[f])


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
    _pack(weights.reshape(weights.shape[0], -1), work.packed)
    kernel, size = _forward(work.pool, work.packed.shape[2]), tuple(weights.shape[2:])
    kernel(x, work.packed, size, bias, np.float32(slope), work.stride, work.padding, out, winner)


def convolve_backward(
    x, weights, slope, work, out, winner, gradient, scale, keep, gradient_weights, gradient_bias, gradient_in
):
    """See `convolution.convolve_backward`."""
    kernel = _weights_gradient(tuple(weights.shape[2:]), work.pool)
    kernel(x, np.float32(slope), work.stride, work.padding, out, winner, gradient, work.partial)
    kept = gradient_weights.reshape(len(weights), -1), gradient_bias
    _accumulate(work.partial, single(scale), np.float32(keep), *kept)
    if gradient_in is not None:
        where = (work.stride, work.padding, work.pool, out, winner, gradient)
        _input_gradient(weights, np.float32(slope), *where, gradient_in)
