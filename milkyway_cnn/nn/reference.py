"""The `reference` scheme: every operation in plain NumPy, as its formula reads.

Contracts are those of the functions of the same name in `milkyway_cnn.kernels`; nothing here is fast.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

FUNCTIONS = {"linear": np.positive, "sqrt": np.sqrt, "log1p": np.log1p}


def scale(x, function, factor, out):
    """``out = factor * function(x)``."""
    out[...] = factor * FUNCTIONS[function](x.astype(np.float32))


def multiply(a, b, out):
    """``out = a @ b``."""
    out[...] = a @ b


def multiply_transposed(a, b, out):
    """``out = a @ b.T``."""
    out[...] = a @ b.T


def accumulate(a, b, scale, keep, out):
    """``out = scale * a.T @ b + keep * out``."""
    out[...] = scale * (a.T @ b) + keep * out


def activate(y, bias, slope):
    """Bias and leaky ReLU, in place."""
    y += bias
    y[...] = np.where(y > 0, y, slope * y)


def activate_backward(y, slope, scale, keep, gradient, gradient_bias):
    """Gradients of `activate`."""
    gradient *= np.where(y > 0, 1, slope).astype(gradient.dtype)
    gradient_bias[...] = scale * gradient.sum(axis=0) + keep * gradient_bias


def convolution_work(batch, shape, weights_shape, stride, padding, pool, out_shape, input_gradient=True):
    """Geometry of a convolution; no buffers."""
    return stride, padding, pool


def _windows(x, weights, work):
    """Windows (n, channels, height', width', rows, columns) of the padded images, as many as pooling uses."""
    stride, (top, left), pool = work
    padded = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)))
    windows = sliding_window_view(padded, weights.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    height, width = windows.shape[2] // pool * pool, windows.shape[3] // pool * pool
    return windows[:, :, :height, :width]


def convolve(x, weights, bias, slope, work, out, winner):
    """Convolution, bias, leaky ReLU, max pooling."""
    z = np.einsum("ncyxuv,fcuv->nfyx", _windows(x, weights, work), weights, optimize=True) + bias[:, None, None]
    max_pool(z, work[2], out, winner)
    out[...] = np.where(out > 0, out, slope * out)


def convolve_backward(
    x, weights, slope, work, out, winner, gradient, scale, keep, gradient_weights, gradient_bias, gradient_in
):
    """Gradients of `convolve`."""
    stride, (top, left), pool = work
    windows = _windows(x, weights, work)
    delta = np.zeros((*out.shape[:2], *windows.shape[2:4]), out.dtype)
    max_pool_backward(gradient * np.where(out > 0, 1, slope).astype(out.dtype), winner, pool, delta)
    gradient_bias[...] = scale * delta.sum(axis=(0, 2, 3)) + keep * gradient_bias
    product = np.einsum("ncyxuv,nfyx->fcuv", windows, delta, optimize=True)
    gradient_weights[...] = scale * product + keep * gradient_weights
    if gradient_in is None:
        return
    n, channels, height, width = x.shape
    padded = np.zeros((n, channels, height + 2 * top, width + 2 * left), x.dtype)
    rows, columns = delta.shape[2:]
    for u in range(weights.shape[2]):
        for v in range(weights.shape[3]):
            part = np.einsum("nfyx,fc->ncyx", delta, weights[:, :, u, v], optimize=True)
            padded[:, :, u : u + rows * stride : stride, v : v + columns * stride : stride] += part
    gradient_in[...] = padded[:, :, top : top + height, left : left + width]


def max_pool(x, size, out, winner):
    """Maximum over windows of size x size."""
    n, channels, height, width = out.shape
    windows = x[:, :, : height * size, : width * size].reshape(n, channels, height, size, width, size)
    windows = windows.transpose(0, 1, 2, 4, 3, 5).reshape(*out.shape, size * size)
    winner[...] = windows.argmax(axis=-1)
    out[...] = windows.max(axis=-1)


def max_pool_backward(gradient, winner, size, gradient_in):
    """Gradient of `max_pool`."""
    gradient_in[...] = 0
    n, c, i, j = np.indices(gradient.shape)
    gradient_in[n, c, i * size + winner // size, j * size + winner % size] = gradient


def dropout(x, rate, key, first, out):
    """Dropout by the counter-based draws of `milkyway_cnn.kernels.draws`."""
    width = x[0].size
    counter = (np.arange(len(x) * width, dtype=np.uint64) + np.uint64(first * width)).reshape(x.shape)
    z = _mix(np.full(x.shape, key, np.uint64) + counter * np.uint64(0x9E3779B97F4A7C15))
    uniform = ((z >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-24)
    factor = np.float32(1) / (np.float32(1) - np.float32(rate))
    out[...] = np.where(uniform >= np.float32(rate), x * factor, np.float32(0))


def _mix(z):
    """Output function of SplitMix64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def squared_error(output, target, weights, cumulative, each, gradient):
    """Squared error of outputs and of their running sums."""
    error = (output - target).astype(float)
    total = error.cumsum(axis=1)
    each[...] = (weights * (error**2 + cumulative * total**2)).mean(axis=1)
    beyond = (weights * total)[:, ::-1].cumsum(axis=1)[:, ::-1]
    gradient[...] = 2 / output.size * (weights * error + cumulative * beyond)


def velocity(gradient, scale, keep, moment):
    """``moment = keep * moment + scale * gradient``."""
    moment[...] = keep * moment + scale * gradient


def momentum(moment, decay, value):
    """``moment -= decay * value``, then ``value += moment``."""
    moment -= np.float32(decay) * value
    value += moment


def adamw(gradient, scale, rate, betas, epsilon, decay, step, moments, value):
    """One step of AdamW."""
    for moment, beta, power in zip(moments, betas, (1, 2), strict=True):
        moment[...] = beta * moment + (1 - beta) * (scale * gradient) ** power
    first, second = (moment / (1 - beta**step) for moment, beta in zip(moments, betas, strict=True))
    value -= rate * first / (np.sqrt(second) + epsilon) + decay * value


def square_sum(x):
    """Sum of squares, a float."""
    return float((x.astype(float) ** 2).sum())
