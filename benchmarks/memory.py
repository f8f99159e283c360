"""Memory of a training at the scale of the founding work: ``python -m benchmarks.memory``.

Nine sightlines towards Carina, as the parameters `carina` have them, with their validation sample stored beforehand,
and an epoch that is shortened: its examples come from all over the 1,692,000 training numbers of a whole one. Each peak
is that of a process of its own, which the system counts. Beside it stands a process that has the same libraries and
trains the same network on one batch in memory: weights, moments, buffers and checkpoints are the network's own.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.network import machine
from benchmarks.readme import RESULTS, renew
from milkyway_cnn import nn, samples, sightlines, training
from milkyway_cnn.pipeline.chapters import NOTEBOOKS
from milkyway_cnn.pipeline.sample import stream_named

#: Training examples of a whole epoch: 94 % of nine times 200,000.
WHOLE_EPOCH = 1_692_000


class _Scattered(samples.Stream):
    """The stream, of which the first `short` training examples are pieces from all over a whole epoch."""

    short: int

    def examples(self, first: int, count: int, split: str = "training") -> samples.Examples:
        if split == "training":
            first = (first % self.short) * (WHOLE_EPOCH - count) // self.short
        return super().examples(first, count, split)


def peak() -> float:
    """Most memory that this process has had resident, in MiB; without what the process had that started it."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def alone(plan: training.Plan, folder: Path) -> float:
    """Peak of a training on one batch in memory."""
    edges = sightlines.distance_edges()
    network = plan.build(edges.size - 1, 64, 1)
    random = np.random.default_rng(1)
    goal = plan.goal(random.random((plan.batch, edges.size - 1), np.float32), np.ones(plan.batch), edges)
    batch = random.random((plan.batch, 2, 64, 64), np.float32), *goal
    for _ in nn.fit(
        network,
        lambda epoch: repeat(batch, 4),
        batch,
        loss=nn.SquaredError(cumulative=plan.cumulative),
        optimizer=nn.AdamW(clip=plan.clip),
        schedule=nn.Cosine(plan.learning_rate, plan.final_learning_rate, 8),
        epochs=2,
        checkpoint=folder / "checkpoint.npz",
        best=folder / "network.npz",
    ):
        pass
    return peak()


def streamed(plan: training.Plan, folder: Path, validation: Path) -> float:
    """Peak of a training on examples from all over a whole epoch."""
    sample = samples.load(validation)
    stream = _Scattered.of(json.loads(sample.attrs["stream"]))
    stream.short = plan.examples_per_epoch
    for _ in training.train(stream, sample, plan, folder, seed=1):
        pass
    return peak()


def apart(work: Callable[..., float], *arguments: Any) -> float:
    """Do something in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def measure(network: str, examples: int, validation: Path, tiny: Path) -> dict[str, Any]:
    """Train a network in both ways; `tiny` is a sample for a first training that compiles, which takes memory, too."""
    plan = training.Plan(network=network, examples_per_epoch=examples, epochs=1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        apart(streamed, replace(plan, examples_per_epoch=plan.batch), place / "compiled", tiny)
        own = apart(alone, plan, place / "alone")
        whole = apart(streamed, plan, place / "streamed", validation)
    return {"network": network, "examples": examples, "own_mib": own, "peak_mib": whole, "over_mib": whole - own}


def table(result: dict[str, Any]) -> str:
    """Write the table in Markdown."""
    lines = ["| network | network and libraries | training, streamed | over the network's own |", "|---|---|---|---|"]
    for row in result["rows"]:
        own, whole, over = (f"{row[name]:,.0f} MiB" for name in ("own_mib", "peak_mib", "over_mib"))
        lines.append(f"| `{row['network']}` | {own} | {whole} | {over} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the table, write the results as JSON."""
    parser = argparse.ArgumentParser(prog="milkyway-cnn benchmark memory", description=__doc__)
    parser.add_argument("--networks", nargs="+", default=["small", "published"], help="[small published]")
    parser.add_argument("--examples", type=int, default=4 * 2048, help="of the shortened epoch [8192]")
    parser.add_argument("--validation", type=int, default=90_000, help="examples of the validation sample [90000]")
    parser.add_argument("--output", type=Path, default=RESULTS / "memory.json")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        stream, _ = stream_named("carina", (), NOTEBOOKS / "parameters")
        path, tiny = Path(folder) / "validation.zarr", Path(folder) / "tiny.zarr"
        samples.store(stream, "validation", chosen.validation, path)
        samples.store(stream, "validation", 16, tiny)
        rows = [measure(network, chosen.examples, path, tiny) for network in chosen.networks]
        size = sum(file.stat().st_size for file in path.rglob("*")) / 2**20
    about = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "load": os.getloadavg()[0], "machine": machine()}
    result = about | {"validation_examples": chosen.validation, "validation_mib": size, "rows": rows}
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    if chosen.output == RESULTS / "memory.json":
        renew("benchmarks.memory", table(result))
    print(f"{table(result)}\n\nwritten to {chosen.output}")


if __name__ == "__main__":
    main()
