"""How far a training has come, read from the records in its run folder, and the data that its views draw."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
import xarray as xr

from milkyway_cnn import nn, samples
from milkyway_cnn.errors import InputError
from milkyway_cnn.examination import worst_examples
from milkyway_cnn.extinction.profiles import cumulative
from milkyway_cnn.sightlines import distance_edges

__all__ = ["TrainingState", "bar_of", "curve_data", "status", "worst_data"]

#: Bytes at the end of the records of progress in which the last one of the training is looked for.
_TAIL = 65_536
_COLUMNS = ("epoch", "loss", "validation_loss", "rate", "examples_per_second", "seconds")


def bar_of(path: Path) -> dict[str, Any]:
    """Return the last record of the training's progress bar in ``progress.jsonl``; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return {}
    for line in reversed(lines):
        with suppress(ValueError, TypeError, KeyError):  # half a line, while it is written
            if (record := json.loads(line))["stage"] == "training":
                return record
    return {}


class TrainingState(traitlets.HasTraits):
    """A training, watched through its folder alone: it may run in another process or on another machine.

    Parameters
    ----------
    run
        Folder of a run, with ``network/history.zarr`` and ``progress.jsonl``.
    """

    SHOWN = ("rank",)

    #: Epochs so far: name -> list of numbers.
    epochs = traitlets.Dict()
    #: Last record of the progress bar.
    bar = traitlets.Dict()
    #: Which of the worst examples of the validation sample is looked at, 0 the worst.
    rank = traitlets.Int(0, min=0, max=7)
    #: `worst_examples`, once they were asked for.
    worst = traitlets.Any(None)

    def __init__(self, run: str | os.PathLike[str]) -> None:
        super().__init__()
        self.run = Path(run)
        self.read()

    def read(self, bar: dict[str, Any] | None = None) -> None:
        """Read the records again; `bar` stands in for those of a training in this process."""
        history = self.run / "network" / "history.zarr"
        with self.hold_trait_notifications():  # both are new before anything is drawn
            self.bar = bar_of(self.run / "progress.jsonl") if bar is None else bar
            # It may be replaced while it is read; then the next look finds it.
            with (
                suppress(OSError, KeyError, ValueError),
                xr.open_zarr(history, consolidated=False, chunks=None) as stored,
            ):
                self.epochs = {name: stored[name].values.tolist() for name in _COLUMNS}

    def examine(self) -> None:
        """Find the worst examples of the validation sample, read by the best network so far."""
        network = self.run / "network" / "network.npz"
        sample = self.run / "sample" / "validation.zarr"
        with suppress(InputError):  # they are not there yet
            self.worst = worst_examples(nn.Network.load(network), samples.load(sample), count=8)


def status(state: TrainingState) -> str:
    """Say in one line how far the training has come, how fast it is, and how long it will take."""
    bar, epochs = state.bar, state.epochs
    if not bar and not epochs:
        return f"no training in {state.run} yet"
    parts = []
    if bar:
        rate = bar["done"] / bar["seconds"] if bar["seconds"] else 0.0
        parts += [f"{bar['done']:,.0f} of {bar['total']:,.0f} examples", f"{rate:,.0f} examples / s"]
        left = (bar["total"] - bar["done"]) / rate if rate else float("nan")
        ended = bar["closed"] or left <= 0
        parts.append(("done" if left <= 0 else "stopped") if ended else f"{_minutes(left)} left")
    if epochs:
        parts.append(f"epoch {epochs['epoch'][-1]}, validation loss {epochs['validation_loss'][-1]:.5f}")
        parts.append(f"learning rate {epochs['rate'][-1]:.2g}")
    return "; ".join(parts)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def curve_data(state: TrainingState) -> dict[str, list[float]]:
    """Columns of the history, by epoch."""
    return {name: list(state.epochs.get(name, [])) for name in _COLUMNS}


def worst_data(state: TrainingState) -> dict[str, np.ndarray]:
    """A_V at the bin edges (mag) of the example looked at, true and predicted; nothing before they were asked for."""
    if state.worst is None:
        return {name: np.array([]) for name in ("distance", "true", "predicted")}
    example = state.worst.isel(example=min(state.rank, state.worst.sizes["example"] - 1))
    middle = state.worst["distance"].values
    edges = distance_edges(middle.size, float(2 * middle[0]))
    return {"distance": edges, **{name: cumulative(example[name].values[None])[0] for name in ("true", "predicted")}}
