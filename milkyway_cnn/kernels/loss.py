"""Losses and their gradients, one value for each example.

Weights have one row or one for each example, and one column or one for each output: (1, 1) is the same for all.
"""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels._twin import Twin, body, cuda, each, loop, prange

__all__ = ["absolute_error", "cross_entropy", "gaussian_nll", "squared_error"]

#: Least probability that a cross-entropy sees: its inverse is still a float32.
_LEAST = np.float32(1e-37)


@body
def _weight(weights, n, i):
    """Read the weight of output i of example n."""
    row = np.int64(n) if weights.shape[0] > 1 else np.int64(0)
    return weights[row, i if weights.shape[1] > 1 else 0]


def _of_examples(output, *others):
    """Grid of a thread an example, few in a block, for there may be fewer examples than a card has threads."""
    return each(output.shape[0], threads=32)


@body
def _squared_error_of(n, output, target, weights, cumulative, each, gradient):
    outputs = output.shape[1]
    per_output = np.float32(1.0) / np.float32(outputs)
    per_value = np.float32(2.0) / np.float32(output.size)
    value = 0.0
    total = np.float32(0.0)
    for i in range(outputs):
        error = output[n, i] - target[n, i]
        total += error
        value += _weight(weights, n, i) * (error * error + cumulative * total * total)
        gradient[n, i] = _weight(weights, n, i) * total
    each[n] = value * per_output
    # An output enters every sum from its own place on: the gradient sums from the far end.
    beyond = np.float32(0.0)
    for k in range(outputs):
        i = outputs - 1 - k
        beyond += gradient[n, i]
        error = output[n, i] - target[n, i]
        gradient[n, i] = per_value * (_weight(weights, n, i) * error + cumulative * beyond)


@loop
def _squared_error_cpu(output, target, weights, cumulative, each, gradient):
    for n in prange(output.shape[0]):
        _squared_error_of(n, output, target, weights, cumulative, each, gradient)


def _squared_error_cuda(output, target, weights, cumulative, each, gradient):
    for n in range(cuda.grid(1), output.shape[0], cuda.gridsize(1)):
        _squared_error_of(n, output, target, weights, cumulative, each, gradient)


_squared_error = Twin(_squared_error_cpu, _squared_error_cuda, _of_examples, outputs=2)


@body(error_model="numpy")
def _absolute_error_of(n, output, target, weights, each, gradient):
    outputs = output.shape[1]
    per_value = np.float32(1.0) / np.float32(output.size)
    value = 0.0
    for i in range(outputs):
        error = output[n, i] - target[n, i]
        weight = _weight(weights, n, i)
        value += weight * abs(error)
        sign = error / abs(error) if error != np.float32(0.0) else error  # Numba has no np.sign for CUDA
        gradient[n, i] = per_value * weight * sign
    each[n] = value / outputs


@loop
def _absolute_error_cpu(output, target, weights, each, gradient):
    for n in prange(output.shape[0]):
        _absolute_error_of(n, output, target, weights, each, gradient)


def _absolute_error_cuda(output, target, weights, each, gradient):
    for n in range(cuda.grid(1), output.shape[0], cuda.gridsize(1)):
        _absolute_error_of(n, output, target, weights, each, gradient)


_absolute_error = Twin(_absolute_error_cpu, _absolute_error_cuda, _of_examples, outputs=2)


@body
def _gaussian_nll_of(n, output, target, weights, each, gradient):
    outputs = target.shape[1]
    per_value = np.float32(1.0) / np.float32(target.size)
    half = np.float32(0.5)
    value = 0.0
    for i in range(outputs):
        error = output[n, i] - target[n, i]
        log_variance = output[n, outputs + i]
        inverse = math.exp(-log_variance)
        weight = _weight(weights, n, i)
        value += weight * half * (log_variance + error * error * inverse)
        gradient[n, i] = per_value * weight * error * inverse
        gradient[n, outputs + i] = per_value * weight * half * (np.float32(1.0) - error * error * inverse)
    each[n] = value / outputs


@loop
def _gaussian_nll_cpu(output, target, weights, each, gradient):
    for n in prange(output.shape[0]):
        _gaussian_nll_of(n, output, target, weights, each, gradient)


def _gaussian_nll_cuda(output, target, weights, each, gradient):
    for n in range(cuda.grid(1), output.shape[0], cuda.gridsize(1)):
        _gaussian_nll_of(n, output, target, weights, each, gradient)


_gaussian_nll = Twin(_gaussian_nll_cpu, _gaussian_nll_cuda, _of_examples, outputs=2)


@body
def _cross_entropy_of(n, output, target, weights, each, gradient):
    per_example = np.float32(1.0) / np.float32(output.shape[0])
    value = 0.0
    for i in range(output.shape[1]):
        probability = max(output[n, i], _LEAST)
        share = _weight(weights, n, i) * target[n, i]
        value -= share * math.log(probability)
        gradient[n, i] = -per_example * (share / probability)
    each[n] = value


@loop
def _cross_entropy_cpu(output, target, weights, each, gradient):
    for n in prange(output.shape[0]):
        _cross_entropy_of(n, output, target, weights, each, gradient)


def _cross_entropy_cuda(output, target, weights, each, gradient):
    for n in range(cuda.grid(1), output.shape[0], cuda.gridsize(1)):
        _cross_entropy_of(n, output, target, weights, each, gradient)


_cross_entropy = Twin(_cross_entropy_cpu, _cross_entropy_cuda, _of_examples, outputs=2)


def squared_error(output, target, weights, cumulative, each, gradient):
    """Squared error of outputs and of their running sums.

    With e = output - target and S_i = e_1 + ... + e_i, the loss of one example is the mean over outputs of
    ``weights_i * (e_i**2 + cumulative * S_i**2)``.

    Parameters
    ----------
    output, target : (n, outputs) float32
    weights : (n or 1, outputs or 1) float32
    each : (n,) float64
        Loss of each example, output.
    gradient : (n, outputs) float32
        Derivative of the mean of `each` by the outputs, output.
    """
    _squared_error(output, target, weights, np.float32(cumulative), each, gradient)


def absolute_error(output, target, weights, each, gradient):
    """Mean over outputs of ``weight * |output - target|``; arguments as in `squared_error`."""
    _absolute_error(output, target, weights, each, gradient)


def gaussian_nll(output, target, weights, each, gradient):
    """Mean over targets of ``weight * (s + (mean - target)**2 exp(-s)) / 2``.

    The outputs (n, 2 targets) are all means, then all logarithms s of variances. Source: Nix & Weigend 1994
    (doi:10.1109/ICNN.1994.374138), without the constant.
    """
    _gaussian_nll(output, target, weights, each, gradient)


def cross_entropy(output, target, weights, each, gradient):
    """Sum over outputs of ``-weight * target * log(output)``, for outputs that are probabilities."""
    _cross_entropy(output, target, weights, each, gradient)
