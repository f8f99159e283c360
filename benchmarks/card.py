"""Speed on a CUDA card: ``milkyway-cnn benchmark --device cuda``.

Training of the published network in every precision, with images that are on the card, beside the best of PyTorch where
that is installed (`benchmarks.pytorch`); products alone; the stream of examples; both together, from which the time of
the founding work's training, 300 epochs of 1.8 million examples, is extrapolated (`--whole 300 1800000` does it); and
how the losses of a training follow the host's. Nothing else should run on the card. Results are written as they come.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np

from benchmarks.curves import TASKS, compare
from benchmarks.network import RESULTS, machine
from benchmarks.peers import MOMENTUM, NETS, RATE, SLOPE
from milkyway_cnn import backend
from milkyway_cnn.errors import InputError

#: Dense bfloat16 peaks, FLOP/s, as NVIDIA's data sheets have them, of the cards whose names hold these words.
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12}
FOUNDING = 300 * 1_800_000  # examples


def seconds_of(work: Callable[[], object], steps: int) -> float:
    """Seconds of one of so many steps, the least of three rounds of them, with all that the card does for them.

    The first two are not measured: they compile, and record the graph.
    """
    place = backend.current()
    end = place.zeros((1,), np.float32)
    for _ in range(2):
        work()
    times = []
    for _ in range(3 if steps > 1 else 1):
        place.fetch(end)  # waits for what is under way
        start = time.perf_counter()
        for _ in range(steps):
            work()
        place.fetch(end)
        times.append((time.perf_counter() - start) / steps)
    return min(times)


def network(name: str, batch: int, precision: str, steps: int) -> dict:
    """Training and prediction of one network."""
    from milkyway_cnn import nn

    net, rng = NETS[name], np.random.default_rng(0)
    with backend.use("cuda", precision) as place:
        own = nn.Network(net.architecture, net.shape, slope=SLOPE)
        x = place.send(rng.random((batch, *net.shape), dtype=np.float32))
        y = place.send(rng.random((batch, net.dense[-1]), dtype=np.float32))
        how = {"loss": nn.SquaredError(), "optimizer": nn.SGD(MOMENTUM), "rate": RATE}
        training = batch / seconds_of(lambda: own.learn(x, y, **how), steps)
        inference = batch / seconds_of(lambda: own.predict(x, batch=batch), steps)
    return {
        "network": name, "batch": batch, "precision": precision, "images_per_second": training,
        "predictions_per_second": inference, "flops": training * net.flops(True),
    }  # fmt: skip


def product(size: int, precision: str, steps: int) -> float:
    """FLOP/s of a product of square matrices, with its factors rounded as in a training."""
    from milkyway_cnn.kernels.matrix import multiply

    with backend.use("cuda", precision) as place:
        a, b, out = (place.zeros((size, size), np.float32) for _ in range(3))
        return 2 * size**3 / seconds_of(lambda: multiply(a, b, out), steps)


def stream_of(stars: int):
    """Make the stream of one sightline with so many stars in an example."""
    from milkyway_cnn import samples, sightlines
    from milkyway_cnn.galaxy.synthesis import synthesize

    area = stars / (len(synthesize(285.0, 0.0, 0.01, seed=1)) / 0.01)
    return samples.Stream([(285.0, 0.0)], np.array([area]), sightlines.distance_edges(), seed=1)


def stream(stars: int, count: int, steps: int, name: str, batch: int, precision: str) -> dict:
    """Two-channel examples at so many stars each, alone and into a training as `training.train` does it."""
    from milkyway_cnn import nn, profile_network
    from milkyway_cnn.batches import Streamed
    from milkyway_cnn.training import Plan

    made, place = stream_of(stars), 0
    batch = min(batch, count)
    count -= count % batch

    def shown() -> None:
        nonlocal place
        examples = made.examples(place, count)
        profile_network.channels(examples.diagrams, made.bare, examples.sightline)
        place += count

    with backend.use("cuda", precision) as card:
        alone = count / seconds_of(shown, steps)
        own = profile_network.build(name, bins=made.edges.size - 1)
        goal = partial(Plan().goal, edges=made.edges)
        how = {"loss": nn.SquaredError(), "optimizer": nn.SGD(MOMENTUM), "rate": RATE}
        epoch = 0

        def learn() -> None:
            nonlocal epoch
            for images, targets, weights in Streamed(made, steps * count, batch, goal, card)(epoch):
                own.learn(images, targets, weights, **how)
            epoch += 1

        together = steps * count / seconds_of(learn, 1)
    return {
        "stars": stars, "examples_per_second": alone, "network": name, "batch": batch, "precision": precision,
        "learned_per_second": together, "extrapolated_minutes_of_540_million": FOUNDING / together / 60,
    }  # fmt: skip


def founding(stars: int, epochs: int, examples: int, name: str, batch: int, precision: str) -> dict:
    """Minutes of a whole training with its validation, checkpoints and records."""
    from milkyway_cnn import samples, training

    made = stream_of(stars)
    plan = training.Plan(
        network=name, optimizer="sgd", schedule="exponential", learning_rate=RATE, final_learning_rate=RATE / 10,
        batch=batch, examples_per_epoch=examples, epochs=epochs,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        samples.store(made, "validation", min(examples, 8192), Path(folder) / "validation.zarr")
        validation = samples.load(Path(folder) / "validation.zarr")
        start = time.perf_counter()
        how = {"seed": 1, "device": "cuda", "precision": precision}
        *_, last = training.train(made, validation, plan, Path(folder) / "network", **how)
    minutes = (time.perf_counter() - start) / 60
    return {
        "network": name, "batch": batch, "precision": precision, "epochs": epochs, "examples_per_epoch": examples,
        "minutes": minutes, "validation_loss": last.validation_loss,
    }  # fmt: skip


def pytorch(name: str, batch: int, precision: str, steps: int) -> tuple[float | None, str]:
    """Images a second of PyTorch's best training of the same network, and its way; or none, and why."""
    job = json.dumps({"net": name, "batch": batch, "precision": precision, "steps": steps})
    command = [sys.executable, "-m", "benchmarks.pytorch", job]
    run = subprocess.run(command, capture_output=True, text=True, cwd=RESULTS.parents[1], check=False)
    if run.returncode == 0:
        best = json.loads(run.stdout.splitlines()[-1])
        return best["images_per_second"], best["way"]
    return None, (run.stderr.strip().splitlines() or ["PyTorch ended without a word"])[-1]


