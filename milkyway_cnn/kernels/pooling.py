"""Pooling over windows of any size, stride and padding; what lies outside of the image counts nowhere.

Of equal maxima the first in reading order wins, and a NaN wins over all: its place in the image is kept for the
backward pass. A mean is taken over the numbers of a window that are in the image.
"""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._twin import Twin, body, cuda, each, loop, prange

__all__ = ["average_pool", "average_pool_backward", "max_pool", "max_pool_backward"]


@body
def _inside(i, size, stride, padding, count):
    """Find the numbers [begin, end) of an axis of `count` that are in window i."""
    begin = i * stride - padding
    return max(begin, 0), min(begin + size, count)


def _of_maps(gradient, *others):
    return each(gradient.shape[0])


@body
def _largest_of(m, w, i, j, x, size, stride, padding, out, winner):
    planes, rows, columns = x.shape[1], x.shape[2], x.shape[3]
    z_0, z_1 = _inside(w, size[0], stride[0], padding[0], planes)
    y_0, y_1 = _inside(i, size[1], stride[1], padding[1], rows)
    v_0, v_1 = _inside(j, size[2], stride[2], padding[2], columns)
    best, place = x[m, z_0, y_0, v_0], (z_0 * rows + y_0) * columns + v_0
    for z in range(z_0, z_1):
        for y in range(y_0, y_1):
            for v in range(v_0, v_1):
                value, here = x[m, z, y, v], (z * rows + y) * columns + v
                larger = (value > best) | (value != value)  # no branch: what is largest is chance
                best, place = value if larger else best, here if larger else place
    out[m, w, i, j] = best
    winner[m, w, i, j] = place


@loop
def _max_pool_cpu(x, size, stride, padding, out, winner):
    for m in prange(x.shape[0]):
        for w in range(out.shape[1]):
            for i in range(out.shape[2]):
                for j in range(out.shape[3]):
                    _largest_of(m, w, i, j, x, size, stride, padding, out, winner)


