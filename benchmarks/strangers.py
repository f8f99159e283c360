"""What the map is worth where stars are of another Galaxy than it knows: ``python -m benchmarks.strangers runs/demo``.

The middle of the demo's field, behind other clouds, with the stars of each model; network, fit and classical rival know
the embedded one alone, and are not told.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.readme import RESULTS, renew
from milkyway_cnn.comparison.scores import DISTANCES, errors
from milkyway_cnn.extinction.dust import MockDust
from milkyway_cnn.validation.closed_loop import Setting, map_sky

#: Models, and methods of `map_sky` in the order of the table.
MODELS = ("embedded", "gums_dr3", "besancon2003")
METHODS = ("network", "map", "classical")


def measured(setting: Setting, models: tuple[str, ...] = MODELS, seed: int = 7) -> dict[str, Any]:
    """Median relative errors at `DISTANCES` of each method, by whose stars the sky has."""
    rows: dict[str, Any] = {}
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            cubes = map_sky(setting, MockDust(seed), Path(folder, "stars.fits"), seed=seed, galaxy=model)
        found = {name: errors(cubes[name], cubes["truth"], DISTANCES) for name in METHODS if name in cubes}
        rows[model] = {name: each["relative_error"].values.tolist() for name, each in found.items()}
    return {"rows": rows, "cells": setting.grid.shape[0] * setting.grid.shape[1], "seed": seed}


def table(result: Mapping[str, Any]) -> str:
    """Write the table in Markdown."""
    heads = ", ".join(f"{to:g}" for to in DISTANCES)
    lines = [
        f"| stars of | network alone, A_V to {heads} kpc off by | refined | classical |",
        "|---|---|---|---|",
    ]
    for model, row in result["rows"].items():
        cells = [", ".join(f"{100 * error:.1f}" for error in row[name]) + " %" for name in METHODS if name in row]
        lines.append(f"| `{model}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Map the skies by the network of a run, print the table, write the results as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strangers", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run whose training is done, with profiles refined")
    parser.add_argument("--cells", type=int, default=144, help="cells of each sky, at most [144]")
    parser.add_argument("--output", type=Path, default=RESULTS / "strangers.json")
    chosen = parser.parse_args(arguments)
    result = measured(Setting.of(chosen.run, chosen.cells))
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    if chosen.output == RESULTS / "strangers.json":
        renew("benchmarks.strangers", table(result))
    print(f"{table(result)}\n\nwritten to {chosen.output}")


if __name__ == "__main__":
    main()
