"""How well a network reads sightlines that it has not learned from: each is left out once, and judged on its examples.

Beside each dusty diagram a network sees the bare one, which says where it looks. A network that uses it well reads a
new sightline about as well as one that has learned there. All networks are judged by the test sample of the one that
learned from all sightlines, each example of which is one of one sightline; no network has seen any of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import InputError
from ..storage import replacing, writable
from .compare import drawn_figure
from .parameters import validated
from .report import table as html_table
from .report import write_page
from .sample import directions_of
from .sweep import Member, Sweep

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["SCORES", "Transfer", "evaluate", "leaving_out", "summary"]

#: Scores by which networks are compared, as `comparison.held_out` names them; those beyond the last bin are left out.
SCORES = (
    "relative_error_2kpc",
    "relative_error_4kpc",
    "relative_error_6kpc",
    "relative_error_8kpc",
    "correlation_500pc",
)
#: Parameters that would bring in examples or networks of their own.
FOREIGN = ("control", "training_sample", "trained_network")


@dataclass(frozen=True)
class Transfer(Sweep):
    """Trainings of which the first learns from all sightlines, and each other from all but some.

    Parameters
    ----------
    left_out
        Indices of the sightlines that each member after the first does not see.
    """

    left_out: tuple[tuple[int, ...], ...] = ()

    def finish(self, folder: Path, say: Callable[[str], None] = print) -> None:
        """Judge the networks that are trained, and write ``transfer.json``, ``transfer.csv`` and ``transfer.html``."""
        done = [(folder / member.name / "report.html").is_file() for member in self.members]
        pairs = [(m, out) for m, out, there in zip(self.members[1:], self.left_out, done[1:], strict=True) if there]
        if not (done[0] and pairs):
            return
        found = evaluate(folder / self.members[0].name, {folder / member.name: out for member, out in pairs})
        made = summary(found)
        with writable(folder), replacing(folder / "transfer.json") as part:
            part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        with writable(folder), replacing(folder / "transfer.csv") as part:
            made.write(part, format="ascii.csv")
        _write(folder / "transfer.html", self.name, found, made)
        say("\n".join(made.pformat(max_lines=-1, max_width=-1)))
        say(f"page: {folder / 'transfer.html'}")


def leaving_out(name: str, values: Mapping[str, Any], by: Literal["sightline", "l", "b"] = "sightline") -> Transfer:
    """Plan the trainings.

    Parameters
    ----------
    name
        Of the whole.
    values
        Parameters that are common to all.
    by
        What is left out at once: a sightline, or all of one longitude or one latitude.

    Raises
    ------
    InputError
        When the parameters cannot be, there are fewer than two to leave out, or a sightline is not the stream's.
    """
    for foreign in FOREIGN:
        if values.get(foreign):
            msg = f"{foreign} = {values[foreign]!r} has no place where every network learns anew; leave it out"
            raise InputError(msg)
    places = directions_of(validated(values))
    groups: dict[Any, list[int]] = {}
    for index, (l, b) in enumerate(places):
        groups.setdefault({"sightline": (l, b), "l": l, "b": b}[by], []).append(index)
    if len(groups) < 2:
        msg = f"leaving one {by} out takes at least two, and there is {len(groups)}; give more in train_sightlines"
        raise InputError(msg)
    members = [Member("000_all", {"train_sightlines": [list(place) for place in places]})]
    for number, out in enumerate(groups.values(), start=1):
        l, b = places[out[0]]
        label = {"sightline": f"l{l:.4g}_b{b:.3g}", "l": f"l{l:.4g}", "b": f"b{b:.3g}"}[by]
        others = [list(place) for index, place in enumerate(places) if index not in out]
        members.append(Member(f"{number:03}_without_{label}", {"train_sightlines": others}))
    left_out = tuple(tuple(out) for out in groups.values())
    return Transfer(name, dict(values), tuple(members), ("--training",), left_out)


def evaluate(everything: Path, without: Mapping[Path, tuple[int, ...]]) -> dict[str, Any]:
    """Judge networks on the sightlines that they have not seen, beside the one that has seen all.

    Parameters
    ----------
    everything
        Folder of the run that learned from all sightlines.
    without
        Folders of the others, and indices of the sightlines that each has not seen.

    Returns
    -------
    `sightlines`, a list of `l`, `b`, number of `examples`, and the scores `seen` and `unseen`, by network; and
    `all`, the same of their examples together. What a score means is under `meanings`.
    """
    from .. import comparison, samples, training
    from ..nn import Network

    sample = samples.load(everything / "sample" / "test.zarr")
    stream = json.loads(sample.attrs["stream"])
    edges = np.array(stream["edges"])
    best = Network.load(everything / "network" / "network.npz")
    rows: list[dict[str, Any]] = []
    pooled: list[tuple[np.ndarray, ...]] = []

    def judged(true: np.ndarray, seen: np.ndarray, unseen: np.ndarray) -> dict[str, Any]:
        scores = [comparison.held_out(predicted, true, edges) for predicted in (seen, unseen)]
        for key in SCORES:
            if key in scores[0]:
                meanings[key] = scores[0][key]["meaning"]
        named = zip(("seen", "unseen"), scores, strict=True)
        return {"examples": len(true), **{of: {key: each[key]["value"] for key in meanings} for of, each in named}}

    meanings: dict[str, str] = {}
    for folder, out in without.items():
        network = Network.load(folder / "network" / "network.npz")
        for index in out:
            here = sample.isel(example=np.flatnonzero(sample["sightline"].values == index))
            shown = training.Inputs(here)
            pooled.append((here["delta_A_V"].values, best.predict(shown), network.predict(shown)))
            l, b = stream["sightlines"][index]
            rows.append({"l": l, "b": b, **judged(*pooled[-1])})
    together = judged(*(np.concatenate(part) for part in zip(*pooled, strict=True)))
    return {"sightlines": rows, "all": together, "meanings": meanings}


def summary(found: Mapping[str, Any]) -> Table:
    """Put what `evaluate` found in a table, a sightline a row and all together last; errors in percent."""
    from astropy.table import Table

    rows = [*found["sightlines"], found["all"]]
    made = Table()
    made["sightline"] = [f"({row['l']:.1f}, {row['b']:.1f})" if "l" in row else "all" for row in rows]
    made["examples"] = [row["examples"] for row in rows]
    for key in found["meanings"]:
        short, factor = (f"error_{key.rpartition('_')[2]}", 100.0) if "error" in key else ("correlation", 1.0)
        for of in ("seen", "unseen"):
            values = [row[of][key] for row in rows]
            made[f"{short}_{of}"] = [np.nan if value is None else round(factor * value, 4) for value in values]
            made[f"{short}_{of}"].info.format = ".1f" if factor > 1 else ".3f"
    return made


def _write(path: Path, name: str, found: Mapping[str, Any], made: Table) -> None:
    from ..comparison.figures import seen_and_unseen

    columns = made.colnames
    body = [
        f"<h1>{escape(name)}: sightlines left out</h1>",
        "<p>Each sightline's test examples, read by a network that learned from all sightlines and by one that learned "
        "without this one, from as many examples. Errors are in percent.</p>",
        drawn_figure(seen_and_unseen(found), "A network that has seen a sightline against one that has not."),
        html_table(
            columns, ([format(row[column], made[column].info.format or "") for column in columns] for row in made)
        ),
        html_table(("score", "meaning"), found["meanings"].items()),
    ]
    write_page(path, f"{name}: sightlines left out", body)
