"""The cube of a full plane: ``python -m benchmarks.cube``.

360 x 20 degrees at 0.25 degrees are 115,200 sightlines, each with 100 distance bins of A_V, its steps, their standard
deviations, five quantiles and flags. Made-up profiles are assembled strip by strip and written as zarr; the store is
opened lazily, queried for a value, an interval and flags on every sightline, at a million random places and for the
distance at which A_V reaches 1 mag; and it is written in the other formats. Each stage is a process of its own; its
memory is the peak that the system recorded for it, imports included. Processor time tells the work where others use
the machine as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.network import RESULTS, ROOT, machine
from benchmarks.readme import renew

STAGES = {
    "assemble": "assembled and written as zarr",
    "query": "A_V, its 16th and 84th percentile and flags at 4 kpc on every sightline",
    "places": "A_V at a million random places",
    "distance": "distance at which A_V reaches 1 mag, with its 16th and 84th percentile, on every sightline",
    "netcdf": "written as netCDF",
    "fits": "written as FITS",
    "healpix": "brought to HEALPix pixels and written as FITS tables",
}


def strips(cell: float, bins: int) -> Iterator:
    """Make up the cube of a full plane in strips of latitude, one after the other."""
    from milkyway_cnn import cube
    from milkyway_cnn.cube.cells import CHUNK
    from milkyway_cnn.cube.fields import described, dimensions
    from milkyway_cnn.sightlines import Grid, distance_edges

    deviates = np.array([-1.96, -0.994, 0.0, 0.994, 1.96], np.float32)[:, None, None, None]
    rows = round(20 / cell)
    for number, first in enumerate(range(0, rows, CHUNK["b"])):
        last = min(first + CHUNK["b"], rows)
        grid = Grid(0, 360, -10 + first * cell, -10 + last * cell, cell)
        random = np.random.default_rng(number)
        delta = random.gamma(0.3, 0.25, (*grid.shape, bins)).astype(np.float32)
        made = cube.build(delta, grid, distance_edges(bins, 10 / bins), coverage=np.ones(grid.shape))
        A_V, steps = made["A_V"].values, made["delta_A_V"].values
        fields = {
            "A_V_std": 0.1 * A_V,
            "delta_A_V_std": 0.1 * steps,
            "A_V_quantiles": A_V * (1 + 0.1 * deviates),
            "delta_A_V_quantiles": steps * (1 + 0.1 * deviates),
            "flags": (np.arange(bins) >= 0.7 * bins) * np.ones_like(A_V, np.uint8),
            "horizon": np.full(grid.shape, 7.0, np.float32),
            "novelty": random.random(grid.shape, np.float32),
        }
        held = {name: (dimensions(name), values) for name, values in fields.items()}
        yield described(made.assign(held).assign_coords(quantile=[0.025, 0.16, 0.5, 0.84, 0.975]))


def stage(name: str, folder: Path, cell: float, bins: int, nside: int) -> None:
    """Do one stage, and print what it took: the body of a measured process."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    from milkyway_cnn import cube

    begin, before = time.perf_counter(), time.process_time()
    store, written, done = folder / "cube.zarr", None, 0
    if name == "assemble":
        written = store
        cube.assemble(strips(cell, bins), store)
    elif name in ("netcdf", "fits", "healpix"):
        written = folder / {"netcdf": "cube.nc", "fits": "cube.fits", "healpix": "healpix.fits"}[name]
        made = cube.load(store, lazy=True)
        made = cube.to_healpix(made, nside) if name == "healpix" else made
        done = int(np.prod(cube.cells(made).shape))
        cube.save(made, written)
    else:
        dust = cube.CubeQuery.read(store)
        l, b = (axis.ravel() for axis in np.meshgrid(dust.cube["l"].values, dust.cube["b"].values))
        if name == "places":
            done, random = 1_000_000, np.random.default_rng(1)
            l, b, d = random.uniform([[0], [-10], [0]], [[360], [10], [10]], (3, done))
            values = dust.query_gal(l, b, d)
        elif name == "query":
            done = len(l)
            values, flags = dust.query_gal(l, b, np.full(done, 4.0), mode="percentile", pct=[16, 84], return_flags=True)
            values = np.column_stack([values, dust.query_gal(l, b, np.full(done, 4.0)), flags["std"]])
        else:
            done = len(l)
            places = SkyCoord(l * u.deg, b * u.deg, frame="galactic")
            values = dust.distance(places, 1.0, pct=[16, 50, 84]).value
        assert not np.isnan(values).any()
    files = [written, *written.rglob("*")] if written else []
    found = {
        "stage": name,
        "seconds": round(time.perf_counter() - begin, 2),
        "processor_seconds": round(time.process_time() - before, 2),
        # Of this program alone: getrusage would count the process that started it.
        "peak_mib": round(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024),
        "places": done,
        "megabytes": round(sum(file.stat().st_size for file in files if file.is_file()) / 1e6, 1),
    }
    print(json.dumps(found))


def sizes_of(chosen: argparse.Namespace) -> dict[str, int]:
    """Say how large the cube is."""
    sightlines = round(360 / chosen.cell) * round(20 / chosen.cell)
    return {"sightlines": sightlines, "bins": chosen.bins, "nside": chosen.nside}


def table(result: dict) -> str:
    """Return the README's table."""
    lines = ["| full plane | processor time | peak of memory | size |", "|---|---|---|---|"]
    for row in result["stages"]:
        size = f"{row['megabytes']:,.0f} MB" if row["megabytes"] else ""
        lines.append(
            f"| {STAGES[row['stage']]} | {row['processor_seconds']:.0f} s | {row['peak_mib']:,} MiB | {size} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, print each measurement, write the results as JSON and the table of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cell", type=float, default=0.25, help="width of a cell, deg [0.25]")
    parser.add_argument("--bins", type=int, default=100, help="distance bins to 10 kpc [100]")
    parser.add_argument("--nside", type=int, default=256, help="HEALPix resolution [256]")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES), help="the first is needed [all]")
    parser.add_argument("--folder", type=Path, help="where the cubes are made and removed; a temporary one by default")
    parser.add_argument("--output", type=Path, default=RESULTS / "cube.json")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.stage:
        return stage(chosen.stage, chosen.folder, chosen.cell, chosen.bins, chosen.nside)
    stages = {}
    if chosen.output.exists():  # what is not measured again stays
        before = json.loads(chosen.output.read_text())
        if all(before[name] == size for name, size in sizes_of(chosen).items()):
            stages = {row["stage"]: row for row in before["stages"]}
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        sizes = [f"--cell={chosen.cell}", f"--bins={chosen.bins}", f"--nside={chosen.nside}", f"--folder={folder}"]
        for name in chosen.stages:
            command = [sys.executable, "-m", "benchmarks.cube", f"--stage={name}", *sizes]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
            if done.returncode:
                raise RuntimeError(done.stderr)
            stages[name] = json.loads(done.stdout)
            print(done.stdout, end="", flush=True)
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        **sizes_of(chosen),
        "stages": [stages[name] for name in STAGES if name in stages],
    }
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    if chosen.output == RESULTS / "cube.json":
        renew("benchmarks.cube", table(result))


if __name__ == "__main__":
    main()
