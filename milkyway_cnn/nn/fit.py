"""Training as a generator of records, one an epoch; stopping it at any moment loses at most one epoch."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.network import Network

__all__ = ["Record", "fit"]


@dataclass(frozen=True)
class Record:
    """What one epoch was like."""

    epoch: int  # from 1
    loss: float  # mean over the epoch's examples, with dropout, as the weights changed
    validation_loss: float  # after the epoch, without dropout
    rate: float  # learning rate of the epoch's last step
    examples_per_second: float  # of training, without validation
    seconds: float  # spent so far, all epochs together
    seconds_left: float  # expected until the last epoch ends
    waiting: float = math.nan  # share of the epoch, without validation, that was spent waiting for batches

    def __getitem__(self, name: str) -> float:
        return getattr(self, name)


def fit(
    net: Network,
    batches: Callable[[int], Iterable[tuple[np.ndarray, ...]]],
    validation: tuple[Any, ...],
    *,
    loss: Any,
    optimizer: Any,
    schedule: Callable[[int, int], float],
    epochs: int,
    checkpoint: Path | str | None = None,
    best: Path | str | None = None,
    resume: bool = True,
    patience: int | None = None,
    on_batch: Callable[[int, float], None] | None = None,
    provenance: Any = None,
) -> Iterator[Record]:
    """Train `net` and yield a `Record` after each epoch.

    Parameters
    ----------
    batches : callable
        Gives the batches ``(x, target)`` or ``(x, target, weights)`` of an epoch, numbered from 0; the same epoch
        must give the same batches for a resumed training to be exact.
    validation : (x, target) or (x, target, weights)
        Arrays, or anything that is sliced like them.
    schedule : callable
        Learning rate for (epoch, step), both from 0.
    checkpoint : path, optional
        File of the complete state, written before the first and after each epoch. With `resume`, a training that
        finds it yields the records of the epochs done and goes on, bit for bit as if it had not been interrupted;
        Ctrl-C at any moment leaves it usable.
    best : path, optional
        File of the network with the lowest validation loss.
    patience : int, optional
        Stop after so many epochs without a lower validation loss.
    on_batch : callable, optional
        Called with the epoch's examples done and the batch's loss.

    Raises
    ------
    InputError
        If the loss is not finite; the files keep the last good weights.
    """
    records: list[Record] = []
    if checkpoint is not None and resume and Path(checkpoint).exists():
        history = net.restore(checkpoint, optimizer)["history"] or []
        records = [Record(**entry) for entry in history]
        yield from records
    elif checkpoint is not None:
        net.save(checkpoint, optimizer=optimizer, provenance=provenance)
    lowest = min((record.validation_loss for record in records), default=math.inf)
    earlier = records[-1].seconds if records else 0.0
    first, begin = len(records), time.perf_counter()
    for epoch in range(first, epochs):
        if patience is not None and _waited(records) >= patience:
            return
        start = time.perf_counter()
        total, done = 0.0, 0
        stopwatch = _Stopwatch()
        how = {"loss": loss, "optimizer": optimizer, "rate": partial(schedule, epoch)}
        for batch, value in _learned(net, stopwatch(batches(epoch)), **how):
            _check(net, value, "loss", epoch, batch, checkpoint, best)
            done += len(batch[0])
            total += value * len(batch[0])
            if on_batch is not None:
                on_batch(done, value)
        if not done:
            msg = f"epoch {epoch + 1} has no batches; give at least one"
            raise InputError(msg)
        rate = schedule(epoch, net.steps - 1)
        spent = time.perf_counter() - start
        speed, waiting = done / spent, stopwatch.seconds / spent
        validation_loss = net.evaluate(*validation, loss=loss)
        _check(net, validation_loss, "validation loss", epoch, validation, checkpoint, best)
        now = time.perf_counter() - begin
        left = now / (epoch + 1 - first) * (epochs - epoch - 1)
        record = Record(epoch + 1, total / done, validation_loss, rate, speed, earlier + now, left, waiting)
        records.append(record)
        history = [asdict(entry) for entry in records]
        if best is not None and validation_loss < lowest:
            net.save(best, history=history, provenance=provenance)
        lowest = min(lowest, validation_loss)
        if checkpoint is not None:
            net.save(checkpoint, history=history, provenance=provenance, optimizer=optimizer)
        yield record


def _learned(
    net: Network, batches: Iterable[Any], *, loss: Any, optimizer: Any, rate: Callable[[int], float]
) -> Iterator[tuple[Any, float]]:
    """Learn from batches and give each with its loss, some steps later where a card must not wait for the host."""
    behind: deque[tuple[Any, Callable[[], float]]] = deque()
    for batch in batches:
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            msg = f"a batch is {type(batch).__name__}; make it (input, target) or (input, target, weights)"
            raise InputError(msg)
        behind.append((batch, net.learn(*batch, loss=loss, optimizer=optimizer, rate=rate(net.steps))))
        if len(behind) > net.place.ahead:
            done, value = behind.popleft()
            yield done, value()
    for done, value in behind:
        yield done, value()


class _Stopwatch:
    """Iterator that counts the seconds until each next batch is there."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, batches: Iterable[tuple[np.ndarray, ...]]) -> Iterator[tuple[np.ndarray, ...]]:
        start = time.perf_counter()
        for batch in batches:
            self.seconds += time.perf_counter() - start
            yield batch
            start = time.perf_counter()


def _waited(records: list[Record]) -> int:
    """Count the epochs since the lowest validation loss."""
    losses = [record.validation_loss for record in records]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def _check(
    net: Network, value: float, what: str, epoch: int, data: tuple[Any, ...], checkpoint: Any, best: Any
) -> None:
    """Refuse a loss that is not finite, saying whether the data or the training is at fault."""
    if math.isfinite(value):
        return
    there = [path for path in (best, checkpoint) if path is not None and Path(path).exists()]
    kept = f"; the last good weights are in {there[0]}" if there else ""
    for name, values in zip(("input", "target", "weight"), data, strict=False):
        if (
            values is not None
            and not np.isfinite(np.asarray(net.place.fetch(values) if net.place.holds(values) else values)).all()
        ):
            msg = f"the {what} is {value} in epoch {epoch + 1} because the {name} is not finite: mask its NaN{kept}"
            raise InputError(msg)
    msg = f"the {what} is {value} in epoch {epoch + 1}: choose a lower learning rate or clip gradients{kept}"
    raise InputError(msg)
