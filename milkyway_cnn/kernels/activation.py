"""Bias and leaky ReLU of dense layers (``y = z`` above zero, ``slope * z`` elsewhere); logistic and softmax.

Slope 1 is the linear layer and slope 0 the ReLU. The derivative is read from the sign of the output, which has
the sign of the input; at zero it is `slope`.
"""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels._twin import Twin, block_each, block_sum, body, cuda, each, float32, loop, prange, single
from milkyway_cnn.kernels.lift import still

__all__ = [
    "activate",
    "activate_backward",
    "leaky",
    "leaky_relu",
    "leaky_relu_backward",
    "leaky_slope",
    "logistic",
    "logistic_backward",
    "softmax",
    "softmax_backward",
]

#: Columns that one thread has at a time: the order of a sum does not depend on how many threads there are.
_COLUMNS = 64
#: Threads of a block for CUDA that sums.
_THREADS = 128


def _of_rows(x, *others):
    """Grid of a block a row: the place in it needs no division, which costs a card more than all else here."""
    return block_each(x.shape[0], _THREADS)


@body
def leaky(z, slope):
    """Leaky ReLU."""
    return z if z > np.float32(0.0) else slope * z


@body
def leaky_slope(y, slope):
    """Give the derivative of the leaky ReLU, from its output."""
    return np.float32(1.0) if y > np.float32(0.0) else slope


@body
def _activate_columns(z, bias, slope, y):
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            y[n, i] = leaky(z[i, n] + bias[i], slope)


