"""What whole runs measured, for the README: ``python -m benchmarks.runs runs/demo runs/orion``.

Writes the scores and seconds of each run to ``results/NAME.json``, the picture of the demo to ``results/demo.png``,
and the README's measured table from these files, so that no figure in it is typed.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from benchmarks import readme
from benchmarks.readme import RESULTS

#: Rows of the table: run, score, and how its value is written; what a stored result does not have yet is left out.
ROWS = (
    ("demo", "relative_error_2kpc", "{:.1%}"),
    ("demo", "relative_error_4kpc", "{:.1%}"),
    ("demo", "relative_error_6kpc", "{:.1%}"),
    ("demo", "relative_error_8kpc", "{:.1%}"),
    ("demo", "correlation_500pc", "{:.2f}"),
    *(("demo", f"network_relative_error_{to}kpc", "{:.1%}") for to in (2, 4, 6, 8)),
    ("demo", "coverage_68", "{:.1%}"),
    ("demo", "coverage_95", "{:.1%}"),
    *(("demo", f"map_to_{rival}_{to}kpc", "{:.2f}") for rival in ("classical", "ridge") for to in (2, 4, 6, 8)),
    ("demo", "classical_correlation_500pc", "{:.2f}"),
    ("demo", "ridge_correlation_500pc", "{:.2f}"),
    ("orion", "excess_spearman", "{:.2f}"),
    ("orion", "excess_slope", "{:.1f}"),
    ("orion", "dusty_third_distance", "{:.2f} kpc"),
    ("orion", "control_mean", "{:.2f} mag"),
)


def measured(folder: Path) -> dict:
    """Take scores, seconds, versions and parameters from the folder of a run that is done."""
    record = json.loads((folder / "run.json").read_text())
    scores = json.loads((folder / "comparison" / "scores.json").read_text())
    seconds = {name: round(stage["seconds"], 1) for name, stage in sorted(record["stages"].items())}
    provenance = {name: value for name, value in record["provenance"].items() if name != "parameters"}
    return {"name": record["name"], "scores": scores, "seconds": seconds, "provenance": provenance}


def table() -> str:
    """Write the measured table in Markdown from the stored results."""
    results = {path.stem: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}
    lines = ["| run | measured | |", "|---|---|---|"]
    for run, name, form in ROWS:
        if run in results and name in results[run]["scores"]:
            score = results[run]["scores"][name]
            meaning = score["meaning"].replace("|", r"\|")
            lines.append(f"| `{run}` | {meaning} | {form.format(score['value'])} |")
    for run in ("demo", "orion"):
        if run in results:
            lines.append(f"| `{run}` | seconds of all its stages | {sum(results[run]['seconds'].values()):.0f} s |")
    return "\n".join(lines)


def main(folders: list[str]) -> None:
    """Keep what the runs in these folders measured, and renew the README's table."""
    RESULTS.mkdir(exist_ok=True)
    for folder in map(Path, folders):
        result = measured(folder)
        (RESULTS / f"{result['name']}.json").write_text(json.dumps(result, indent=1) + "\n")
        if result["name"] == "demo":
            shutil.copy(folder / "figures" / "1_sky_and_truth.png", RESULTS / "demo.png")
    readme.renew("benchmarks.runs", table())


if __name__ == "__main__":
    main(sys.argv[1:])
