"""Optimizers: frozen descriptions; what they remember of a parameter is kept with the parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from milkyway_cnn.backend import current
from milkyway_cnn.errors import InputError
from milkyway_cnn.kernels import lift
from milkyway_cnn.nn.layer import Parameter

__all__ = ["SGD", "AdamW"]


def _refuse_unless(holds: bool, optimizer: Any, rule: str) -> None:
    if not holds:
        msg = f"{optimizer} cannot train: {rule}"
        raise InputError(msg)


def _guarded() -> bool:
    """Whether gradients may be too large for their numbers, and a step left out for it (see `nn.loss_scale`)."""
    return current().precision == "float16"


def _zeros(parameter: Parameter) -> Any:
    return current().zeros(parameter.value.shape, parameter.value.dtype)


def _allocate(parameters: Sequence[Parameter], count: int) -> None:
    """Give each parameter `count` moments, at zero if it has another number of them."""
    for parameter in parameters:
        if len(parameter.moments) != count:
            parameter.moments = tuple(_zeros(parameter) for _ in range(count))


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum: ``v = momentum v - rate (g + weight_decay w)``, ``w = w + v``.

    The rate is in the velocity, as in CIANNA; PyTorch keeps it out, which is the same while the rate is constant.

    Without clipping the gradient is accumulated in the velocity, and takes no memory of its own. The velocity is
    stored divided by ``momentum**k``, k steps after it was last rescaled, so that a step need not multiply it: BLAS
    then adds the gradient, and the update reads the velocity, in one pass each.
    """

    momentum: float = 0.9
    weight_decay: float = 0.0
    clip: float | None = None
    moments: ClassVar[int] = 1

    def __post_init__(self):
        holds = 0.0 <= self.momentum <= 1.0 and self.weight_decay >= 0.0 and (self.clip is None or self.clip > 0.0)
        _refuse_unless(holds, self, "choose a momentum in [0, 1], weight_decay of at least 0 and clip above 0 or None")

    def _factor(self, step: int) -> tuple[float, bool]:
        """Power of the momentum in the stored velocity at a step (from 0), and whether it is the last before 1."""
        period = 1
        if _guarded():  # a step that is left out would count
            return 1.0, True
        while period < 64 and self.momentum ** (period + 1) > 1e-6:
            period += 1
        return self.momentum ** (step % period), step % period == period - 1

    def prepare(self, parameters: Sequence[Parameter], rate: float, step: int) -> tuple[float, float]:
        """Make room for the gradients; return the `scale` and `keep` with which layers accumulate them."""
        _allocate(parameters, self.moments)
        within = self.clip is None and not _guarded()
        for parameter in parameters:
            if within:
                parameter.gradient = parameter.moments[0]
            elif parameter.gradient is None or parameter.gradient is parameter.moments[0]:
                parameter.gradient = _zeros(parameter)
        return (-rate / self._factor(step)[0], 1.0) if within else (1.0, 0.0)

    def update(self, parameters: Sequence[Parameter], rate: float, step: int, ops: Any) -> Any:
        """Move all parameters by their gradients; `step` counts from 0. Returns the factor of the gradients, if any."""
        factor: Any
        clipped, (factor, last) = None, self._factor(step)
        decay = rate * self.weight_decay
        rescale = self.momentum if last else 1.0 / factor if decay else None
        if self.clip is not None or _guarded():
            gradients = [parameter.gradient for parameter in parameters]
            clipped = ops.clipping(gradients, self.clip or math.inf, -rate, factor)
            for parameter in parameters:
                ops.velocity(parameter.gradient, clipped, 1.0, parameter.moments[0])
        if _guarded():
            factor = lift.gate(clipped)
        for parameter in parameters:
            ops.momentum(parameter.moments[0], factor, decay, rescale, parameter.value)
        return clipped


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101)."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    weight_decay: float = 0.0
    epsilon: float = 1e-8
    clip: float | None = None
    moments: ClassVar[int] = 2

    def __post_init__(self):
        holds = min(self.beta_1, self.beta_2) >= 0.0 and max(self.beta_1, self.beta_2) < 1.0 and self.epsilon > 0.0
        holds = holds and self.weight_decay >= 0.0 and (self.clip is None or self.clip > 0.0)
        rule = "choose betas in [0, 1), epsilon above 0, weight_decay of at least 0 and clip above 0 or None"
        _refuse_unless(holds, self, rule)

    def prepare(self, parameters: Sequence[Parameter], rate: float, step: int) -> tuple[float, float]:
        """Make room for the gradients; return the `scale` and `keep` with which layers accumulate them."""
        _allocate(parameters, self.moments)
        for parameter in parameters:
            if parameter.gradient is None or any(parameter.gradient is moment for moment in parameter.moments):
                parameter.gradient = _zeros(parameter)
        return 1.0, 0.0

    def update(self, parameters: Sequence[Parameter], rate: float, step: int, ops: Any) -> Any:
        """Move all parameters by their gradients; `step` counts from 0. Returns the factor of the gradients."""
        gradients = [parameter.gradient for parameter in parameters]
        clips = self.clip is not None or _guarded()
        factor = ops.clipping(gradients, self.clip or math.inf) if clips else 1.0
        for parameter in parameters:
            ops.adamw(
                parameter.gradient,
                factor,
                rate,
                (self.beta_1, self.beta_2),
                self.epsilon,
                rate * self.weight_decay,
                step + 1,
                parameter.moments,
                parameter.value,
            )
        return factor
