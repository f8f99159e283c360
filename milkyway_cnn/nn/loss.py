"""Losses: frozen descriptions that are called with outputs and targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from milkyway_cnn.backend import current
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.scheme import scheme

__all__ = ["AbsoluteError", "CrossEntropy", "GaussianNLL", "Loss", "SquaredError"]

_ONE = np.ones((1, 1), np.float32)


@dataclass(frozen=True)
class Loss:
    """What all losses have in common: a mean over examples, computed by one operation of the scheme."""

    def targets(self, outputs: int) -> int:
        """Count the targets that belong to `outputs` outputs."""
        return outputs

    def _compute(self, ops, output, target, weights, each, gradient):
        raise NotImplementedError

    def __call__(
        self,
        output: np.ndarray,
        target: np.ndarray,
        weights: np.ndarray | float | None = None,
        gradient: np.ndarray | None = None,
        ops: Any = None,
    ) -> float:
        """Mean loss of a batch.

        Parameters
        ----------
        output, target : (n, outputs), (n, targets) float32
        weights : broadcastable to target
            Factor of each target's term; zero leaves it out.
        gradient : (n, outputs) float32, optional
            Filled with the derivative by the outputs.
        """
        output, target = (np.ascontiguousarray(values, np.float32) for values in (output, target))
        factors = self.factors(weights, target.shape)
        return float(self.each(ops or scheme(), output, target, factors, gradient).mean())

    def factors(self, weights: np.ndarray | float | None, shape: tuple[int, ...]) -> np.ndarray:
        """Give the weights for targets of a shape (n, targets) as operations take them: (n or 1, targets or 1)."""
        if weights is None:
            return _ONE
        weights = np.atleast_2d(np.ascontiguousarray(weights, np.float32))
        fits = [own in (1, n) for own, n in zip(weights.shape, shape, strict=False)]
        if weights.ndim != 2 or not all(fits):
            msg = f"the weights are {weights.shape} and the targets {shape}; give as many, or 1, on each axis"
            raise InputError(msg)
        return weights

    def each(self, ops: Any, output: Any, target: Any, factors: Any, gradient: Any = None, each: Any = None) -> Any:
        """Loss of each example, (n,) float64, on the backend that has the arrays; it is not waited for."""
        each = current().empty((output.shape[0],), np.float64) if each is None else each
        if gradient is None:
            gradient = current().empty(output.shape, np.float32)
        self._compute(ops, output, target, factors, each, gradient)
        return each


@dataclass(frozen=True)
class SquaredError(Loss):
    """Mean over outputs of ``e**2 + cumulative * (running sum of e)**2``, with e = output - target.

    The running sum of extinctions per bin is the extinction up to a distance: `cumulative` trades the integral
    against the bins.
    """

    cumulative: float = 0.0

    def _compute(self, ops, output, target, weights, each, gradient):
        ops.squared_error(output, target, weights, self.cumulative, each, gradient)


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """Mean over outputs of ``|output - target|``: its best constant is the median."""

    def _compute(self, ops, output, target, weights, each, gradient):
        ops.absolute_error(output, target, weights, each, gradient)


@dataclass(frozen=True)
class GaussianNLL(Loss):
    """Negative log-likelihood of a Gaussian whose mean and variance are both outputs.

    A network for k targets has 2 k linear outputs: all means, then all logarithms of variances.
    """

    def targets(self, outputs: int) -> int:
        """Count the targets that belong to `outputs` outputs."""
        return outputs // 2

    def _compute(self, ops, output, target, weights, each, gradient):
        ops.gaussian_nll(output, target, weights, each, gradient)

    @staticmethod
    def moments(predicted: np.ndarray, output_scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Split what `Network.predict` gave, (..., 2 k), into means and standard deviations, (..., k) each."""
        mean, log_variance = np.split(predicted, 2, axis=-1)
        return mean, output_scale * np.exp(0.5 * log_variance / output_scale)


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Sum over outputs of ``-target * log(output)`` for a network that ends with `Softmax`."""

    def _compute(self, ops, output, target, weights, each, gradient):
        ops.cross_entropy(output, target, weights, each, gradient)
