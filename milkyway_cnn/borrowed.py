"""A network that another run has trained, to read the diagrams of this one: beside each it sees the bare diagram."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from milkyway_cnn.ensemble import network_file
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn import Record, file
from milkyway_cnn.storage import replacing, writable
from milkyway_cnn.surveys.diagrams import Diagram
from milkyway_cnn.training import save_history

__all__ = ["Borrowed"]


@dataclass(frozen=True)
class Borrowed:
    """A trained network and what its file says of it.

    Parameters
    ----------
    path
        The file.
    stream
        What it learned from, as `samples.Stream.describe` says it.
    records
        Its training, up to the epoch of which it is.
    """

    path: Path
    stream: Mapping[str, Any]
    records: list[Record]

    @classmethod
    def of(
        cls, path: str | Path, kinds: Sequence[Diagram], edges: np.ndarray, counts: str, counts_scale: float
    ) -> Borrowed:
        """Look at a network, which must fit the diagrams and distances that it is to be used with.

        Parameters
        ----------
        path
            Folder of a run, or a network file.
        kinds, edges
            Diagrams that are the channels, and edges of the distance bins (kpc).
        counts, counts_scale
            Function of the star counts, and the factor, by which they enter.

        Raises
        ------
        InputError
            When there is no network, its file does not say what it learned from, or it does not fit.
        """
        found = network_file(path)
        description, _ = file.read(found)
        try:
            stream = json.loads(description["provenance"]["stream"])
            learned = [Diagram.of(kind) for kind in stream["diagrams"]]
            scaling = next(layer for layer in description["layers"] if layer["kind"] == "Scaling")
            records = [Record(**record) for record in description["history"]]
        except (KeyError, TypeError, ValueError, StopIteration):
            msg = f"{found} does not say what it learned from; give a network that a run has trained"
            raise InputError(msg) from None
        names, wanted = ([kind.name for kind in each] for each in (learned, kinds))
        if names != wanted:
            _refuse(found, f"diagrams = {names}", str(wanted))
        for old, new in zip(learned, kinds, strict=True):
            if old != new:
                msg = f"{found} learned from diagrams {new.name} of other axes, cuts or noise; train one of these"
                raise InputError(msg)
        for name, old_value, new_value in (
            ("bins", len(stream["edges"]) - 1, len(edges) - 1),
            ("bin_width", *(round(float(each[-1] / (len(each) - 1)), 6) for each in (stream["edges"], edges))),
            ("counts", scaling["function"], counts),
            ("counts_scale", scaling["factor"], counts_scale),
        ):
            if old_value != new_value:
                _refuse(found, f"{name} = {old_value}", str(new_value))
        return cls(found, stream, records)

    def differences(self, stream: Mapping[str, Any]) -> list[str]:
        """Name what is not the same in another stream's description (`samples.Stream.describe`)."""
        here = json.loads(json.dumps(stream))
        return [name for name, value in self.stream.items() if here.get(name) != value]

    def keep(self, folder: Path) -> None:
        """Copy the network and its history to where a training would leave them."""
        copy = folder / "network.npz"
        with writable(folder), replacing(copy) as part:
            shutil.copyfile(self.path, part)
        save_history(self.records, folder / "history.zarr")


def _refuse(path: Path, learned: str, asked: str) -> None:
    msg = f"{path} learned with {learned}, and it is to be used with {asked}; set both alike, or train one of these"
    raise InputError(msg)
