"""Training and inference of three networks against PyTorch and JAX: ``milkyway-cnn benchmark``.

The peers run in turns, each in its process, with the same batch, threads and precision (float32); the median over
the turns counts. The share of the peak is that of the best sgemm of this machine, measured in the same session.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import readme
from benchmarks.peers import NETS, PEERS
from benchmarks.readme import RESULTS

ROOT = Path(__file__).parents[1]
NEEDED = {"milkyway_cnn": "milkyway_cnn", "pytorch": "torch", "pytorch_compiled": "torch", "jax": "jax"}


def environment(threads: int) -> dict[str, str]:
    """Environment in which every library of a peer uses so many threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    jax = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'} intra_op_parallelism_threads={threads}"
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return os.environ | dict.fromkeys(names, str(threads)) | {"XLA_FLAGS": jax, "PYTHONPATH": path}


class Peer:
    """One peer's process, ready for its turns."""

    def __init__(self, name: str, job: dict):
        self.seconds: list[float] = []
        command = [sys.executable, "-m", "benchmarks.peers", name, json.dumps(job)]
        if job["threads"] == 1 and sys.platform == "linux":
            command = ["taskset", "-c", str(max(os.sched_getaffinity(0))), *command]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment(job["threads"])
        )
        self.ready = self.process.stdout.readline().strip() == "ready"

    def turn(self, steps: int) -> float:
        """Do so many steps; give the seconds of one."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline()) / steps

    def end(self) -> float:
        """Let the process end; give its peak memory in MiB, NaN if it failed."""
        rest, _ = self.process.communicate()
        return float(rest) if self.ready and rest.strip() else float("nan")


def peak(threads: int) -> float:
    """Measure sgemm of 2048 x 2048 x 2048, best of 5, in GFLOP/s."""
    code = """
import numpy as np, time
a = np.ones((2048, 2048), np.float32)
b, best = a @ a, float("inf")
for _ in range(5):
    begin = time.perf_counter()
    np.matmul(a, a, out=b)
    best = min(best, time.perf_counter() - begin)
print(2 * 2048**3 / best / 1e9)"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(threads), check=True
    )
    return float(run.stdout)


def measure(net: str, batch: int, threads: int, training: bool, rounds: int, seconds: float, best: float) -> list[dict]:
    """Compare all installed peers on one network; one row of results each."""
    job = {"net": net, "batch": batch, "threads": threads, "training": training}
    names = [name for name in PEERS if importlib.util.find_spec(NEEDED[name])]
    peers = {name: Peer(name, job) for name in names}
    peers = {name: peer for name, peer in peers.items() if peer.ready}
    steps = {name: max(1, round(seconds / peer.turn(1))) for name, peer in peers.items()}
    for _ in range(rounds):
        for name, peer in peers.items():
            peer.seconds.append(peer.turn(steps[name]))
    rows = []
    for name, peer in peers.items():
        speed = batch / statistics.median(peer.seconds)
        share = speed * NETS[net].flops(training) / best / 1e9
        rows.append(job | {"peer": name, "images_per_second": speed, "share_of_peak": share, "peak_mib": peer.end()})
    return rows


def ratio(rows: list[dict]) -> float:
    """Speed of this package over that of the fastest other one; NaN where it is alone."""
    speeds = {row["peer"]: row["images_per_second"] for row in rows}
    own = speeds.pop("milkyway_cnn", float("nan"))
    return own / max(speeds.values(), default=float("nan"))


def table(rows: list[dict]) -> str:
    """Write results as a Markdown table, a line for each network, mode, batch and number of threads."""
    names = [name for name in PEERS if any(row["peer"] == name for row in rows)]
    head = [
        "network",
        "mode",
        "batch",
        "threads",
        *(f"{name} (images/s)" for name in names),
        "ratio",
        "of sgemm",
        "MiB",
    ]
    lines = [head, ["---"] * len(head)]
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault((row["net"], row["training"], row["batch"], row["threads"]), []).append(row)
    for (net, training, batch, threads), group in groups.items():
        speeds = {row["peer"]: f"{row['images_per_second']:.0f}" for row in group}
        own = next(row for row in group if row["peer"] == "milkyway_cnn")
        cells = [net, "training" if training else "inference", str(batch), str(threads)]
        cells += [speeds.get(name, "-") for name in names]
        lines.append([*cells, f"{ratio(group):.2f}", f"{own['share_of_peak']:.0%}", f"{own['peak_mib']:.0f}"])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def summary(result: dict) -> str:
    """Write the README's table: speed, and its ratio to the fastest peer, of each network by batch size."""
    batches = sorted({row["batch"] for row in result["rows"]})
    lines = [
        "| network | mode | threads | " + " | ".join(f"batch {batch}" for batch in batches) + " |",
        "|---|---|---|" + "---|" * len(batches),
    ]
    cells: dict[tuple, dict[int, list[dict]]] = {}
    for row in result["rows"]:
        group = cells.setdefault((row["net"], row["training"], row["threads"]), {})
        group.setdefault(row["batch"], []).append(row)
    for (net, training, threads), groups in cells.items():
        line = [net, "training" if training else "inference", str(threads)]
        for batch in batches:
            own = next(row for row in groups[batch] if row["peer"] == "milkyway_cnn")
            lead = ratio(groups[batch])
            line.append(f"{own['images_per_second']:,.0f} / s" + ("" if math.isnan(lead) else f", **{lead:.2f}x**"))
        lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines)


def machine() -> dict[str, object]:
    """Describe the machine and the libraries."""
    import importlib.metadata as metadata

    libraries = {}
    for name in ("milkyway-cnn", "numpy", "scipy", "numba", "torch", "jax"):
        try:
            libraries[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        model = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0] or model
    return {"processor": model, "cores": os.cpu_count(), "python": platform.python_version(), "libraries": libraries}


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, print the table, write the results as JSON."""
    parser = argparse.ArgumentParser(prog="milkyway-cnn benchmark", description=__doc__)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--networks", nargs="+", choices=NETS, default=["published", "lenet", "dense"])
    parser.add_argument("--batches", nargs="+", type=int, default=[32, 128, 512])
    parser.add_argument("--threads", nargs="+", type=int, default=sorted({1, cores}))
    parser.add_argument("--modes", nargs="+", choices=["training", "inference"], default=["training", "inference"])
    parser.add_argument("--rounds", type=int, default=5, help="turns of each peer [5]")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn [1]")
    parser.add_argument("--output", type=Path, default=RESULTS / "network.json")
    chosen = parser.parse_args(arguments)
    rows: list[dict] = []
    peaks = {threads: peak(threads) for threads in chosen.threads}
    for net in chosen.networks:
        for mode in chosen.modes:
            for batch in chosen.batches:
                for threads in chosen.threads:
                    options = (chosen.rounds, chosen.seconds, peaks[threads])
                    rows += measure(net, batch, threads, mode == "training", *options)
                    print(table(rows).splitlines()[-1], flush=True)
    result: dict = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "sgemm_gflops": peaks,
        "rows": rows,
    }
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    if chosen.output == RESULTS / "network.json":
        readme.renew("benchmarks.network", summary(result))
    print(f"\n{table(rows)}\n\nwritten to {chosen.output}")


if __name__ == "__main__":
    main()
