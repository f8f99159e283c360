"""Many runs at once: what there is in a folder, what sets some apart, and a page that compares them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from astropy.table import Table

__all__ = ["Run", "differences", "found", "opened", "table", "training_ended"]

#: Scores that a table of runs shows where they are there, over the map and over the test sample.
SHOWN = (
    "relative_error_2kpc",
    "relative_error_4kpc",
    "relative_error_6kpc",
    "relative_error_8kpc",
    "correlation_500pc",
    "excess_spearman",
    "control_mean",
)


@dataclass(frozen=True)
class Run:
    """What the folder of a run says of it.

    Parameters
    ----------
    folder
        Where it lies; its name is what the run is called.
    state
        "done"; "failed in STAGE: reason"; "stopped in STAGE", of a run that was cut off; "at work in STAGE"; or
        "by hand", of chapters that were executed one by one, which leave no record.
    parameters
        Of the run, name -> value.
    seconds
        Of the stages that are done.
    scores
        Of the map (``comparison/scores.json``), name -> score.
    held_out
        Of the test sample (``network/scores.json``).
    """

    folder: Path
    state: str
    command: str
    parameters: Mapping[str, Any]
    seconds: float
    scores: Mapping[str, Mapping[str, Any]]
    held_out: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        """The last part of the folder's path."""
        return self.folder.name

    def history(self) -> xr.Dataset | None:
        """Training by epoch, as far as it has come (see `training.history`), or None where none began."""
        import xarray as xr

        path = self.folder / "network" / "history.zarr"
        # It may be replaced while it is read; then the next look finds it.
        with suppress(OSError, KeyError, ValueError), xr.open_zarr(path, consolidated=False, chunks=None) as stored:
            return stored.load()
        return None


def opened(folder: Path) -> Run:
    """Read what a run has written so far; it may be at work.

    Raises
    ------
    InputError
        when there is no run in the folder.
    """
    record = _read(folder / "run.json")
    run = Run(
        folder,
        _state(folder, record.get("stages", {})) if record else "by hand",
        record.get("command", ""),
        record.get("parameters", {}),
        sum(stage.get("seconds", 0.0) for stage in record.get("stages", {}).values()),
        _read(folder / "comparison" / "scores.json"),
        _read(folder / "network" / "scores.json"),
    )
    if not (record or run.scores or run.history() is not None):
        msg = f"{folder} is not the folder of a run; `milkyway-cnn runs list` shows what there is"
        raise InputError(msg)
    return run


def found(root: Path) -> list[Run]:
    """Return the runs in a folder and in the folders below it, in the order of their paths."""
    if not root.is_dir():
        msg = f"the folder {root} does not exist; give the one that holds the runs"
        raise InputError(msg)
    return [opened(path.parent) for path in sorted(root.glob("**/run.json"))]


def training_ended(folder: Path) -> bool:
    """Return whether the training of a run is done; that of chapters executed by hand is taken to be."""
    stages = _read(folder / "run.json").get("stages", {})
    return not stages or stages.get("06_training", {}).get("state") == "done"


def differences(runs: Sequence[Run]) -> list[str]:
    """Return the names of the parameters that are not the same in all runs, in the order of the model."""
    names = dict.fromkeys(name for run in runs for name in run.parameters)
    values = ([json.dumps(run.parameters.get(name)) for run in runs] for name in names)
    return [name for name, all_values in zip(names, values, strict=True) if len(set(all_values)) > 1]


def table(runs: Sequence[Run], root: Path | None = None) -> Table:
    """Put runs in a table, one a row.

    Columns are the run's folder (below `root`), its state, seconds, epochs of training and lowest validation loss, the
    parameters that are not the same in all runs, and scores of the map, masked where a run has none.
    """
    from astropy.table import MaskedColumn, Table

    columns: dict[str, list[Any]] = {
        "run": [str(run.folder.relative_to(root) if root else run.folder) for run in runs],
        "state": [run.state for run in runs],
        "seconds": [round(run.seconds, 1) for run in runs],
    }
    histories = [run.history() for run in runs]
    columns["epochs"] = [0 if history is None else history.sizes["epoch"] for history in histories]
    columns["validation_loss"] = [
        None if history is None else float(history["validation_loss"].min()) for history in histories
    ]
    for name in differences(runs) if len(runs) > 1 else ():
        columns[name] = [json.dumps(run.parameters.get(name)).strip('"') for run in runs]
    for name in SHOWN:
        values = [run.scores.get(name, {}).get("value") for run in runs]
        if any(value is not None for value in values):
            columns[name] = values
    made = Table()
    for name, values in columns.items():
        missing = [value is None for value in values]
        made[name] = MaskedColumn([0.0 if value is None else value for value in values], mask=missing)
        if made[name].dtype.kind == "f":
            made[name].info.format = ".4g"
    return made


def _read(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds, nothing where it is not there or no JSON."""
    with suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    return {}


def _state(folder: Path, stages: Mapping[str, Mapping[str, Any]]) -> str:
    from ..storage import locked

    unfinished = [(name, stage) for name, stage in stages.items() if stage["state"] != "done"]
    name, stage = unfinished[0] if unfinished else ("", {"state": ""})
    if stage["state"] == "failed":
        return f"failed in {name}: {stage['reason']}"
    if (folder / "report.html").is_file():
        return "done"
    try:
        with locked(folder / ".lock") as lock:
            doing = "at work" if lock is None else "stopped"
    except OSError:  # of a folder that is only to be read nobody can say whether somebody is at work there
        doing = "stopped"
    return f"{doing} in {name}" if name else doing
