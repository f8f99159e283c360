"""What the networks learn in a given time: ``python -m benchmarks.learning``.

Nine sightlines towards Carina, as in the demo; each network is trained for some minutes on examples of each kind of
mock profile, and judged on the test split of its own stream. Its epochs are as many as fit into the time at the speed
of a first short training, so the learning rate comes to its end when the time does.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.network import RESULTS, machine
from benchmarks.readme import renew
from milkyway_cnn import comparison, nn, samples, sightlines, training
from milkyway_cnn.extinction.profiles import ProfilePrior

#: Kinds of mock profiles. "smooth": about those of the design's trials; "rough": shorter structure of higher contrast,
#: and three clouds a sightline.
PROFILES = {
    "smooth": ProfilePrior(
        slope=(1.5, 1.5), contrast=(0.8, 1.6), clouds=0.0, empty=0.0, free_share=1.0, free_total=(1.0, 25.0)
    ),
    "default": ProfilePrior(),
    "rough": ProfilePrior(slope=(0.5, 1.5), contrast=(1.4, 2.2), clouds=3.0),
}
CASES = ("small:smooth", "small:default", "small:rough", "published:default", "published:rough")
SCORES = (
    "relative_error_2kpc",
    "relative_error_4kpc",
    "relative_error_6kpc",
    "relative_error_8kpc",
    "correlation_500pc",
)


def nine_sightlines(prior: ProfilePrior) -> samples.Stream:
    """Make the stream of examples."""
    directions = sightlines.Grid(257.0, 303.0, -5.0, 5.0, 0.5).division(3, 3)
    b = np.array([direction[1] for direction in directions])
    area = sightlines.solid_angle(0.5, b - 0.25, b + 0.25)
    return samples.Stream(directions, area, sightlines.distance_edges(), seed=1, prior=prior)


def learn(plan: training.Plan, prior: ProfilePrior, seconds: float, held_out: int, folder: Path) -> dict[str, Any]:
    """Train for about so many seconds, and score the network of the lowest validation loss on the test split."""
    stream = nine_sightlines(prior)
    for split in ("validation", "test"):
        samples.store(stream, split, held_out, folder / f"{split}.zarr")
    validation, test = (samples.load(folder / f"{split}.zarr") for split in ("validation", "test"))

    def train(plan: training.Plan, name: str) -> tuple[float, int]:
        start = time.perf_counter()
        epochs = sum(1 for _ in training.train(stream, validation, plan, folder / name, seed=1))
        return time.perf_counter() - start, epochs

    first = replace(plan, epochs=2)
    train(first, "compiled")
    took, _ = train(first, "probe")
    epochs = max(1, int(seconds / (took / 2)))
    took, epochs = train(replace(plan, epochs=epochs), "trained")
    best = nn.Network.load(folder / "trained" / "network.npz")
    scores = comparison.held_out(best.predict(training.Inputs(test)), test["delta_A_V"].values, stream.edges)
    return {
        "weights": sum(parameter.value.size for parameter in best.parameters),
        "seconds": took,
        "epochs": epochs,
        "examples": epochs * plan.examples_per_epoch,
        "scores": {name: score["value"] for name, score in scores.items()},
    }


def table(result: dict[str, Any]) -> str:
    """Write the table in Markdown."""
    heads = "| network | profiles | examples | A_V to 2, 4, 6, 8 kpc off by | r per 500 pc |"
    lines = [heads, "|---|---|---|---|---|"]
    for row in result["rows"]:
        *errors, r = (row["scores"][name] for name in SCORES)
        off = ", ".join(f"{100 * error:.1f}" for error in errors)
        lines.append(
            f"| `{row['network']}` | {row['profiles']} | {row['examples'] / 1e6:.2f} million | {off} % | {r:.3f} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Train each case, print the table, write the results as JSON."""
    parser = argparse.ArgumentParser(prog="milkyway-cnn benchmark learning", description=__doc__)
    parser.add_argument("--cases", nargs="+", default=CASES, metavar="NETWORK:PROFILES", help="[all five]")
    parser.add_argument("--minutes", type=float, default=5.0, help="of each training [5]")
    parser.add_argument("--epoch", type=int, default=20_480, help="examples of an epoch [20480]")
    parser.add_argument("--held-out", type=int, default=4096, help="examples of validation and test each [4096]")
    parser.add_argument("--output", type=Path, default=RESULTS / "learning.json")
    chosen = parser.parse_args(arguments)
    rows = []
    for case in chosen.cases:
        network, profiles = case.split(":")
        plan = training.Plan(network=network, examples_per_epoch=chosen.epoch)
        if network == "published":
            plan = replace(plan, learning_rate=5e-4, final_learning_rate=1e-5)
        with tempfile.TemporaryDirectory() as folder:
            measured = learn(plan, PROFILES[profiles], 60 * chosen.minutes, chosen.held_out, Path(folder))
        rows.append({"network": network, "profiles": profiles, "plan": asdict(plan), **measured})
        print(f"{case}: {measured['seconds']:.0f} s, {measured['epochs']} epochs", flush=True)
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": os.getloadavg()[0],
        "machine": machine(),
        "minutes": chosen.minutes,
        "profiles": {name: asdict(prior) for name, prior in PROFILES.items()},
        "rows": rows,
    }
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    if chosen.output == RESULTS / "learning.json":
        renew("benchmarks.learning", table(result))
    print(f"{table(result)}\n\nwritten to {chosen.output}")


if __name__ == "__main__":
    main()
