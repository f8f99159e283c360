"""Redraws of the widgets: ``python -m benchmarks.widgets --run runs/demo``.

For each thing that can be moved in a widget: the time from the change of its state to the new data of its figures, with
all that the widget does in between and the message for the browser, but not the browser's own drawing. A change is made
`rounds` times, to other values, after one that does not count; the medians count: of the processor's time, of all
threads, which bounds what it takes on a machine of its own, and by the clock. None may take longer than 100 ms; of what
is dragged the coarse drawing is meant, and the full one, which follows when the mouse rests, is measured beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import milkyway_widgets
from benchmarks.network import RESULTS, machine
from benchmarks.readme import renew

#: Longest time of a redraw (ms).
LIMIT = 100.0


@dataclass(frozen=True)
class Change:
    """Something that can be moved, `move` in round i; `before` it, untimed."""

    widget: str
    what: str
    move: Callable[[int], object]
    before: Callable[[int], object] = lambda i: None


def changes(run: Path) -> Iterator[Change]:
    """Make each widget of a run, and give what can be moved in it."""
    yield from of_cube(wired(milkyway_widgets.CubeViewer.of(run)))
    yield from of_profile(wired(milkyway_widgets.ProfileExplorer.of(run)))

    state = wired(milkyway_widgets.DiagramInspector.of(run))
    yield Change("DiagramInspector", "example", lambda i: state.set_trait("example", i))
    yield Change("DiagramInspector", "view", lambda i: state.set_trait("view", ("bare", "difference", "dusty")[i % 3]))
    yield Change("DiagramInspector", "pixel", lambda i: state.set_trait("pixel", (20 + i % 20, 20)))

    picker = wired(milkyway_widgets.SightlinePicker.of(run))
    l, b = (picker.field[name].values.tolist() for name in ("l", "b"))
    yield Change("SightlinePicker", "pick", lambda i: picker.pick(l[i % len(l)], b[0]))
    skies = list(picker.skies)
    yield Change("SightlinePicker", "sky", lambda i: picker.set_trait("sky", skies[(i + 1) % len(skies)]))

    monitor = milkyway_widgets.TrainingMonitor.of(run)
    watched = wired(monitor)
    yield Change("TrainingMonitor", "new records", lambda i: monitor.look(), lambda i: watched.set_trait("epochs", {}))
    watched.examine()
    yield Change("TrainingMonitor", "worst example", lambda i: watched.set_trait("rank", (i + 1) % 8))

    browser = wired(milkyway_widgets.RunBrowser.of(run))
    scores = browser.scores
    yield Change("RunBrowser", "score", lambda i: browser.set_trait("score", scores[(i + 1) % len(scores)]))


def wired(view: Any) -> Any:
    """Make the widget of a view, so that its figures follow, and return the state."""
    assert view.widget
    return view.state


def of_cube(state: Any) -> Iterator[Change]:
    """Give what can be moved in a `CubeViewer`; with one cube there is nothing to blink with."""
    edges, names, shown = state.edges, list(state.cubes), state.quantities
    cells = [(i % len(state.b), 7 * i % len(state.l)) for i in range(1, 1000)]
    yield Change("CubeViewer", "distance", lambda i: state.set_trait("to", float(edges[1 + 3 * i % (edges.size - 1)])))
    yield Change("CubeViewer", "cell", lambda i: state.set_trait("cell", cells[i]))
    yield Change("CubeViewer", "blink", lambda i: state.set_trait("shown", names[(i + 1) % len(names)]))
    yield Change("CubeViewer", "quantity", lambda i: state.set_trait("quantity", shown[(i + 1) % len(shown)]))
    yield Change("CubeViewer", "beside", lambda i: state.set_trait("beside", i % 2 == 0))


def of_profile(state: Any) -> Iterator[Change]:
    """Give what can be moved in a `ProfileExplorer`, drawn coarsely, and one thing drawn in full."""

    def coarse(i: int) -> None:
        state.rough = True

    def moved(i: int) -> None:
        state.rough = True
        state.cloud_distance = 1.0 + 0.05 * i

    yield Change("ProfileExplorer", "cloud", lambda i: state.set_trait("cloud_distance", 0.5 + 0.05 * i), coarse)
    yield Change("ProfileExplorer", "cloud, in full", lambda i: state.set_trait("rough", False), moved)
    state.mode = "by hand"
    first, last = state.knots[:4], state.knots[5:]
    at = state.knots[4][0]
    yield Change(
        "ProfileExplorer", "knot", lambda i: state.set_trait("knots", (*first, (at, 1 + 0.1 * i), *last)), coarse
    )
    state.mode = "field"
    yield Change("ProfileExplorer", "draw", lambda i: state.set_trait("draw", i), coarse)
    yield Change("ProfileExplorer", "spectral slope", lambda i: state.set_trait("slope", 1 + 0.05 * i), coarse)


def timed(change: Change, rounds: int) -> dict[str, Any]:
    """Make a change again and again, and take the medians of wall clock and processor (ms)."""
    taken = []
    for i in range(rounds + 1):
        change.before(i)
        wall, processor = time.perf_counter(), time.process_time()
        change.move(i)
        taken.append((time.perf_counter() - wall, time.process_time() - processor))
    wall, processor = 1e3 * np.median(taken[1:], axis=0)
    worst = 1e3 * max(row[0] for row in taken[1:])
    found = {"wall_ms": float(wall), "worst_ms": float(worst), "processor_ms": float(processor)}
    return {"widget": change.widget, "what": change.what, **{name: round(ms, 2) for name, ms in found.items()}}


def table(result: dict[str, Any]) -> str:
    """Write the results in Markdown."""
    lines = ["| widget | moved | milliseconds of the processor |", "|---|---|---|"]
    lines += [f"| `{row['widget']}` | {row['what']} | {row['processor_ms']:.0f} |" for row in result["rows"]]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, print the table, write the results as JSON."""
    parser = argparse.ArgumentParser(prog="milkyway-cnn benchmark widgets", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/demo"), help="folder of a run that is done [runs/demo]")
    parser.add_argument("--rounds", type=int, default=15, help="times that each change is made [15]")
    parser.add_argument("--output", type=Path, default=RESULTS / "widgets.json")
    chosen = parser.parse_args(arguments)
    if not (chosen.run / "cube" / "cube.zarr").exists():
        parser.error(f"{chosen.run} holds no map; make one with: milkyway-cnn demo")
    rows = [timed(change, chosen.rounds) for change in changes(chosen.run)]
    about = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "load": os.getloadavg()[0], "machine": machine()}
    result = about | {"run": chosen.run.name, "rounds": chosen.rounds, "rows": rows}
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    if chosen.output == RESULTS / "widgets.json":
        renew("benchmarks.widgets", table(result))
    print(f"{table(result)}\n\nwritten to {chosen.output}")


if __name__ == "__main__":
    main()