def _max_pool_cuda(x, size, stride, padding, out, winner):
    depth, height, width = out.shape[1], out.shape[2], out.shape[3]
    for number in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        rest, j = number // width, number % width
        rest, i = rest // height, rest % height
        _largest_of(rest // depth, rest % depth, i, j, x, size, stride, padding, out, winner)


_max_pool = Twin(_max_pool_cpu, _max_pool_cuda, lambda *arguments: each(arguments[-1].size), outputs=2)


@body
def _to_winners_of(m, gradient, winner, gradient_in):
    """Do one map, whose windows may overlap."""
    for i in range(gradient_in.shape[1]):
        gradient_in[m, i] = np.float32(0.0)
    for i in range(gradient.shape[1]):
        gradient_in[m, winner[m, i]] += gradient[m, i]


@loop
def _max_pool_backward_cpu(gradient, winner, gradient_in):
    for m in prange(gradient.shape[0]):
        _to_winners_of(m, gradient, winner, gradient_in)


def _max_pool_backward_cuda(gradient, winner, gradient_in):
    for m in range(cuda.grid(1), gradient.shape[0], cuda.gridsize(1)):
        _to_winners_of(m, gradient, winner, gradient_in)


_max_pool_backward = Twin(_max_pool_backward_cpu, _max_pool_backward_cuda, _of_maps)


@body
def _mean_of(m, w, i, j, x, size, stride, padding):
    z_0, z_1 = _inside(w, size[0], stride[0], padding[0], x.shape[1])
    y_0, y_1 = _inside(i, size[1], stride[1], padding[1], x.shape[2])
    v_0, v_1 = _inside(j, size[2], stride[2], padding[2], x.shape[3])
    total = np.float32(0.0)
    for z in range(z_0, z_1):
        for y in range(y_0, y_1):
            for v in range(v_0, v_1):
                total += x[m, z, y, v]
    return total / np.float32((z_1 - z_0) * (y_1 - y_0) * (v_1 - v_0))


@loop
def _average_pool_cpu(x, size, stride, padding, out):
    for m in prange(x.shape[0]):
        for w in range(out.shape[1]):
            for i in range(out.shape[2]):
                for j in range(out.shape[3]):
                    out[m, w, i, j] = _mean_of(m, w, i, j, x, size, stride, padding)


def _average_pool_cuda(x, size, stride, padding, out):
    depth, height, width = out.shape[1], out.shape[2], out.shape[3]
    for number in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        rest, j = number // width, number % width
        rest, i = rest // height, rest % height
        m, w = rest // depth, rest % depth
        out[m, w, i, j] = _mean_of(m, w, i, j, x, size, stride, padding)


_average_pool = Twin(_average_pool_cpu, _average_pool_cuda, lambda *arguments: each(arguments[-1].size))


@body
def _shared_among_of(m, gradient, size, stride, padding, gradient_in):
    """Do one map, whose windows may overlap."""
    for z in range(gradient_in.shape[1]):
        for y in range(gradient_in.shape[2]):
            for v in range(gradient_in.shape[3]):
                gradient_in[m, z, y, v] = np.float32(0.0)
    for w in range(gradient.shape[1]):
        z_0, z_1 = _inside(w, size[0], stride[0], padding[0], gradient_in.shape[1])
        for i in range(gradient.shape[2]):
            y_0, y_1 = _inside(i, size[1], stride[1], padding[1], gradient_in.shape[2])
            for j in range(gradient.shape[3]):
                v_0, v_1 = _inside(j, size[2], stride[2], padding[2], gradient_in.shape[3])
                share = gradient[m, w, i, j] / np.float32((z_1 - z_0) * (y_1 - y_0) * (v_1 - v_0))
                for z in range(z_0, z_1):
                    for y in range(y_0, y_1):
                        for v in range(v_0, v_1):
                            gradient_in[m, z, y, v] += share


@loop
def _average_pool_backward_cpu(gradient, size, stride, padding, gradient_in):
    for m in prange(gradient.shape[0]):
        _shared_among_of(m, gradient, size, stride, padding, gradient_in)


def _average_pool_backward_cuda(gradient, size, stride, padding, gradient_in):
    for m in range(cuda.grid(1), gradient.shape[0], cuda.gridsize(1)):
        _shared_among_of(m, gradient, size, stride, padding, gradient_in)


_average_pool_backward = Twin(_average_pool_backward_cpu, _average_pool_backward_cuda, _of_maps)


def _maps(array):
    """View (n, channels, planes, rows, columns) as (n * channels, planes, rows, columns)."""
    return array.reshape(-1, *array.shape[2:])


def _flat(array):
    """View (n, channels, planes, rows, columns) as (n * channels, numbers)."""
    return array.reshape(array.shape[0] * array.shape[1], -1)


def max_pool(x, size, stride, padding, out, winner):
    """Maximum over windows.

    Parameters
    ----------
    x : (n, channels, planes, rows, columns) float32
    size, stride, padding : (int, int, int)
        Sides of the windows, steps between them, and how far the first begins before the image, for planes, rows
        and columns; every window must have a number of the image.
    out, winner : (n, channels, planes', rows', columns') float32, int32
        Maxima, and their numbers in the image in reading order.
    """
    _max_pool(_maps(x), size, stride, padding, _maps(out), _maps(winner))


def max_pool_backward(gradient, winner, gradient_in):
    """Give each gradient of the output to the input that won; an input gets the sum of its windows'."""
    _max_pool_backward(_flat(gradient), _flat(winner), _flat(gradient_in))


def average_pool(x, size, stride, padding, out):
    """Mean over the numbers of each window that are in the image; shapes as in `max_pool`."""
    _average_pool(_maps(x), size, stride, padding, _maps(out))


def average_pool_backward(gradient, size, stride, padding, gradient_in):
    """Share each gradient of the output equally among the inputs of its window."""
    _average_pool_backward(_maps(gradient), size, stride, padding, _maps(gradient_in))
