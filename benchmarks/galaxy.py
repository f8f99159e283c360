"""Speed and memory of the population synthesis: ``python -m benchmarks.galaxy``.

Measured in processes of their own: the time to make the tables of states with an empty cache and to read them again;
stars per second towards (285, 0) to Ks < 15 at growing solid angles, the first of which, 5 square degrees, is a 20-fold
parent sample of a sightline of 0.25; and the memory that drawing the last of them in chunks adds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.network import RESULTS, machine

#: Lines before each measurement; the kernels are compiled by a small draw first.
PRELUDE = """
import json, resource, sys, time
import numba
from milkyway_cnn.galaxy.models import EMBEDDED
from milkyway_cnn.galaxy.populations import states
from milkyway_cnn.galaxy.synthesis import synthesize, synthesize_chunks
numba.set_num_threads({threads})
LIMITS = dict(faintest={{"Ks": 15.0}})

def seconds(run):
    begin = time.perf_counter()
    out = run()
    return time.perf_counter() - begin, out

def tables():
    return [states(component, EMBEDDED.binary_fraction) for component in EMBEDDED.components]
"""
TABLES = "print(json.dumps(seconds(tables)[0]))"
DRAWS = """
synthesize(285, 0, 0.001, seed=1, **LIMITS)
rows = []
for area in {areas}:
    times = [seconds(lambda: len(synthesize(285, 0, area, seed=turn, **LIMITS))) for turn in range({turns})]
    row = dict(threads={threads}, square_degrees=area, stars=times[0][1], seconds=min(t for t, _ in times))
    rows.append(row)
print(json.dumps(rows))
"""
CHUNKS = """
synthesize(285, 0, 0.001, seed=1, **LIMITS)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
time_taken, stars = seconds(
    lambda: sum(len(part) for part in synthesize_chunks(285, 0, {area}, seed=0, chunk={chunk}, **LIMITS))
)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([time_taken, stars, (after - before) / 1024]))
"""


def measured(code: str, cache: str, threads: int = 1, **values: object) -> object:
    """Run a measurement in a process whose tables lie in the folder `cache`; give what it prints."""
    source = (PRELUDE + code).format(threads=threads, **values)
    environment = os.environ | {"XDG_CACHE_HOME": cache}
    run = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, env=environment)
    return json.loads(run.stdout)


def measure(areas: list[float], turns: int, chunk: int, threads: list[int]) -> dict[str, object]:
    """Take all measurements; areas in square degrees."""
    with tempfile.TemporaryDirectory() as cache:
        made, read = (measured(TABLES, cache) for _ in range(2))
        rows = [row for count in threads for row in measured(DRAWS, cache, count, areas=areas, turns=turns)]
        taken, drawn, memory = measured(CHUNKS, cache, area=areas[-1], chunk=chunk)
    return {
        "tables_made_seconds": made,
        "tables_read_seconds": read,
        "rows": rows,
        "chunks": {"chunk": chunk, "stars": drawn, "seconds": taken, "added_mib": memory},
    }


def table(result: dict) -> str:
    """Write results as a Markdown table."""
    lines = ["| measured | |", "|---|---|"]
    lines.append(
        f"| tables made, read again | {result['tables_made_seconds']:.2f}, {result['tables_read_seconds']:.2f} s |"
    )
    for row in result["rows"]:
        rate = row["stars"] / row["seconds"] / 1e6
        lines.append(
            f"| {row['square_degrees']:g} square degrees, {row['stars']:,} stars, {row['threads']} threads | "
            f"{row['seconds']:.3f} s, {rate:.1f} million stars/s |"
        )
    chunks = result["chunks"]
    lines.append(
        f"| {chunks['stars']:,} stars in chunks of {chunks['chunk']:,} | {chunks['added_mib']:.0f} MiB added |"
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, print the table, write the results as JSON."""
    parser = argparse.ArgumentParser(prog="milkyway-cnn benchmark", description=__doc__)
    parser.add_argument("--areas", nargs="+", type=float, default=[5.0, 20.0, 80.0], help="square degrees [5 20 80]")
    parser.add_argument("--turns", type=int, default=5, help="of each draw, the best counts [5]")
    parser.add_argument("--chunk", type=int, default=1 << 18, help="stars of a chunk [262144]")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--output", type=Path, default=RESULTS / "galaxy.json")
    chosen = parser.parse_args(arguments)
    result = measure(chosen.areas, chosen.turns, chosen.chunk, chosen.threads)
    result = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine()} | result
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{table(result)}\n\nwritten to {chosen.output}")


if __name__ == "__main__":
    main()
