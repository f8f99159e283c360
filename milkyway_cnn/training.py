"""Training: the stream of examples into the network, epoch by epoch, every example new.

What happens here only joins the two halves of the package: `samples` makes the examples, `nn.fit` learns from
them. A validation sample is fixed and stored; the training examples are never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from milkyway_cnn import nn, profile_network
from milkyway_cnn.errors import InputError
from milkyway_cnn.samples import Stream
from milkyway_cnn.storage import replacing

__all__ = ["Plan", "history", "save_history", "train"]

#: Examples made at once, many enough to occupy all threads and few enough to stay in memory.
_CHUNK = 2048


@dataclass(frozen=True)
class Plan:
    """How a network is built and trained.

    Parameters
    ----------
    network
        A name of `profile_network.PRESETS`, or an architecture.
    counts, counts_scale
        Function of the star counts ("linear", "sqrt", "log1p") and factor that bring them to order one.
    delta_A_V_scale
        Extinction per bin that the network calls 1 (mag).
    dropout
        Rate of dropout after hidden dense layers.
    cumulative
        Weight of the squared error of A_V up to a distance, beside that of each bin.
    relative
        The loss of an example is divided by `relative` + its total A_V (mag), so that thin sightlines count beside
        thick ones; 0 weighs all alike.
    optimizer
        "adamw", or "sgd" as in the founding work.
    momentum
        Of "sgd".
    learning_rate, final_learning_rate
        First and last learning rate, mean-loss convention.
    schedule
        "cosine" from first to last, or "exponential" decay as in the founding work.
    decay
        Decay per epoch of the exponential schedule.
    clip
        Largest norm of a gradient; 0 for none.
    batch, examples_per_epoch, epochs
        Examples of a step, of an epoch, and number of epochs.
    """

    network: str = "small"
    counts: str = "sqrt"
    counts_scale: float = 0.1
    delta_A_V_scale: float = 1.0
    dropout: float = 0.0
    cumulative: float = 0.001
    relative: float = 1.0
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: float = 0.9
    learning_rate: float = 2e-3
    final_learning_rate: float = 2e-5
    schedule: Literal["cosine", "exponential"] = "cosine"
    decay: float = 0.005
    clip: float = 1.0
    batch: int = 128
    examples_per_epoch: int = 20_480
    epochs: int = 10

    def build(self, bins: int, pixels: int, seed: int, kinds: int = 1) -> nn.Network:
        """Make the untrained network for profiles of `bins` and `kinds` diagrams of `pixels` along each side."""
        return profile_network.build(
            self.network,
            channels=2 * kinds,
            bins=bins,
            pixels=pixels,
            dropout=self.dropout,
            seed=seed,
            counts=self.counts,
            counts_scale=self.counts_scale,
            delta_A_V_scale=self.delta_A_V_scale,
        )

    def weights(self, delta_A_V: np.ndarray) -> np.ndarray:
        """Weight of each example in the loss, for its profile: (n, bins) -> (n, 1) float32."""
        if not self.relative:
            return np.ones((len(delta_A_V), 1), np.float32)
        return np.float32(1.0) / (np.float32(self.relative) + delta_A_V.sum(axis=1, keepdims=True))

    def _optimizer(self) -> nn.SGD | nn.AdamW:
        clip = self.clip or None
        return nn.AdamW(clip=clip) if self.optimizer == "adamw" else nn.SGD(momentum=self.momentum, clip=clip)

    def _schedule(self, steps_per_epoch: int) -> Callable[[int, int], float]:
        if self.schedule == "exponential":
            return nn.ExponentialDecay(self.learning_rate, self.final_learning_rate, self.decay)
        steps = steps_per_epoch * self.epochs
        return nn.Cosine(self.learning_rate, self.final_learning_rate, steps, warmup=steps // 20)


def train(
    stream: Stream,
    validation: xr.Dataset,
    plan: Plan,
    folder: Path,
    *,
    seed: int,
    provenance: dict[str, Any] | None = None,
    on_batch: Callable[[int, int, float], None] = lambda epoch, examples, loss: None,
) -> Iterator[nn.Record]:
    """Train a network and yield a record after each epoch.

    Epoch e sees the training examples number e x examples_per_epoch onwards, so none is ever seen twice. The
    folder receives ``network.npz``, the network of the lowest validation loss, and ``checkpoint.npz``, from which
    the same call goes on after an interruption as if there had been none.

    Parameters
    ----------
    validation
        A stored sample of the same stream (see `samples.store`).
    seed
        Of the first weights and of dropout.
    on_batch
        Called after each step with the epoch (from 1), the number of its examples, and its loss.

    Raises
    ------
    InputError
        When an epoch is shorter than a batch, or the training diverges.
    """
    if plan.examples_per_epoch < plan.batch:
        msg = (
            f"examples_per_epoch (={plan.examples_per_epoch}) must hold at least one batch (={plan.batch});"
            " enlarge it or choose smaller batches"
        )
        raise InputError(msg)
    network = plan.build(stream.edges.size - 1, stream.pixels, seed, len(stream.kinds))
    steps = plan.examples_per_epoch // plan.batch
    now = 0

    def batches(epoch: int) -> Iterator[tuple[np.ndarray, ...]]:
        nonlocal now
        now = epoch + 1
        per_chunk = max(1, _CHUNK // plan.batch)
        for step in range(0, steps, per_chunk):
            count = min(per_chunk, steps - step)
            made = stream.examples((epoch * steps + step) * plan.batch, count * plan.batch)
            for part in np.split(np.arange(count * plan.batch), count):
                profiles = made.delta_A_V[part]
                yield profile_network.channels(made.diagrams[part], made.bare[part]), profiles, plan.weights(profiles)

    bare = validation["bare"].values[validation["sightline"].values]
    held_out = validation["delta_A_V"].values
    yield from nn.fit(
        network,
        batches,
        (profile_network.channels(validation["diagram"].values, bare), held_out, plan.weights(held_out)),
        loss=nn.SquaredError(cumulative=plan.cumulative),
        optimizer=plan._optimizer(),
        schedule=plan._schedule(steps),
        epochs=plan.epochs,
        checkpoint=folder / "checkpoint.npz",
        best=folder / "network.npz",
        provenance=provenance,
        on_batch=lambda done, loss: on_batch(now, plan.batch, loss),
    )


def history(records: list[nn.Record]) -> xr.Dataset:
    """Records of a training as a Dataset on `epoch`: loss, validation_loss, rate, examples_per_second, seconds."""
    columns = ("loss", "validation_loss", "rate", "examples_per_second", "seconds")
    data = {name: ("epoch", [getattr(record, name) for record in records]) for name in columns}
    data_set = xr.Dataset(data, coords={"epoch": [record.epoch for record in records]})
    data_set["examples_per_second"].attrs["units"] = "1 / s"
    data_set["seconds"].attrs["units"] = "s"
    return data_set


def save_history(records: list[nn.Record], path: Path) -> None:
    """Write the history to a zarr store, whole or not at all."""
    with replacing(path) as temporary:
        history(records).to_zarr(temporary, zarr_format=3, consolidated=False)