def table(result: dict) -> str:
    """Write results as a Markdown table."""
    lines = ["| measured | " + result["card"]["name"] + " |", "|---|---|"]
    for row in result["rows"]:
        text = f"{row['images_per_second']:,.0f} images/s, {row['flops'] / 1e12:.1f} TFLOP/s"
        if row["share_of_peak"] is not None:
            text += f", {row['share_of_peak']:.0%} of the data sheet's bfloat16 peak"
        if row["pytorch"] is not None:
            text += f", {row['images_per_second'] / row['pytorch']:.2f} x PyTorch ({row['pytorch_says']})"
        else:
            text += f"; PyTorch was not measured: {row['pytorch_says']}"
        lines.append(f"| `{row['network']}`, batch {row['batch']}, {row['precision']} | {text} |")
    for precision, flops in result["products"].items():
        lines.append(f"| a product alone, {precision} | {flops / 1e12:.1f} TFLOP/s |")
    made = result["stream"]
    lines.append(f"| the stream at {made['stars']:,} stars | {made['examples_per_second']:,.0f} examples/s |")
    minutes = made["extrapolated_minutes_of_540_million"]
    lines.append(
        f"| the stream into `{made['network']}`, batch {made['batch']}, {made['precision']} |"
        f" {made['learned_per_second']:,.0f} examples/s; 300 epochs of 1.8 million, extrapolated: {minutes:,.0f} min |"
    )
    if result["whole"] is not None:
        whole = result["whole"]
        size = f"{whole['epochs']} epochs of {whole['examples_per_epoch']:,}"
        lines.append(f"| the same with validation and checkpoints, {size}, measured | {whole['minutes']:,.1f} min |")
    for row in result["curves"]:
        error = row["validation_loss"] / row["validation_of_host"] - 1.0
        text = f"{row['largest_deviation']:.1e} at most, {error:+.2%} in the validation loss"
        lines.append(f"| losses of {row['steps']} steps from the host's, {row['precision']} | {text} |")
    return "\n".join(lines)


