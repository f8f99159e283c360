"""A training that the host and a card do step by step alike, for the tests and for `benchmarks.card`.

Images show a spot, whose place is to be told.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from milkyway_cnn import backend, nn


@dataclass(frozen=True)
class Task:
    """How large the training is."""

    pixels: int = 64
    batch: int = 256
    steps: int = 200
    network: str = "C5x5.8/2-P2-D768-D512-D2"

    def examples(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Make a batch of counts (n, 1, pixels, pixels) uint16 and of places (n, 2) float32."""
        rng = np.random.default_rng(seed)
        place = rng.uniform(0.25, 0.75, (self.batch, 2, 1, 1))
        y, x = np.mgrid[: self.pixels, : self.pixels] / self.pixels
        spot = np.exp(-0.5 * ((y - place[:, 0]) ** 2 + (x - place[:, 1]) ** 2) / 0.1**2)
        return rng.poisson(10.0 * spot[:, None]).astype(np.uint16), place[..., 0, 0].astype(np.float32)

    def train(self) -> tuple[np.ndarray, np.ndarray]:
        """Losses of the steps, (steps,), and the validation loss, (), on the backend that is chosen."""
        layers = [nn.Scaling("sqrt", 0.5), *nn.architecture.layers(self.network)]
        network = nn.Network(layers, (1, self.pixels, self.pixels), seed=1)
        how = {"loss": nn.SquaredError(), "optimizer": nn.SGD(0.9), "rate": 3e-3}
        losses = [network.step(*self.examples(step), **how) for step in range(self.steps)]
        return np.array(losses), np.array(network.evaluate(*self.examples(10**6), loss=nn.SquaredError()))


TASKS = {"spots": Task(), "tiny": Task(6, 4, 6, "C3x3.2-P2-D5-D2")}


def of_host(name: str) -> tuple[np.ndarray, float]:
    """Train on the host, in a process of its own, for in one that simulates a card the host's loops do not run."""
    simulation = ("NUMBA_ENABLE_CUDASIM", "NUMBA_DISABLE_JIT")
    environment = {key: value for key, value in os.environ.items() if key not in simulation}
    command = [sys.executable, "-m", "benchmarks.curves", name]
    run = subprocess.run(
        command, env=environment, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True, check=True
    )
    losses, validation = json.loads(run.stdout)
    return np.array(losses), validation


def compare(name: str, precisions: list[str]) -> list[dict]:
    """Train on the host and on a card in every precision; how far the card's losses are from the host's, relatively."""
    (known, known_validation), task = of_host(name), TASKS[name]
    rows = []
    for precision in precisions:
        with backend.use("cuda", precision):
            losses, validation = task.train()
        rows.append(
            {
                "precision": precision,
                "steps": task.steps,
                "largest_deviation": float(np.abs(losses / known - 1.0).max()),
                "validation_loss": float(validation),
                "validation_of_host": known_validation,
                "losses": losses.tolist(),
                "losses_of_host": known.tolist(),
            }
        )
    return rows


if __name__ == "__main__":
    with backend.use("cpu"):
        print(json.dumps([values.tolist() for values in TASKS[sys.argv[1]].train()]))
