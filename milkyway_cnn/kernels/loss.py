"""Losses and their gradients, one value for each example."""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._twin import loop, prange

__all__ = ["squared_error"]


@loop
def _squared_error(output, target, weights, cumulative, each, gradient):
    outputs = output.shape[1]
    per_output = np.float32(1.0) / np.float32(outputs)
    per_value = np.float32(2.0) / np.float32(output.size)
    for n in prange(output.shape[0]):
        value = 0.0
        total = np.float32(0.0)
        for i in range(outputs):
            error = output[n, i] - target[n, i]
            total += error
            value += weights[n, i] * (error * error + cumulative * total * total)
            gradient[n, i] = weights[n, i] * total
        each[n] = value * per_output
        # An output enters every sum from its own place on: the gradient sums from the far end.
        beyond = np.float32(0.0)
        for k in range(outputs):
            i = outputs - 1 - k
            beyond += gradient[n, i]
            error = output[n, i] - target[n, i]
            gradient[n, i] = per_value * (weights[n, i] * error + cumulative * beyond)


def squared_error(output, target, weights, cumulative, each, gradient):
    """Squared error of outputs and of their running sums.

    With e = output - target and S_i = e_1 + ... + e_i, the loss of one example is the mean over outputs of
    ``weights_i * (e_i**2 + cumulative * S_i**2)``.

    Parameters
    ----------
    output, target, weights : (n, outputs) float32
    each : (n,) float64
        Loss of each example, output.
    gradient : (n, outputs) float32
        Derivative of the mean of `each` by the outputs, output.
    """
    _squared_error(output, target, weights, np.float32(cumulative), each, gradient)