def versions() -> dict[str, str]:
    """Give the versions of the driver and of the packages that matter."""
    found = {}
    for name in ("numba-cuda", "cupy-cuda12x", "cupy-cuda13x", "nvmath-python", "torch"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        found["driver"] = subprocess.run(query, capture_output=True, text=True, check=False).stdout.partition("\n")[0]
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, print the table, write the results as JSON."""
    parser = argparse.ArgumentParser(prog="milkyway-cnn benchmark --device cuda", description=__doc__)
    parser.add_argument("--network", choices=NETS, default="published")
    parser.add_argument("--batches", nargs="+", type=int, default=[1024, 2048, 4096, 8192])
    parser.add_argument("--precisions", nargs="+", choices=backend.PRECISIONS, default=list(backend.PRECISIONS))
    parser.add_argument("--stars", type=int, default=10_000, help="of an example of the stream [10000]")
    parser.add_argument("--examples", type=int, default=8192, help="made at once [8192]")
    parser.add_argument("--architecture", default="published", help="network that learns from the stream [published]")
    parser.add_argument("--size", type=int, default=8192, help="side of the matrices of a product alone [8192]")
    parser.add_argument("--steps", type=int, default=30, help="of a round, of which there are three [30]")
    parser.add_argument("--task", choices=TASKS, default="spots", help="training that host and card do alike [spots]")
    parser.add_argument("--whole", nargs=2, type=int, metavar=("EPOCHS", "EXAMPLES"), help="train so long: 300 1800000")
    parser.add_argument("--output", type=Path, default=RESULTS / "card.json")
    chosen = parser.parse_args(arguments)
    try:
        with backend.use("cuda"):
            card = backend.found()
    except InputError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    peak = next((value for name, value in PEAKS.items() if name in (card.name or "")), None)
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "card": asdict(card) | {"name": card.name or "a simulated card"},
        "versions": versions(),
    }

    def note(**measured: object) -> None:
        """Write at once what has been measured, for the rest may take long."""
        result.update(measured)
        chosen.output.parent.mkdir(parents=True, exist_ok=True)
        chosen.output.write_text(json.dumps(result, indent=1) + "\n")

    peak = next((value for name, value in PEAKS.items() if name in (card.name or "")), None)
    rows = []
    for precision in chosen.precisions:
        for batch in chosen.batches:
            row = network(chosen.network, batch, precision, chosen.steps)
            row["share_of_peak"] = None if peak is None else row["flops"] / peak
            row["pytorch"], row["pytorch_says"] = pytorch(chosen.network, batch, precision, chosen.steps)
            rows.append(row)
            note(rows=rows)
            print(json.dumps(row), flush=True)
    fastest = max(rows, key=lambda row: row["images_per_second"])
    with_stream = (chosen.architecture, min(fastest["batch"], chosen.examples), fastest["precision"])
    note(products={name: product(chosen.size, name, chosen.steps) for name in chosen.precisions})
    note(stream=stream(chosen.stars, chosen.examples, max(1, chosen.steps // 10), *with_stream))
    note(curves=compare(chosen.task, chosen.precisions))
    note(whole=founding(chosen.stars, *chosen.whole, *with_stream) if chosen.whole else None)
    print(f"\n{table(result)}\n\nwritten to {chosen.output}")


if __name__ == "__main__":
    main()
