"""Losses: a frozen description that is called with outputs and targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from milkyway_cnn.nn.scheme import scheme

__all__ = ["SquaredError"]


@dataclass(frozen=True)
class SquaredError:
    """Mean over outputs of ``e**2 + cumulative * (running sum of e)**2``, with e = output - target.

    The running sum of extinctions per bin is the extinction up to a distance: `cumulative` trades the integral
    against the bins.
    """

    cumulative: float = 0.0

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
        output, target : (n, outputs) float32
        weights : broadcastable to (n, outputs)
            Factor of each output's term; zero leaves it out.
        gradient : (n, outputs) float32, optional
            Filled with the derivative by the outputs.
        """
        output, target = (np.ascontiguousarray(values, np.float32) for values in (output, target))
        full = np.ones_like(output)
        if weights is not None:
            full *= weights
        each = np.empty(len(output))
        if gradient is None:
            gradient = np.empty_like(output)
        (ops or scheme()).squared_error(output, target, full, self.cumulative, each, gradient)
        return float(each.mean())
