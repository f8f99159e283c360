"""Learning rates in time: called with the epoch (from 0) and the step (from 0) since the beginning of training."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Cosine", "ExponentialDecay"]


@dataclass(frozen=True)
class ExponentialDecay:
    """``end + (begin - end) exp(-decay * epoch)``, the rule of CIANNA; decay 0 is a constant rate."""

    begin: float
    end: float = 0.0
    decay: float = 0.0

    def __call__(self, epoch: int, step: int) -> float:
        """Learning rate of an epoch."""
        return self.end + (self.begin - self.end) * math.exp(-self.decay * epoch)


@dataclass(frozen=True)
class Cosine:
    """Linear rise over `warmup` steps, then half a cosine from `begin` to `end` until step number `steps`."""

    begin: float
    end: float
    steps: int
    warmup: int = 0

    def __call__(self, epoch: int, step: int) -> float:
        """Learning rate of a step."""
        if step < self.warmup:
            return self.begin * (step + 1) / self.warmup
        done = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return self.end + (self.begin - self.end) * 0.5 * (1.0 + math.cos(math.pi * done))
