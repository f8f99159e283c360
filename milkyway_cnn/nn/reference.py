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


def multiply(a, b, out, scale=1.0, keep=0.0):
    """``out = scale * a @ b + keep * out``."""
    out[...] = scale * (a @ b) + (keep * out if keep else 0)


def activate(z, bias, slope, y):
    """``y = leaky(z.T + bias)``."""
    y[...] = z.T + bias
    y[...] = np.where(y > 0, y, slope * y)


def activate_backward(y, slope, scale, keep, gradient, gradient_bias):
    """Gradients of `activate`."""
    gradient *= np.where(y > 0, 1, slope).astype(gradient.dtype)
    gradient_bias[...] = scale * gradient.sum(axis=0) + keep * gradient_bias


def convolution_work(batch, shape, weights_shape, stride, padding, pool, out_shape, input_gradient=True):
    """Geometry of a convolution; no buffers."""
    return stride, padding, pool


def _windows(x, weights, work):
    """Windows (n, channels, planes', rows', columns', *kernel) of the padded images, as many as pooling uses."""
    stride, padding, (high, wide) = work
    padded = np.pad(x, ((0, 0), (0, 0), *((pad, pad) for pad in padding)))
    windows = sliding_window_view(padded, weights.shape[2:], axis=(2, 3, 4))
    windows = windows[:, :, :: stride[0], :: stride[1], :: stride[2]]
    return windows[:, :, :, : windows.shape[3] // high * high, : windows.shape[4] // wide * wide]


def convolve(x, weights, bias, slope, work, out, winner):
    """Convolution, bias, leaky ReLU, max pooling."""
    z = np.einsum("nczyxwuv,fcwuv->nfzyx", _windows(x, weights, work), weights, optimize=True)
    max_pool(z + bias[:, None, None, None], (1, *work[2]), out, winner)
    out[...] = np.where(out > 0, out, slope * out)


def convolve_backward(
    x, weights, slope, work, out, winner, gradient, scale, keep, gradient_weights, gradient_bias, gradient_in
):
    """Gradients of `convolve`."""
    stride, padding, pool = work
    windows = _windows(x, weights, work)
    delta = np.zeros((*out.shape[:2], *windows.shape[2:5]), out.dtype)
    max_pool_backward(gradient * np.where(out > 0, 1, slope).astype(out.dtype), winner, (1, *pool), delta)
    gradient_bias[...] = scale * delta.sum(axis=(0, 2, 3, 4)) + keep * gradient_bias
    product = np.einsum("nczyxwuv,nfzyx->fcwuv", windows, delta, optimize=True)
    gradient_weights[...] = scale * product + keep * gradient_weights
    if gradient_in is None:
        return
    padded = np.pad(np.zeros_like(x), ((0, 0), (0, 0), *((pad, pad) for pad in padding)))
    for tap in np.ndindex(weights.shape[2:]):
        part = np.einsum("nfzyx,fc->nczyx", delta, weights[:, :, *tap], optimize=True)
        axes = zip(tap, delta.shape[2:], stride, strict=True)
        padded[:, :, *(slice(begin, begin + count * step, step) for begin, count, step in axes)] += part
    first, top, left = padding
    planes, rows, columns = x.shape[2:]
    gradient_in[...] = padded[:, :, first : first + planes, top : top + rows, left : left + columns]


def _pools(x, size, out):
    """Windows (*out.shape, numbers) of x."""
    cut = x[:, :, *(slice(count * step) for count, step in zip(out.shape[2:], size, strict=True))]
    pairs = [n for pair in zip(out.shape[2:], size, strict=True) for n in pair]
    return cut.reshape(*out.shape[:2], *pairs).transpose(0, 1, 2, 4, 6, 3, 5, 7).reshape(*out.shape, -1)


def max_pool(x, size, out, winner):
    """Maximum over windows."""
    windows = _pools(x, size, out)
    winner[...] = windows.argmax(axis=-1)
    out[...] = windows.max(axis=-1)


def max_pool_backward(gradient, winner, size, gradient_in):
    """Gradient of `max_pool`."""
    gradient_in[...] = 0
    n, c, *corner = np.indices(gradient.shape)
    inner = np.unravel_index(winner, size)
    gradient_in[n, c, *(i * step + k for i, step, k in zip(corner, size, inner, strict=True))] = gradient


def average_pool(x, size, out):
    """Mean over windows."""
    out[...] = _pools(x, size, out).mean(axis=-1)


def average_pool_backward(gradient, size, gradient_in):
    """Gradient of `average_pool`."""
    gradient_in[...] = 0
    for inner in np.ndindex(*size):
        axes = zip(inner, gradient.shape[2:], size, strict=True)
        gradient_in[:, :, *(slice(k, k + count * step, step) for k, count, step in axes)] = gradient / np.prod(size)


def dropout(x, rate, key, first, shared, out):
    """Dropout by the counter-based draws of `milkyway_cnn.kernels.draws`."""
    numbers = np.zeros(len(x), np.uint64) if shared else np.arange(first, first + len(x), dtype=np.uint64)
    counter = (numbers[:, None] * np.uint64(x[0].size) + np.arange(x[0].size, dtype=np.uint64)).reshape(x.shape)
    z = _mix(np.full(x.shape, key, np.uint64) + counter * np.uint64(0x9E3779B97F4A7C15))
    uniform = ((z >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-24)
    factor = np.float32(1) / (np.float32(1) - np.float32(rate))
    out[...] = np.where(uniform >= np.float32(rate), x * factor, np.float32(0))


def logistic(x, out):
    """``out = 1 / (1 + exp(-x))``."""
    with np.errstate(over="ignore"):
        out[...] = 1 / (1 + np.exp(-x))


def logistic_backward(y, gradient, gradient_in):
    """Gradient of `logistic`."""
    gradient_in[...] = gradient * y * (1 - y)


def softmax(x, out):
    """``out_i = exp(x_i) / sum over j of exp(x_j)``."""
    out[...] = np.exp(x - x.max(axis=1, keepdims=True))
    out /= out.sum(axis=1, keepdims=True)


def softmax_backward(y, gradient, gradient_in):
    """Gradient of `softmax`."""
    gradient_in[...] = y * (gradient - (y * gradient).sum(axis=1, keepdims=True))


def group_normalize(x, gain, offset, epsilon, mean, inverse, out):
    """Group normalization."""
    parts = x.reshape(*mean.shape, -1)
    mean[...] = parts.mean(axis=-1)
    inverse[...] = 1 / np.sqrt(parts.var(axis=-1) + epsilon)
    normal = ((parts - mean[..., None]) * inverse[..., None]).reshape(x.shape)
    gain, offset = (np.repeat(values, x.shape[1] // values.size)[:, None] for values in (gain, offset))
    out[...] = gain * normal + offset


def group_normalize_backward(
    x, gain, mean, inverse, gradient, scale, keep, gradient_gain, gradient_offset, gradient_in
):
    """Gradients of `group_normalize`."""
    parts = x.reshape(*mean.shape, -1)
    normal = (parts - mean[..., None]) * inverse[..., None]
    for kept, new in ((gradient_gain, gradient * normal.reshape(x.shape)), (gradient_offset, gradient)):
        kept[...] = scale * new.sum(axis=(0, 2)).reshape(gain.size, -1).sum(axis=1) + keep * kept
    inner = (gradient * np.repeat(gain, x.shape[1] // gain.size)[:, None]).reshape(parts.shape)
    free = inner - inner.mean(axis=-1, keepdims=True) - normal * (inner * normal).mean(axis=-1, keepdims=True)
    gradient_in[...] = (inverse[..., None] * free).reshape(x.shape)


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


def absolute_error(output, target, weights, each, gradient):
    """Absolute error."""
    error = (output - target).astype(float)
    each[...] = (weights * np.abs(error)).mean(axis=1)
    gradient[...] = weights * np.sign(error) / output.size


def gaussian_nll(output, target, weights, each, gradient):
    """Negative logarithm of a Gaussian's density, without its constant."""
    mean, log_variance = np.split(output.astype(float), 2, axis=1)
    error, inverse = mean - target, np.exp(-log_variance)
    each[...] = (0.5 * weights * (log_variance + error**2 * inverse)).mean(axis=1)
    slopes = [error * inverse, 0.5 * (1 - error**2 * inverse)]
    gradient[...] = np.concatenate([weights * slope / target.size for slope in slopes], axis=1)


def cross_entropy(output, target, weights, each, gradient):
    """Cross-entropy of probabilities."""
    safe = np.maximum(output, np.float32(1e-37)).astype(float)
    each[...] = -(weights * target * np.log(safe)).sum(axis=1)
    gradient[...] = -weights * target / safe / len(output)


def velocity(gradient, scale, keep, moment):
    """``moment = keep * moment + scale * gradient``."""
    moment[...] = keep * moment + scale * gradient


def momentum(moment, factor, decay, rescale, value):
    """``v = factor * moment - decay * value``, ``value += v``, ``moment = rescale * v`` unless that is None."""
    moved = factor * moment - decay * value
    value += moved
    if rescale is not None:
        moment[...] = rescale * moved


def adamw(gradient, scale, rate, betas, epsilon, decay, step, moments, value):
    """One step of AdamW."""
    for moment, beta, power in zip(moments, betas, (1, 2), strict=True):
        moment[...] = beta * moment + (1 - beta) * (scale * gradient) ** power
    first, second = (moment / (1 - beta**step) for moment, beta in zip(moments, betas, strict=True))
    value -= rate * first / (np.sqrt(second) + epsilon) + decay * value


def square_sum(x):
    """Sum of squares, a float."""
    return float((x.astype(float) ** 2).sum())
