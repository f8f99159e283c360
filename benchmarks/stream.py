"""Speed and memory of the stream of examples: ``python -m benchmarks.stream``.

One sightline towards (285, 0), diagrams of 64 x 64 pixels that draw 10,000 stars each, in two channels, dusty and bare.
Beside it the same work in plain NumPy, one example after the other: resample the stars, `np.interp` for their
extinction, noise and completeness, `np.histogram2d` for the image. Then the memory of a stretch of an epoch at nine
sightlines with examples from all over their 1.8 million numbers, in a process of its own, and the share of its time
that a training of 32 steps spends waiting for examples.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.network import RESULTS, machine
from benchmarks.readme import renew

STARS = 10_000
EPOCH = """
import json
from pathlib import Path
import numpy as np
from milkyway_cnn import samples, sightlines
from milkyway_cnn.profile_network import channels

def peak():
    # Of this program alone: getrusage would count the process that started it.
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

directions = sightlines.Grid(257.0, 303.0, -5.0, 5.0, 0.5).division(3, 3)
b = np.array([b for _, b in directions])
before = peak()
stream = samples.Stream(
    directions, sightlines.solid_angle(0.5, b - 0.25, b + 0.25), sightlines.distance_edges(), seed=1
)
made = peak()
for first in np.linspace(0, 0.94 * 1_800_000 - 2048, {pieces}, dtype=int):
    examples = stream.examples(int(first), 2048)
    for part in np.split(np.arange(2048), 16):
        channels(examples.diagrams[part], stream.bare, examples.sightline[part])