@loop
def _activate_cpu(z, bias, slope, y):
    for block in prange((y.shape[1] + _COLUMNS - 1) // _COLUMNS):
        i, j = block * _COLUMNS, (block + 1) * _COLUMNS
        _activate_columns(z[i:j], bias[i:j], slope, y[:, i:j])


def _activate_cuda(z, bias, slope, y):
    for n in range(cuda.blockIdx.x, y.shape[0], cuda.gridDim.x):
        for i in range(cuda.threadIdx.x, y.shape[1], cuda.blockDim.x):
            y[n, i] = leaky(z[i, n] + bias[i], slope)


_activate = Twin(_activate_cpu, _activate_cuda, lambda z, bias, slope, y: _of_rows(y))


@body
def _activate_backward_columns(y, slope, scale, keep, gradient, gradient_bias):
    for i in range(y.shape[1]):
        gradient_bias[i] *= keep
    for n in range(y.shape[0]):
        own, sign = gradient[n], y[n]
        for i in range(own.size):
            value = own[i] * leaky_slope(sign[i], slope)
            own[i] = value
            gradient_bias[i] += scale * value


@loop
def _activate_backward_cpu(y, slope, scale, keep, gradient, gradient_bias):
    for block in prange((y.shape[1] + _COLUMNS - 1) // _COLUMNS):
        i, j = block * _COLUMNS, (block + 1) * _COLUMNS
        _activate_backward_columns(y[:, i:j], slope, scale, keep, gradient[:, i:j], gradient_bias[i:j])


def _activate_backward_cuda(y, slope, scale, keep, gradient, gradient_bias):
    shared = cuda.shared.array(_THREADS, float32)
    for i in range(cuda.blockIdx.x, y.shape[1], cuda.gridDim.x):
        total = np.float32(0.0)
        for n in range(cuda.threadIdx.x, y.shape[0], cuda.blockDim.x):
            value = gradient[n, i] * leaky_slope(y[n, i], slope)
            gradient[n, i] = value
            total += value
        total = block_sum(total, shared)
        if cuda.threadIdx.x == 0:
            gradient_bias[i] = scale[0] * total + still(keep, gradient_bias[i])


_activate_backward = Twin(
    _activate_backward_cpu, _activate_backward_cuda, lambda y, *others: block_each(y.shape[1], _THREADS), outputs=2
)


@body
def _activate_row(z, bias, slope):
    for n in range(z.size):
        z[n] = leaky(z[n] + bias, slope)


@loop
def _activate_rows_cpu(bias, slope, z):
    for i in prange(z.shape[0]):
        _activate_row(z[i], bias[i], slope)


def _activate_rows_cuda(bias, slope, z):
    for i in range(cuda.blockIdx.x, z.shape[0], cuda.gridDim.x):
        for n in range(cuda.threadIdx.x, z.shape[1], cuda.blockDim.x):
            z[i, n] = leaky(z[i, n] + bias[i], slope)


_activate_rows = Twin(_activate_rows_cpu, _activate_rows_cuda, lambda bias, slope, z: _of_rows(z))


@body
def _activate_row_backward(y, slope, gradient):
    total = np.float32(0.0)
    for n in range(y.size):
        gradient[n] *= leaky_slope(y[n], slope)
        total += gradient[n]
    return total


@loop
def _activate_rows_backward_cpu(y, slope, scale, keep, gradient, gradient_bias):
    for i in prange(y.shape[0]):
        gradient_bias[i] = scale * _activate_row_backward(y[i], slope, gradient[i]) + keep * gradient_bias[i]


def _activate_rows_backward_cuda(y, slope, scale, keep, gradient, gradient_bias):
    shared = cuda.shared.array(_THREADS, float32)
    for i in range(cuda.blockIdx.x, y.shape[0], cuda.gridDim.x):
        total = np.float32(0.0)
        for n in range(cuda.threadIdx.x, y.shape[1], cuda.blockDim.x):
            value = gradient[i, n] * leaky_slope(y[i, n], slope)
            gradient[i, n] = value
            total += value
        total = block_sum(total, shared)
        if cuda.threadIdx.x == 0:
            gradient_bias[i] = scale[0] * total + still(keep, gradient_bias[i])


_activate_rows_backward = Twin(
    _activate_rows_backward_cpu,
    _activate_rows_backward_cuda,
    lambda y, *others: block_each(y.shape[0], _THREADS),
    outputs=2,
)


@body
def _logistic_of(x):
    return np.float32(1.0) / (np.float32(1.0) + math.exp(-x))


@loop
def _logistic_cpu(x, out):
    for n in prange(x.shape[0]):
        for i in range(x.shape[1]):
            out[n, i] = _logistic_of(x[n, i])


def _logistic_cuda(x, out):
    for n in range(cuda.blockIdx.x, x.shape[0], cuda.gridDim.x):
        for i in range(cuda.threadIdx.x, x.shape[1], cuda.blockDim.x):
            out[n, i] = _logistic_of(x[n, i])


_logistic = Twin(_logistic_cpu, _logistic_cuda, _of_rows)


@loop
def _logistic_backward_cpu(y, gradient, gradient_in):
    for n in prange(y.shape[0]):
        for i in range(y.shape[1]):
            gradient_in[n, i] = gradient[n, i] * y[n, i] * (np.float32(1.0) - y[n, i])


def _logistic_backward_cuda(y, gradient, gradient_in):
    for n in range(cuda.blockIdx.x, y.shape[0], cuda.gridDim.x):
        for i in range(cuda.threadIdx.x, y.shape[1], cuda.blockDim.x):
            gradient_in[n, i] = gradient[n, i] * y[n, i] * (np.float32(1.0) - y[n, i])


_logistic_backward = Twin(_logistic_backward_cpu, _logistic_backward_cuda, _of_rows)


@body
def _softmax_of(n, x, out):
    largest = x[n, 0]
    for i in range(1, x.shape[1]):
        largest = max(largest, x[n, i])
    total = np.float32(0.0)
    for i in range(x.shape[1]):
        out[n, i] = math.exp(x[n, i] - largest)
        total += out[n, i]
    for i in range(x.shape[1]):
        out[n, i] /= total


@loop
def _softmax_cpu(x, out):
    for n in prange(x.shape[0]):
        _softmax_of(n, x, out)


def _softmax_cuda(x, out):
    for n in range(cuda.grid(1), x.shape[0], cuda.gridsize(1)):
        _softmax_of(n, x, out)


_softmax = Twin(_softmax_cpu, _softmax_cuda, lambda x, out: each(x.shape[0]))


@body
def _softmax_backward_of(n, y, gradient, gradient_in):
    mean = np.float32(0.0)
    for i in range(y.shape[1]):
        mean += y[n, i] * gradient[n, i]
    for i in range(y.shape[1]):
        gradient_in[n, i] = y[n, i] * (gradient[n, i] - mean)


@loop
def _softmax_backward_cpu(y, gradient, gradient_in):
    for n in prange(y.shape[0]):
        _softmax_backward_of(n, y, gradient, gradient_in)


def _softmax_backward_cuda(y, gradient, gradient_in):
    for n in range(cuda.grid(1), y.shape[0], cuda.gridsize(1)):
        _softmax_backward_of(n, y, gradient, gradient_in)


_softmax_backward = Twin(_softmax_backward_cpu, _softmax_backward_cuda, lambda y, *others: each(y.shape[0]))


def activate(z, bias, slope, y):
    """``y = leaky(z.T + bias)``: (width, n), (width,) -> (n, width), for products come out faster that way around.

    `y` may be ``z.T`` itself.
    """
    if y.flags.c_contiguous:
        _activate(z, bias, np.float32(slope), y)
    else:
        _activate_rows(bias, np.float32(slope), z)


def activate_backward(y, slope, scale, keep, gradient, gradient_bias):
    """Turn the gradient of the output y into that of ``x @ weights``, in place, and accumulate that of the bias.

    ``gradient_bias = scale * sum over n of gradient + keep * gradient_bias``. Both arrays are in C's or both in
    Fortran's order.
    """
    arguments = (np.float32(slope), single(scale), np.float32(keep))
    if y.flags.c_contiguous:
        _activate_backward(y, *arguments, gradient, gradient_bias)
    else:
        _activate_rows_backward(y.T, *arguments, gradient.T, gradient_bias)


def logistic(x, out):
    """``out = 1 / (1 + exp(-x))``: (n, width) -> (n, width)."""
    _logistic(x, out)


def logistic_backward(y, gradient, gradient_in):
    """Gradient of `logistic`, from its output y."""
    _logistic_backward(y, gradient, gradient_in)


def softmax(x, out):
    """``out_i = exp(x_i) / sum over j of exp(x_j)``: (n, width) -> (n, width)."""
    _softmax(x, out)


def softmax_backward(y, gradient, gradient_in):
    """Gradient of `softmax`, from its output y."""
    _softmax_backward(y, gradient, gradient_in)


@loop
def _leaky_relu_cpu(x, slope, out):
    for n in prange(x.shape[0]):
        for i in range(x.shape[1]):
            out[n, i] = leaky(x[n, i], slope)


def _leaky_relu_cuda(x, slope, out):
    for n in range(cuda.blockIdx.x, x.shape[0], cuda.gridDim.x):
        for i in range(cuda.threadIdx.x, x.shape[1], cuda.blockDim.x):
            out[n, i] = leaky(x[n, i], slope)


_leaky_relu = Twin(_leaky_relu_cpu, _leaky_relu_cuda, _of_rows)


@loop
def _leaky_relu_backward_cpu(y, slope, gradient, gradient_in):
    for n in prange(y.shape[0]):
        for i in range(y.shape[1]):
            gradient_in[n, i] = gradient[n, i] * leaky_slope(y[n, i], slope)


def _leaky_relu_backward_cuda(y, slope, gradient, gradient_in):
    for n in range(cuda.blockIdx.x, y.shape[0], cuda.gridDim.x):
        for i in range(cuda.threadIdx.x, y.shape[1], cuda.blockDim.x):
            gradient_in[n, i] = gradient[n, i] * leaky_slope(y[n, i], slope)


_leaky_relu_backward = Twin(_leaky_relu_backward_cpu, _leaky_relu_backward_cuda, _of_rows)


def leaky_relu(x, slope, out):
    """``out = x`` above zero, ``slope * x`` elsewhere; both (n, numbers) float32."""
    _leaky_relu(x, np.float32(slope), out)


def leaky_relu_backward(y, slope, gradient, gradient_in):
    """Gradient of `leaky_relu`, from its output."""
    _leaky_relu_backward(y, np.float32(slope), gradient, gradient_in)
