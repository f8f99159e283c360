"""A large catalog to diagrams: ``python -m benchmarks.reduction``.

A synthetic catalog like that of 2MASS, with errors and quality flags, lies in parquet files whose rows have no order,
so that every file has stars of every sightline. Each measurement is a process of its own, from its start to its end;
its memory is the largest sum over it and its workers of what they hold (proportional set: of pages that n processes
share, each holds 1 / n). Processor time is that of all of them, and tells the work where others use the machine as
well. The peer is `numpy.histogram2d` of the stars of each cell, once they are sorted by cell, on one thread and in
memory, as is this package's counting beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil

from benchmarks.network import RESULTS, ROOT, machine
from milkyway_cnn.diagrams import Counts
from milkyway_cnn.reduction import observe_catalog
from milkyway_cnn.sightlines import Grid
from milkyway_cnn.surveys.read import read_catalog

#: 93 x 21 sightlines every 0.5 deg on l 257 to 303, b -5 to 5.
GRID = Grid(256.75, 303.25, -5.25, 5.25, 0.5)
#: Rows of a file.
FILE = 1_000_000


def write_catalog(folder: Path, rows: int, file: int = FILE) -> None:
    """Write a synthetic catalog in parquet files, one after the other."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(range(0, rows, file)):
        rng = np.random.default_rng(number)
        n = min(file, rows - first)
        # Counts rise as 10^(0.33 Ks), and about 30 % of the rows enter the diagrams: in two real fields, 26 and 36 %.
        Ks = 15.6 + np.log(rng.random(n)) / 0.75
        reddening = rng.gamma(2.0, 0.4, n)
        columns = {"GLON": rng.uniform(GRID.l_min, GRID.l_max, n), "GLAT": rng.uniform(GRID.b_min, GRID.b_max, n)}
        for band, bare, law, limit in (("J", 0.7, 1.0, 17.0), ("H", 0.15, 0.37, 16.2), ("K", 0.0, 0.0, 15.6)):
            magnitude = Ks + bare + law * reddening + rng.normal(0, 0.05, n)
            error = np.hypot(0.022, 0.109 * 10 ** (0.4 * (magnitude - limit + 0.9)))
            columns[f"{band}mag"] = magnitude.astype(np.float32)
            columns[f"e_{band}mag"] = np.where(magnitude < limit, error, np.nan).astype(np.float32)
        for flag, values in (
            ("Qflg", ("AAA", "AAB", "ABC", "UAA")),
            ("Rflg", ("222", "220")),
            ("Cflg", ("000", "cc0")),
        ):
            place = np.minimum(rng.geometric(0.8, n), len(values)) - 1  # most stars have the first value
            columns[flag] = pa.DictionaryArray.from_arrays(place.astype(np.int8), values)
        pq.write_table(pa.table(columns), folder / f"{number:04d}.parquet", row_group_size=max(1, file // 4))


def reduce(folder: str, cluster: str) -> None:
    """Reduce a catalog, and print what came out: the body of a measured process."""
    observed, report = observe_catalog(folder, GRID, cluster=cluster)
    digest = hashlib.sha256(observed["diagram"].values.tobytes()).hexdigest()
    print(json.dumps({"digest": digest, "stars": int(observed["stars"].sum()), "rows": report.rows}))


def measure(folder: Path, cluster: str) -> dict:
    """Measure one reduction: its seconds, and the peak of its memory over all processes."""
    command = [sys.executable, "-m", "benchmarks.reduction", "--reduce", str(folder), "--cluster", cluster]
    begin, before, peak = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        top = psutil.Process(process.pid)
        while process.poll() is None:
            held = 0
            try:
                for member in (top, *top.children(recursive=True)):
                    held += member.memory_full_info().pss
            except psutil.NoSuchProcess:  # ended while we looked
                continue
            peak = max(peak, held)
            time.sleep(0.05)
        seconds = time.perf_counter() - begin
        output, complaint = process.communicate()
    if process.returncode:
        raise RuntimeError(complaint)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = json.loads(output.splitlines()[-1])
    return {
        "workers": int(cluster or 0),
        **found,
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor, 2),
        "peak_mib": round(peak / 2**20),
    }


def shortest(work: Callable[[], object], rounds: int = 5) -> float:
    """Time work several times, for others may use the machine; return the seconds of the shortest."""
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def histograms(folder: Path) -> dict:
    """Compare the counting of stars in memory with `numpy.histogram2d` of each cell."""
    stars = read_catalog(min(folder.glob("*.parquet")), region=GRID.region)
    counts = Counts(GRID).add(stars)
    axes = counts.kind.axes

    def per_cell() -> list[np.ndarray]:
        accepted = counts.kind.accepts(stars)
        cell = np.where(accepted, GRID.cell_index(stars.l, stars.b), -1)
        order = np.argsort(cell, kind="stable")
        color, magnitude = (values[order] for values in counts.kind.values(stars))
        bounds = np.searchsorted(cell[order], np.arange(len(counts.diagram) + 1))
        options = {"bins": axes.pixels, "range": [axes.magnitude, axes.color]}
        return [np.histogram2d(magnitude[a:b], color[a:b], **options)[0] for a, b in pairwise(bounds)]

    own, peer = shortest(lambda: Counts(GRID).add(stars)), shortest(per_cell)
    # A few stars lie so near to the edge of a pixel that float32 and float64 disagree on it.
    moved = int(np.abs(np.array(per_cell()) - counts.diagram).sum() / 2)
    rate = len(stars) / np.array([own, peer])
    return {
        "stars": len(stars),
        "milkyway_cnn_stars_per_second": round(rate[0]),
        "numpy_stars_per_second": round(rate[1]),
        "ratio": round(peer / own, 1),
        "stars_in_another_pixel": moved,
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, print each measurement, write the results as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=[2_000_000, 5_000_000, 10_000_000, 20_000_000])
    parser.add_argument("--workers", nargs="+", default=["", "2", "4"], help="of the largest catalog ['' 2 4]")
    parser.add_argument("--file", type=int, default=FILE, help="rows of a file [1000000]")
    parser.add_argument("--folder", type=Path, help="where the catalog is made and removed; a temporary one by default")
    parser.add_argument("--output", type=Path, default=RESULTS / "reduction.json")
    parser.add_argument("--reduce", help=argparse.SUPPRESS)
    parser.add_argument("--cluster", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.reduce:
        return reduce(chosen.reduce, chosen.cluster)
    rows = []
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        everything = Path(folder, "everything")
        write_catalog(everything, max(chosen.rows), chosen.file)
        for size in sorted(chosen.rows):
            catalog = Path(folder, str(size))
            catalog.mkdir()
            for path in sorted(everything.iterdir())[: -(-size // chosen.file)]:
                (catalog / path.name).symlink_to(path)
            for workers in chosen.workers if size == max(chosen.rows) else chosen.workers[:1]:
                rows.append(measure(catalog, workers))
                print(json.dumps(rows[-1]), flush=True)
        peer = histograms(everything)
        print(json.dumps(peer))
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "sightlines": GRID.shape[0] * GRID.shape[1],
        "reductions": rows,
        "histogram2d": peer,
    }
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
