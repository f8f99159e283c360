"""One page that compares runs: what sets them apart, how they learned, and how good their maps are."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from .. import plots
from ..errors import InputError
from .report import figure, table, write_page
from .runs import Run, differences
from .runs import table as summary

__all__ = ["drawn_figure", "write_comparison"]


def write_comparison(runs: Sequence[Run], path: Path, title: str = "Comparison of runs") -> None:
    """Write a page of HTML that opens offline.

    It has the table of `pipeline.runs.table`, the parameters that are not the same in all runs, the trainings' curves,
    the errors against distance where truths are known, and all scores side by side.

    Raises
    ------
    InputError
        when there are fewer than two runs.
    """
    if len(runs) < 2:
        msg = f"a comparison takes at least two runs, and there is {len(runs)}"
        raise InputError(msg)
    names = _names(runs)
    made = summary(runs)
    made["run"] = names
    body = [
        f"<h1>{escape(title)}</h1>",
        table(made.colnames, ([_cell(value) for value in row] for row in made)),
        "<h2>What sets them apart</h2>",
        table(
            ("parameter", *names),
            ([name, *(str(run.parameters.get(name, "")) for run in runs)] for name in differences(runs)),
        ),
    ]
    histories = {name: run.history() for name, run in zip(names, runs, strict=True)}
    trained = {name: history for name, history in histories.items() if history is not None}
    if trained:
        body += ["<h2>How they learned</h2>", drawn_figure(plots.trainings(trained), "Validation loss by epoch.")]
    for heading, caption, kept in (
        ("Test samples", "Median error over examples of the test sample.", [run.held_out for run in runs]),
        ("Maps", "Median error over the cells of the map.", [run.scores for run in runs]),
    ):
        if any(kept):
            body += [f"<h2>{heading}</h2>", *_errors(dict(zip(names, kept, strict=True)), caption)]
            body.append(_side_by_side(names, kept))
    commands = ([name, run.command] for name, run in zip(names, runs, strict=True))
    body += ["<h2>How they were made</h2>", table(("run", "command"), commands)]
    write_page(path, title, body)


def _names(runs: Sequence[Run]) -> list[str]:
    """Shortest ends of the folders' paths that tell the runs apart."""
    for parts in range(1, max(len(run.folder.parts) for run in runs) + 1):
        names = ["/".join(run.folder.parts[-parts:]) for run in runs]
        if len(set(names)) == len(names):
            break
    return names


def _errors(scores: Mapping[str, Mapping[str, Any]], caption: str) -> list[str]:
    """Return the figure of errors against distance, where there are any."""
    head, tail = "relative_error_", "kpc"
    errors = {
        name: {
            float(key.removeprefix(head).removesuffix(tail)): score["value"]
            for key, score in each.items()
            if key.startswith(head) and key.endswith(tail) and score["value"] is not None
        }
        for name, each in scores.items()
    }
    known = {name: values for name, values in errors.items() if values}
    return [drawn_figure(plots.errors_by_distance(known), caption)] if known else []


def _side_by_side(names: Sequence[str], kept: Sequence[Mapping[str, Mapping[str, Any]]]) -> str:
    keys = dict.fromkeys(key for scores in kept for key in scores)
    rows = []
    for key in keys:
        found = [scores.get(key) for scores in kept]
        about = next(score for score in found if score)
        values = [_cell(score["value"] if score else None) for score in found]
        rows.append([key, *values, about["unit"].replace("1", ""), about["meaning"]])
    return table(("score", *names, "unit", "meaning"), rows)


def _cell(value: Any) -> Any:
    if value is None or value is np.ma.masked:
        return ""
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def drawn_figure(drawn: plots.Figure, caption: str) -> str:
    """Return a figure of HTML with its picture inside."""
    image = io.BytesIO()
    drawn.savefig(image, format="png", dpi=120, metadata={"Software": None})
    return figure(image.getvalue(), caption)
