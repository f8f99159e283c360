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


def _windows(x, size, stride, padding, outside=0):
    """Windows (n, channels, planes', rows', columns', *size) of images with numbers from `outside` around them."""
    padded = np.pad(x, ((0, 0), (0, 0), *((pad, pad) for pad in padding)), constant_values=outside)
    windows = sliding_window_view(padded, size, axis=(2, 3, 4))
    return windows[:, :, :: stride[0], :: stride[1], :: stride[2]]


def _add_windows(parts, size, stride, padding, gradient_in):
    """Sum into images, without what is around them, what `parts` gives for each number of a window."""
    padded = np.pad(np.zeros_like(gradient_in), ((0, 0), (0, 0), *((pad, pad) for pad in padding)))
    for tap in np.ndindex(*size):
        part = parts(tap)
        axes = zip(tap, part.shape[2:], stride, strict=True)
        padded[:, :, *(slice(begin, begin + count * step, step) for begin, count, step in axes)] += part
    inner = (slice(pad, pad + count) for pad, count in zip(padding, gradient_in.shape[2:], strict=True))
    gradient_in[...] = padded[:, :, *inner]


def _pooled_windows(x, weights, work):
    """Windows of a convolution, as many as its pooling uses."""
    stride, padding, (high, wide) = work
    windows = _windows(x, weights.shape[2:], stride, padding)
    return windows[:, :, :, : windows.shape[3] // high * high, : windows.shape[4] // wide * wide]


def convolve(x, weights, bias, slope, work, out, winner):
    """Convolution, bias, leaky ReLU, max pooling."""
    pool = (1, *work[2])
    z = np.einsum("nczyxwuv,fcwuv->nfzyx", _pooled_windows(x, weights, work), weights, optimize=True)
    windows = _windows(z + bias[:, None, None, None], pool, pool, (0, 0, 0)).reshape(*out.shape, -1)
    winner[...] = windows.argmax(axis=-1)
    out[...] = windows.max(axis=-1)
    out[...] = np.where(out > 0, out, slope * out)


def convolve_backward(
    x, weights, slope, work, out, winner, gradient, scale, keep, gradient_weights, gradient_bias, gradient_in
):
    """Gradients of `convolve`."""
    stride, padding, pool = work
    windows = _pooled_windows(x, weights, work)
    delta = np.zeros((*out.shape[:2], *windows.shape[2:5]), out.dtype)
    n, c, *corner = np.indices(out.shape)
    inner = np.unravel_index(winner, (1, *pool))
    places = (i * step + k for i, step, k in zip(corner, (1, *pool), inner, strict=True))
    delta[n, c, *places] = gradient * np.where(out > 0, 1, slope).astype(out.dtype)
    gradient_bias[...] = scale * delta.sum(axis=(0, 2, 3, 4)) + keep * gradient_bias
    product = np.einsum("nczyxwuv,nfzyx->fcwuv", windows, delta, optimize=True)
    gradient_weights[...] = scale * product + keep * gradient_weights
    if gradient_in is not None:

        def part(tap):
            return np.einsum("nfzyx,fc->nczyx", delta, weights[:, :, *tap], optimize=True)

        _add_windows(part, weights.shape[2:], stride, padding, gradient_in)


def max_pool(x, size, stride, padding, out, winner):
    """Maximum over windows."""
    windows = _windows(x, size, stride, padding, -np.inf).reshape(*out.shape, -1)
    places = np.arange(x[0, 0].size).reshape(1, 1, *x.shape[2:])
    places = _windows(places, size, stride, padding).reshape(1, 1, *windows.shape[2:])
    number = windows.argmax(axis=-1)[..., None]
    winner[...] = np.take_along_axis(np.broadcast_to(places, windows.shape), number, axis=-1)[..., 0]
    out[...] = windows.max(axis=-1)


def max_pool_backward(gradient, winner, gradient_in):
    """Gradient of `max_pool`."""
    gradient_in[...] = 0
    n, c, *_ = np.indices(gradient.shape)
    np.add.at(gradient_in.reshape(*gradient.shape[:2], -1), (n, c, winner), gradient)


def average_pool(x, size, stride, padding, out):
    """Mean over windows."""
    inside = _windows(np.ones_like(x), size, stride, padding)
    out[...] = _windows(x, size, stride, padding).sum(axis=(5, 6, 7)) / inside.sum(axis=(5, 6, 7))


def average_pool_backward(gradient, size, stride, padding, gradient_in):
    """Gradient of `average_pool`."""
    share = gradient / _windows(np.ones_like(gradient_in), size, stride, padding).sum(axis=(5, 6, 7))
    _add_windows(lambda tap: share, size, stride, padding, gradient_in)


def dropout(x, rate, key, first, shared, out):
    """Dropout by the counter-based draws of `milkyway_cnn.kernels.draws`."""
    keys = np.atleast_1d(np.asarray(key, np.uint64))
    parts = (np.split(values, keys.size) for values in (np.resize(x, out.shape), out))
    for own, values, made in zip(keys, *parts, strict=True):
        numbers = np.zeros(len(made), np.uint64) if shared else np.arange(first, first + len(made), dtype=np.uint64)
        places = np.arange(made[0].size, dtype=np.uint64)
        counter = (numbers[:, None] * np.uint64(places.size) + places).reshape(made.shape)
        z = _mix(np.full(made.shape, own, np.uint64) + counter * np.uint64(0x9E3779B97F4A7C15))
        uniform = ((z >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-24)
        factor = np.float32(1) / (np.float32(1) - np.float32(rate))
        made[...] = np.where(uniform >= np.float32(rate), values * factor, np.float32(0))


def logistic(x, out):
    """``out = 1 / (1 + exp(-x))``."""
    with np.errstate(over="ignore"):
        out[...] = 1 / (1 + np.exp(-x))


def logistic_backward(y, gradient, gradient_in):
    """Gradient of `logistic`."""
    gradient_in[...] = gradient * y * (1 - y)


def leaky_relu(x, slope, out):
    """``out = x`` above zero, ``slope * x`` elsewhere."""
    out[...] = np.where(x > 0, x, slope * x)


def leaky_relu_backward(y, slope, gradient, gradient_in):
    """Gradient of `leaky_relu`."""
    gradient_in[...] = gradient * np.where(y > 0, 1, slope)


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


def batch_statistics(x, epsilon, momentum, running_mean, running_variance, mean, inverse):
    """Mean and variance of channels over a batch."""
    mean[...] = x.mean(axis=(0, 2))
    inverse[...] = 1 / np.sqrt(x.var(axis=(0, 2)) + epsilon)
    for running, new in ((running_mean, x.mean(axis=(0, 2))), (running_variance, x.var(axis=(0, 2), ddof=1))):
        running[...] = (1 - momentum) * running + momentum * new


def running_statistics(running_mean, running_variance, epsilon, mean, inverse):
    """Mean and inverse standard deviation of channels over the batches of the past."""
    mean[...] = running_mean
    inverse[...] = 1 / np.sqrt(running_variance + epsilon)


def batch_normalize(x, gain, offset, mean, inverse, out):
    """Batch normalization."""
    gain, offset, mean, inverse = (values[:, None] for values in (gain, offset, mean, inverse))
    out[...] = gain * ((x - mean) * inverse) + offset


def batch_normalize_backward(
    x, gain, mean, inverse, share, gradient, scale, keep, gradient_gain, gradient_offset, gradient_in
):
    """Gradients of `batch_normalize`."""
    normal = (x - mean[:, None]) * inverse[:, None]
    along, whole = ((gradient * factor).sum(axis=(0, 2)) for factor in (normal, 1))
    for kept, new in ((gradient_gain, along), (gradient_offset, whole)):
        kept[...] = scale * new + keep * kept
    free = gradient - share * (whole[:, None] + normal * along[:, None])
    gradient_in[...] = (gain * inverse)[:, None] * free


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


def clipping(gradients, clip, scale=1.0, unit=1.0):
    """``scale / unit`` times what brings the norm of all gradients together down to `clip`, at most 1."""
    norm = np.sqrt(sum((x.astype(float) ** 2).sum() for x in gradients))
    return float(scale * min(1.0, clip / max(norm, 1e-300)) / unit)
