"""How long each chapter takes: ``python -m benchmarks.chapters --run runs/demo``.

Every notebook is executed by papermill in a kernel of its own, without a browser, with the parameters of `smoke`, in
order in a fresh folder; and with its defaults where it is no stage of a run. What the stages take with their defaults
is known from the run `demo`, as `benchmarks.runs` has measured it. The processor's seconds, of all threads, count, as
what a chapter takes at most where it has the machine for itself; for the stages of `demo`, those by the clock.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import resource
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import papermill

from benchmarks.network import RESULTS, machine
from benchmarks.readme import TEACHING, renew
from milkyway_cnn.pipeline.chapters import CHAPTERS, NOTEBOOKS
from milkyway_cnn.pipeline.parameters import load

#: Longest time of a chapter with its defaults, and of all of them small (s).
LIMIT, LIMIT_SMALL = 120.0, 360.0


def parameters_of(notebook: Path) -> set[str]:
    """Return the names in the cell that is tagged `parameters`."""
    cells = json.loads(notebook.read_text())["cells"]
    source = next("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", []))
    return {statement.targets[0].id for statement in ast.parse(source).body}  # type: ignore[attr-defined]


def title_of(notebook: Path) -> str:
    """Return the first heading."""
    return "".join(json.loads(notebook.read_text())["cells"][0]["source"]).splitlines()[0].removeprefix("# ")


def executed(notebook: Path, folder: Path, values: dict[str, Any]) -> float:
    """Execute a chapter, and return the seconds of the processor that it took."""
    named = parameters_of(notebook)
    chosen = {name: value for name, value in values.items() if name in named}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    how = {"progress_bar": False, "kernel_name": "python3", "start_timeout": 600}
    papermill.execute_notebook(notebook, folder / notebook.name, chosen, **how)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1)


def table(result: dict[str, Any]) -> str:
    """Write the results in Markdown; a dash where nothing is measured yet."""
    lines = ["| chapter | defaults | small |", "|---|---|---|"]
    for row in result["rows"]:
        seconds = " | ".join(f"{row[size]:.0f} s" if size in row else "-" for size in ("defaults", "small"))
        lines.append(f"| [{row['chapter'][:2]}]({row['chapter']}.ipynb) {row['title']} | {seconds} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, print the table, write the results as JSON."""
    parser = argparse.ArgumentParser(prog="milkyway-cnn benchmark chapters", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[""], metavar="NUMBER", help="of the others the old results stay")
    parser.add_argument("--sizes", nargs="+", default=["small", "defaults"], choices=["small", "defaults"])
    parser.add_argument("--run", type=Path, default=Path("runs/demo"), help="that 10_widgets looks at [runs/demo]")
    parser.add_argument("--output", type=Path, default=RESULTS / "chapters.json")
    chosen = parser.parse_args(arguments)
    notebooks = sorted(NOTEBOOKS.glob("*.ipynb"))
    old = json.loads(chosen.output.read_text())["rows"] if chosen.output.exists() else []
    rows = {path.stem: {"chapter": path.stem, "title": title_of(path)} for path in notebooks}
    for row in old:
        rows[row["chapter"]] = row | rows[row["chapter"]]
    for name, seconds in json.loads((RESULTS / "demo.json").read_text())["seconds"].items():
        rows[name]["defaults"] = seconds
    os.environ["MILKYWAY_HEADLESS"] = "1"
    kept = [path for path in notebooks if path.name.startswith(tuple(chosen.only))]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # the tour's network is to be trained
        small = load("smoke", NOTEBOOKS / "parameters")
        for path in kept if "small" in chosen.sizes else []:
            rows[path.stem]["small"] = executed(path, Path(folder), small | {"run": str(Path(folder) / "run")})
            print("small", path.stem, rows[path.stem]["small"], flush=True)
        for path in kept if "defaults" in chosen.sizes else []:
            if path.stem not in CHAPTERS:
                rows[path.stem]["defaults"] = executed(path, Path(folder), {"run": str(chosen.run.absolute())})
                print("defaults", path.stem, rows[path.stem]["defaults"], flush=True)
    about = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "load": os.getloadavg()[0], "machine": machine()}
    result = about | {"rows": list(rows.values())}
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    if chosen.output == RESULTS / "chapters.json":
        renew("benchmarks.chapters", table(result), TEACHING)
    print(f"{table(result)}\n\nwritten to {chosen.output}")


if __name__ == "__main__":
    main()
