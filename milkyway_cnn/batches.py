"""What a network sees in an epoch, batch by batch: new examples of the stream, or those of a stored sample again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from milkyway_cnn import nn
from milkyway_cnn.backend import HOST, Backend, entered
from milkyway_cnn.errors import InputError
from milkyway_cnn.profile_network import channels
from milkyway_cnn.samples import Examples, Stream, reading

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Stored", "Streamed"]

#: Examples made at once, many enough to occupy all threads and few enough to stay in memory; on a card more, for there
#: the host must only ask for them.
_CHUNK, _CHUNK_OF_CARD = 2048, 8192

#: From profiles (mag per bin) and horizons (kpc) to targets and weights.
Goal = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
Batch = tuple[np.ndarray, ...]


class Streamed:
    """Epochs of new examples: epoch e has those from number e x examples on, so that none is ever seen twice.

    Parameters
    ----------
    stream
        Makes them.
    examples, size
        Of an epoch and of a batch. What does not fill a batch is left out.
    goal
        What is to be learned of them.
    place
        Backend on which they are made and stay.

    Raises
    ------
    InputError
        When an epoch is shorter than a batch.
    """

    def __init__(self, stream: Stream, examples: int, size: int, goal: Goal, place: Backend = HOST) -> None:
        if examples < size:
            msg = (
                f"examples_per_epoch (={examples}) must hold at least one batch (={size});"
                " enlarge it or choose smaller batches"
            )
            raise InputError(msg)
        self.stream, self.size, self.goal, self.place = stream, size, goal, place
        self.steps = examples // size

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """Make the batches of an epoch: input, target, weights."""
        for made, goal in self.place.beside(self._chunks(epoch)):
            for begin in range(0, made.diagrams.shape[0], self.size):
                part = slice(begin, begin + self.size)
                with entered(self.place):
                    images = channels(made.diagrams[part], self.stream.bare, made.sightline[part])
                yield images, *(values[part] for values in goal)

    def _chunks(self, epoch: int) -> Iterator[tuple[Examples, Batch]]:
        """Make examples, and what is to be learned of them, for some batches at once."""
        per_chunk = max(1, (_CHUNK if self.place is HOST else _CHUNK_OF_CARD) // self.size)
        for step in range(0, self.steps, per_chunk):
            with entered(self.place):
                count = min(per_chunk, self.steps - step) * self.size
                made = self.stream.examples((epoch * self.steps + step) * self.size, count)
                goal = self.goal(made.delta_A_V, made.horizon)
            yield made, goal


class Stored:
    """Epochs of the same examples, in an order that seed and epoch decide.

    Some chunks at a time are read and mixed (see `nn.Batches`), so that a sample may be larger than the memory.

    Parameters
    ----------
    sample
        A stored sample of the training split, see `samples.store`.
    size, goal
        As of `Streamed`; the last batch of an epoch has the rest.
    seed
        Of the order.

    Raises
    ------
    InputError
        When the sample is of another split; and, while it is read, when a chunk is damaged.
    """

    def __init__(self, sample: xr.Dataset, size: int, goal: Goal, seed: int) -> None:
        if sample.attrs["split"] != "training":
            path, split = sample.encoding["source"], sample.attrs["split"]
            msg = f"{path} holds the {split} split; learn from a sample of the training split"
            raise InputError(msg)
        self.sample, self.goal = sample, goal
        self.steps = math.ceil(sample.sizes["example"] / size)
        self._bare = sample["bare"].values
        arrays = (sample[name] for name in ("diagram", "sightline", "delta_A_V", "horizon"))
        self._batches = nn.Batches(*arrays, size=size, seed=seed)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """Read the batches of an epoch: input, target, weights."""
        with reading(self.sample):
            for images, sightline, delta_A_V, horizon in self._batches(epoch):
                yield channels(images, self._bare, sightline), *self.goal(delta_A_V, horizon)
