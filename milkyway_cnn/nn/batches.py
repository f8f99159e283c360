"""The batches of an epoch, from arrays in memory or from stores that do not fit there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.prefetch import prefetch

__all__ = ["Batches"]


class Batches:
    """Batches of examples in an order that `seed` and the epoch decide; the next one is made while one trains.

    >>> nn.fit(net, nn.Batches(store["diagram"], store["delta_A_V"], size=128), validation, ...)

    Arrays in memory (numpy.ndarray) are shuffled whole. All else that has a shape and is sliced like an array, such
    as those of zarr, h5py or xarray and memory-mapped ones, is read in runs of neighbors, each once an epoch: the
    runs come in random order, and the examples of as many runs as `mixed` holds are shuffled among each other.
    What makes its examples itself needs no such class: give `nn.fit` a function of the epoch that yields batches,
    or ``lambda epoch: nn.prefetch(itertools.islice(endless, steps))`` for a generator without end.

    Parameters
    ----------
    arrays
        Inputs, targets and, if wanted, weights, along the first axis as many of each.
    size : int
        Examples of a batch; the last one of an epoch has the rest.
    seed : int
    mixed : int
        Examples of a store that are in memory, and mixed, at a time; about as many more are there while the next ones
        are read.
    run : int, optional
        Examples read at once; those of the longest chunk of the stores if left out, so that no chunk is read twice.

    Raises
    ------
    InputError
        If the arrays are not equally long or empty, or a number is below 1.
    """

    def __init__(self, *arrays: Any, size: int = 128, seed: int = 0, mixed: int = 16_384, run: int | None = None):
        lengths = [array.shape[0] for array in arrays]
        if len(set(lengths)) != 1 or not lengths[0]:
            msg = f"the arrays have {lengths} examples; give inputs, targets and weights of as many, and at least one"
            raise InputError(msg)
        self.run = max(map(_chunk, arrays)) if run is None else run
        if min(size, mixed, self.run) < 1:
            msg = f"size is {size}, mixed {mixed} and run {self.run}; all are numbers of examples: choose at least 1"
            raise InputError(msg)
        self.arrays, self.size, self.seed, self.mixed = arrays, size, seed, mixed
        self.examples = lengths[0]

    def __len__(self) -> int:
        """Steps of an epoch."""
        return math.ceil(self.examples / self.size)

    def __call__(self, epoch: int) -> Iterator[tuple[np.ndarray, ...]]:
        """Give the batches of an epoch, each of new arrays."""
        return prefetch(self._make(np.random.default_rng((self.seed, epoch))))

    def _make(self, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, ...]]:
        rest: tuple[np.ndarray, ...] = ()
        for held in self._held(rng):
            if rest and len(rest[0]):
                held = tuple(np.concatenate(pair) for pair in zip(rest, held, strict=True))
            order = rng.permutation(len(held[0]))
            whole = len(order) // self.size * self.size
            for begin in range(0, whole, self.size):
                chosen = order[begin : begin + self.size]
                yield tuple(array[chosen] for array in held)
            rest = tuple(array[order[whole:]] for array in held)
        if len(rest[0]):
            yield rest

    def _held(self, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, ...]]:
        """Give what is mixed at a time: all that is in memory, or some runs of a store."""
        if all(type(array) is np.ndarray for array in self.arrays):
            yield self.arrays
            return
        begins = self.run * rng.permutation(math.ceil(self.examples / self.run))
        together = max(1, self.mixed // self.run)
        for first in range(0, len(begins), together):
            runs = [slice(int(begin), int(begin) + self.run) for begin in begins[first : first + together]]
            yield tuple(np.concatenate([np.asarray(array[run]) for run in runs]) for array in self.arrays)


def _chunk(array: Any) -> int:
    """Examples of a chunk or, where it has them, of a shard of a store; 1024 of what has no chunks."""
    of_file = getattr(array, "encoding", {}).get("chunks")  # of what xarray has not put into chunks of its own
    chunks = getattr(array, "shards", None) or getattr(array, "chunks", None) or of_file
    return int(np.max(chunks[0])) if chunks else 1024  # dask lists all chunks of an axis
