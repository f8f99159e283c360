"""How long each chapter takes: ``python -m benchmarks.chapters``.

Every notebook is executed by papermill in a kernel of its own, without a browser, in order in a fresh folder: once
with the parameters of `smoke`, once with its defaults. The processor's seconds, of all threads, count, as what a
chapter takes at most where it has the machine for itself; the clock's stand beside them, with whatever else ran.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import papermill

from benchmarks.network import RESULTS, machine
from benchmarks.readme import TEACHING, renew
from milkyway_cnn.pipeline.chapters import NOTEBOOKS
from milkyway_cnn.pipeline.settings import load

#: Longest time of a chapter with its defaults, and of all of them small (s).
LIMIT, LIMIT_SMALL = 120.0, 360.0
#: How a chapter is executed.
SIZES = ("defaults", "small")


def parameters_of(notebook: Path) -> set[str]:
    """Return the names in the cell that is tagged `parameters`."""
    cells = json.loads(notebook.read_text())["cells"]
    source = next("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", []))
    return {statement.targets[0].id for statement in ast.parse(source).body}  # type: ignore[attr-defined]


def title_of(notebook: Path) -> str:
    """Return the first heading."""
    return "".join(json.loads(notebook.read_text())["cells"][0]["source"]).splitlines()[0].removeprefix("# ")


def executed(notebook: Path, folder: Path, values: dict[str, Any]) -> dict[str, float]:
    """Execute a chapter, and return the seconds that it took, of the processor and by the clock."""
    named = parameters_of(notebook)
    chosen = {name: value for name, value in values.items() if name in named}
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    how = {"progress_bar": False, "kernel_name": "python3", "start_timeout": 600}
    papermill.execute_notebook(notebook, folder / notebook.name, chosen, **how)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"processor": round(processor, 1), "clock": round(ended - begun, 1)}


def table(result: dict[str, Any]) -> str:
    """Write the results in Markdown; a dash where nothing is measured yet."""
    lines = ["| chapter | defaults | small |", "|---|---|---|"]
    for row in result["rows"]:
        seconds = [
            f"{row[size]['processor']:.0f} s ({row[size]['clock']:.0f} s)" if size in row else "-" for size in SIZES
        ]
        lines.append(f"| [{row['chapter'][:2]}]({row['chapter']}.ipynb) {row['title']} | {' | '.join(seconds)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, print the table, write the results as JSON."""
    parser = argparse.ArgumentParser(prog="milkyway-cnn benchmark chapters", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[""], metavar="NUMBER", help="of the others the old results stay")
    parser.add_argument("--sizes", nargs="+", default=["small", "defaults"], choices=SIZES)
    parser.add_argument("--output", type=Path, default=RESULTS / "chapters.json")
    chosen = parser.parse_args(arguments)
    notebooks = sorted(NOTEBOOKS.glob("*.ipynb"))
    old = json.loads(chosen.output.read_text())["rows"] if chosen.output.exists() else []
    rows = {path.stem: {"chapter": path.stem, "title": title_of(path)} for path in notebooks}
    for row in old:
        rows[row["chapter"]] = row | rows[row["chapter"]]
    os.environ["MILKYWAY_HEADLESS"] = "1"
    for size in chosen.sizes:
        values = load("smoke", NOTEBOOKS / "parameters") if size == "small" else {}
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_CACHE_HOME"] = folder  # the tour's network is to be trained
            for path in notebooks:
                if path.name.startswith(tuple(chosen.only)):
                    rows[path.stem][size] = executed(path, Path(folder), values | {"run": str(Path(folder) / "run")})
                    print(size, path.stem, rows[path.stem][size], flush=True)
    about = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "load": os.getloadavg()[0], "machine": machine()}
    result = about | {"rows": list(rows.values())}
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    if chosen.output == RESULTS / "chapters.json":
        renew("benchmarks.chapters", table(result), TEACHING)
    print(f"{table(result)}\n\nwritten to {chosen.output}")


if __name__ == "__main__":
    main()
