"""Monte-Carlo dropout over a map: ``python -m benchmarks.draws``.

The 1,953 sightlines every 0.5 deg on l 257 to 303, b -5 to 5, each read by the network `small` with dropout, and each
in so many draws. Timed is all of `prediction.predict` with its draws kept, as for `A_V_samples` of a cube: the passes,
their mean and standard deviations, and that no draw falls with distance. The diagrams are made up, for the work does
not depend on what they show. Processor time is that of both cores, and tells the work where others use the machine as
well. The memory is the peak that the system recorded for the process, imports included.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import xarray as xr

from benchmarks.network import RESULTS, machine
from benchmarks.readme import renew
from milkyway_cnn import prediction
from milkyway_cnn.ensemble import Ensemble
from milkyway_cnn.profile_network import build

#: Rows and columns of the map.
SHAPE = 21, 93


def made_up(shape: tuple[int, int]) -> tuple[xr.Dataset, xr.DataArray]:
    """Diagrams of cells, about as full as those towards Carina, and what they would be without dust."""
    random = np.random.default_rng(1)
    bare = random.gamma(0.2, 5.0, (64, 64))
    dims = ("b", "l", "magnitude", "color")
    diagrams = xr.DataArray(random.poisson(bare, (*shape, 64, 64)).astype(np.uint16), dims=dims)
    observed = xr.Dataset({"diagram": diagrams, "coverage": (dims[:2], np.ones(shape, np.float32))})
    for name in ("stars", "outside", "faint", "solid_angle"):
        observed[name] = observed["coverage"]
    return observed, xr.DataArray(np.broadcast_to(bare.astype(np.float32), diagrams.shape), dims=dims)


def measure(shape: tuple[int, int], network: str, draws: int) -> dict:
    """Read a map once with so many draws, after one cell by which everything is compiled."""
    ensemble = Ensemble([build(network, dropout=0.1, seed=1)], samples=draws, seed=1)
    prediction.predict(ensemble, *made_up((1, 1)), keep_draws=True)
    observed, bare = made_up(shape)
    begin, before = time.perf_counter(), time.process_time()
    found = prediction.predict(ensemble, observed, bare, keep_draws=True)
    seconds, processor = time.perf_counter() - begin, time.process_time() - before
    assert found["A_V_samples"].sizes["draw"] == draws and np.isfinite(found["A_V_samples"].values).all()
    return {
        "network": network,
        "sightlines": shape[0] * shape[1],
        "draws": draws,
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor, 2),
        "peak_mib": round(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024),
    }


def table(result: dict) -> str:
    """Return the README's table."""
    return "\n".join(
        [
            "| network | sightlines | draws of each | processor time | peak of memory |",
            "|---|---|---|---|---|",
            *(
                f"| `{row['network']}` | {row['sightlines']:,} | {row['draws']} | {row['processor_seconds']:.0f} s "
                f"| {row['peak_mib']:,} MiB |"
                for row in result["rows"]
            ),
        ]
    )


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, print each measurement, write the results as JSON and the table of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", nargs="+", type=int, default=[100])
    parser.add_argument("--network", default="small", help="preset or architecture [small]")
    parser.add_argument("--shape", nargs=2, type=int, default=SHAPE, help="rows and columns of the map [21 93]")
    parser.add_argument("--output", type=Path, default=RESULTS / "draws.json")
    chosen = parser.parse_args(arguments)
    rows = []
    for draws in chosen.draws:
        rows.append(measure(tuple(chosen.shape), chosen.network, draws))
        print(json.dumps(rows[-1]), flush=True)
    result = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "rows": rows}
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    if chosen.output == RESULTS / "draws.json":
        renew("benchmarks.draws", table(result))


if __name__ == "__main__":
    main()
