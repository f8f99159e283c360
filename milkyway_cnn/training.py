"""Training: examples into the network, epoch by epoch, every one new or those of a stored sample again and again.

What happens here only joins the two halves of the package: `samples` makes the examples, `nn.fit` learns from
them. A validation sample is fixed and stored; training examples are stored only for those who want them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from milkyway_cnn import backend, nn, profile_network
from milkyway_cnn.batches import Stored, Streamed
from milkyway_cnn.errors import InputError
from milkyway_cnn.kernels.variation import targets
from milkyway_cnn.samples import Stream, reading
from milkyway_cnn.storage import replacing, writable

__all__ = ["Inputs", "Plan", "history", "save_history", "train"]


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
    patience
        Epochs without a lower validation loss after which the training stops early; 0 for never.
    horizon
        What the network is to say of bins behind an example's horizon, where no diagram tells: "keep", the truth,
        for which it will learn the mean of the mock profiles; "zero", as if there were no dust, in the way of the
        founding work's early code; "mask", anything: they do not count in the loss.
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
    patience: int = 0
    horizon: Literal["keep", "zero", "mask"] = "keep"

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

    def goal(self, delta_A_V: np.ndarray, horizon: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What to learn: targets (n, bins), and their weights in the loss, (n, 1) or (n, bins), float32.

        Parameters
        ----------
        delta_A_V, horizon
            Profiles (mag per bin), (n, bins), and horizon (kpc) of each, (n,), on the host or on a card.
        edges
            Bin edges (kpc): (bins + 1,).
        """
        place = backend.home(delta_A_V)
        if place is backend.HOST:
            delta_A_V, horizon, edges = (np.ascontiguousarray(a, np.float32) for a in (delta_A_V, horizon, edges))
        n, bins = delta_A_V.shape
        target = place.empty((n, bins), np.float32)
        weights = place.empty((n, bins if self.horizon == "mask" else 1), np.float32)
        targets(delta_A_V, horizon, place.keep(edges), self.relative, self.horizon, target, weights)
        return target, weights

    def _optimizer(self) -> nn.SGD | nn.AdamW:
        clip = self.clip or None
        return nn.AdamW(clip=clip) if self.optimizer == "adamw" else nn.SGD(momentum=self.momentum, clip=clip)

    def _schedule(self, steps_per_epoch: int) -> Callable[[int, int], float]:
        if self.schedule == "exponential":
            return nn.ExponentialDecay(self.learning_rate, self.final_learning_rate, self.decay)
        steps = steps_per_epoch * self.epochs
        return nn.Cosine(self.learning_rate, self.final_learning_rate, steps, warmup=steps // 20)


def train(
    source: Stream | xr.Dataset,
    validation: xr.Dataset,
    plan: Plan,
    folder: Path,
    *,
    seed: int,
    provenance: dict[str, Any] | None = None,
    on_batch: Callable[[int, int, float], None] = lambda epoch, examples, loss: None,
    device: str = "auto",
    precision: str = "float32",
) -> Iterator[nn.Record]:
    """Train a network and yield a record after each epoch.

    The folder receives ``network.npz``, the network of the lowest validation loss, ``history.zarr``, the history so
    far, and ``checkpoint.npz``, from which the same call goes on after an interruption as if there had been none.

    Parameters
    ----------
    source
        A stream, of which epoch e sees the training examples number e x examples_per_epoch onwards, so that none is
        ever seen twice; or a stored sample of its training split, all of which each epoch sees, in another order.
    validation
        A stored sample of the same stream (see `samples.store`).
    seed
        Of the first weights, of dropout, and of the order of stored examples.
    on_batch
        Called after each step with the epoch (from 1), the number of its examples, and its loss.
    device, precision
        Where the examples are made and the network learns, and how exact its products are there: see `backend.use`.

    Raises
    ------
    InputError
        When the device cannot be used, an epoch is shorter than a batch, the training diverges, the folder cannot be
        written or is full (the last checkpoint stays), or a stored sample is damaged, of another split or of another
        stream than `validation`.
    """
    edges = np.array(json.loads(validation.attrs["stream"])["edges"], np.float32)
    goal = partial(plan.goal, edges=edges)
    kinds = len(validation.attrs["diagrams"])
    with backend.use(device, precision) as place:
        network = plan.build(edges.size - 1, validation["diagram"].shape[-1], seed, kinds)
    examples: Streamed | Stored
    if isinstance(source, Stream):
        examples = Streamed(source, plan.examples_per_epoch, plan.batch, goal, place)
    else:
        _check_alike(source, validation)
        examples = Stored(source, plan.batch, goal, seed)
    now, done = 0, 0

    def batches(epoch: int) -> Iterator[tuple[np.ndarray, ...]]:
        nonlocal now, done
        now, done = epoch + 1, 0
        return examples(epoch)

    def count(so_far: int, loss: float) -> None:
        nonlocal done
        on_batch(now, so_far - done, loss)
        done = so_far

    with reading(validation):
        targets = goal(validation["delta_A_V"].values, validation["horizon"].values)
    records = []
    for record in nn.fit(
        network,
        batches,
        (Inputs(validation), *targets),
        loss=nn.SquaredError(cumulative=plan.cumulative),
        optimizer=plan._optimizer(),
        schedule=plan._schedule(examples.steps),
        epochs=plan.epochs,
        checkpoint=folder / "checkpoint.npz",
        best=folder / "network.npz",
        patience=plan.patience or None,
        provenance=provenance,
        on_batch=count,
    ):
        records.append(record)
        save_history(records, folder / "history.zarr")
        yield record


def _check_alike(sample: xr.Dataset, validation: xr.Dataset) -> None:
    """Refuse a training sample that is of another stream than the validation sample."""
    here, there = (json.loads(data.attrs["stream"]) for data in (sample, validation))
    differ = [name for name in there if here.get(name) != there[name]]
    if differ:
        msg = (
            f"the sample {sample.encoding['source']} was made with another {', '.join(differ)} than the validation "
            "sample; build it with the parameters of this run"
        )
        raise InputError(msg)


class Inputs:
    """What a network is shown of a stored sample, read as it is sliced: a sample may be larger than the memory."""

    dtype = np.dtype(np.float32)

    def __init__(self, sample: xr.Dataset) -> None:
        self._sample = sample
        with reading(sample):
            self._bare = sample["bare"].values
            self._sightline = sample["sightline"].values

    def __len__(self) -> int:
        return len(self._sightline)

    @property
    def shape(self) -> tuple[int, ...]:
        """Examples, channels, and pixels along both sides."""
        return len(self), *self[:0].shape[1:]

    def __getitem__(self, part: slice) -> np.ndarray:
        with reading(self._sample):
            images = self._sample["diagram"][part].values
        return profile_network.channels(images, self._bare, self._sightline[part])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:]


def history(records: list[nn.Record]) -> xr.Dataset:
    """Records of a training as a Dataset on `epoch`, a variable for each that has a column below."""
    columns = ("loss", "validation_loss", "rate", "examples_per_second", "seconds", "waiting")
    data = {name: ("epoch", [getattr(record, name) for record in records]) for name in columns}
    data_set = xr.Dataset(data, coords={"epoch": [record.epoch for record in records]})
    data_set["examples_per_second"].attrs["units"] = "1 / s"
    data_set["seconds"].attrs["units"] = "s"
    return data_set


def save_history(records: list[nn.Record], path: Path) -> None:
    """Write the history to a zarr store, whole or not at all; InputError where the place cannot be written."""
    with writable(path), replacing(path) as temporary:
        history(records).to_zarr(temporary, zarr_format=3, consolidated=False)