print(json.dumps(dict(examples={pieces} * 2048, imports_mib=before, stream_mib=made, peak_mib=peak())))
"""


def plain(
    stars: np.ndarray, edges: np.ndarray, A_V: np.ndarray, survey: tuple[np.ndarray, ...], random: np.random.Generator
) -> np.ndarray:
    """One dusty diagram by NumPy alone: parents (stars, 4), A_V at the edges (bins + 1,) -> (64, 64).

    `survey` is what `diagrams.survey_parameters` gives.
    """
    bands, half, (floor, width) = survey
    chosen = stars[random.integers(0, len(stars), random.poisson(STARS))]
    extinction = np.interp(chosen[:, 0], edges, A_V)
    chance, accepted, measured = random.random(len(chosen)), np.ones(len(chosen), bool), []
    for column, (per_A_V, ten_sigma, limit) in enumerate(bands):
        true = chosen[:, column + 1] + per_A_V * extinction
        chance *= 1.0 + np.exp((true - half[0, column]) / width)
        error = np.hypot(floor, 0.109 * 10.0 ** (0.4 * (true - ten_sigma)))
        measured.append(true + error * random.standard_normal(len(true)))
        accepted &= measured[-1] < limit
    found = accepted & (chance < 1.0)
    J, _, Ks = (magnitude[found] for magnitude in measured)
    return np.histogram2d(Ks, J - Ks, 64, ((6.0, 14.8), (-0.5, 5.9)))[0].astype(np.uint16)


def best(run: Callable[[], object], rounds: int) -> float:
    """Least seconds of some rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(threads: list[int], batch: int, rounds: int, pieces: int, network: str) -> dict:
    """Take all measurements."""
    import numba

    from milkyway_cnn import diagrams, samples, sightlines, training
    from milkyway_cnn.extinction.profiles import cumulative
    from milkyway_cnn.galaxy.synthesis import synthesize
    from milkyway_cnn.profile_network import channels

    edges = sightlines.distance_edges()
    area = STARS / (len(synthesize(285.0, 0.0, 0.5, seed=1)) / 0.5)
    stream = samples.Stream([(285.0, 0.0)], np.array([area]), edges, seed=1)
    modeled = synthesize(285.0, 0.0, 20.0 * area, seed=1)
    stars = diagrams.parents(modeled)
    survey = diagrams.survey_parameters(np.array(diagrams.star_density(modeled, 20.0 * area)))

    def two_channels(count: int) -> np.ndarray:
        made = stream.examples(0, count)
        return channels(made.diagrams, stream.bare, made.sightline)

    def two_channels_plain(count: int) -> np.ndarray:
        random = np.random.default_rng(1)
        dusty = [plain(stars, edges, A_V, survey, random) for A_V in cumulative(stream.examples(0, count).delta_A_V)]
        return channels(np.array(dusty), np.broadcast_to(stream.bare, (count, 64, 64)))

    two_channels(8)
    few = max(batch // 16, 2)
    rows = [{"pipeline": "NumPy", "threads": 1, "examples_per_second": few / best(lambda: two_channels_plain(few), 2)}]
    for count in threads:
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
        speed = batch / best(lambda: two_channels(batch), rounds)
        rows.append({"pipeline": "milkyway_cnn", "threads": count, "examples_per_second": speed})

    plan = training.Plan(network=network, optimizer="sgd", batch=128, examples_per_epoch=32 * 128, epochs=2)
    with tempfile.TemporaryDirectory() as folder:
        samples.store(stream, "validation", 128, Path(folder) / "validation.zarr")
        validation = samples.load(Path(folder) / "validation.zarr")
        *_, record = training.train(stream, validation, plan, Path(folder) / "network", seed=1)
    epoch = subprocess.run(
        [sys.executable, "-c", EPOCH.format(pieces=pieces)], capture_output=True, text=True, check=True
    )
    return {
        "stars_per_example": STARS,
        "rows": rows,
        "training": {
            "network": network,
            "batch": plan.batch,
            "examples_per_second": record.examples_per_second,
            "waiting": record.waiting,
        },
        "epoch": json.loads(epoch.stdout),
    }


def table(result: dict) -> str:
    """Write results as a Markdown table."""
    rows, training, epoch = result["rows"], result["training"], result["epoch"]
    lines = ["| measured | |", "|---|---|"]
    for row in rows:
        speed = row["examples_per_second"]
        ratio = speed / rows[0]["examples_per_second"]
        stars = speed * result["stars_per_example"] / 1e6
        lines.append(
            f"| {row['pipeline']}, {row['threads']} threads | {speed:,.0f} examples/s, {stars:.1f} million stars/s,"
            f" {ratio:.1f} x NumPy |"
        )
    step = training["batch"] / training["examples_per_second"]
    lines.append(
        f"| a training step of {training['batch']} examples, network `{training['network']}` | {1e3 * step:.0f} ms, of"
        f" which {1e3 * training['waiting'] * step:.1f} ms ({training['waiting']:.1%}) are waiting for them |"
    )
    lines.append(
        f"| memory at nine sightlines, {epoch['examples']:,} examples | {epoch['peak_mib'] - epoch['imports_mib']:.0f}"
        " MiB over the libraries' |"
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, print the table, write the results as JSON."""
    parser = argparse.ArgumentParser(prog="milkyway-cnn benchmark", description=__doc__)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batch", type=int, default=2048, help="examples made at once [2048]")
    parser.add_argument("--rounds", type=int, default=5, help="of which the best counts [5]")
    parser.add_argument("--pieces", type=int, default=20, help="pieces of 2048 examples in the epoch [20]")
    parser.add_argument("--network", default="published", help="network of the training step [published]")
    parser.add_argument("--output", type=Path, default=RESULTS / "stream.json")
    chosen = parser.parse_args(arguments)
    result = measure(chosen.threads, chosen.batch, chosen.rounds, chosen.pieces, chosen.network)
    about = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "load": os.getloadavg()[0], "machine": machine()}
    result = about | result
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    if chosen.output == RESULTS / "stream.json":
        renew("benchmarks.stream", table(result))
    print(f"{table(result)}\n\nwritten to {chosen.output}")


if __name__ == "__main__":
    main()
