"""The best training of PyTorch on a CUDA card: ``python -m benchmarks.pytorch JOB``, for `benchmarks.card`.

Channels last, fused SGD, autocast, and `torch.compile` in three ways: with CUDA graphs of PyTorch's own, whose kernels
are tuned or not, and with the whole step, update and all, recorded as one graph. JOB is JSON; the last line that is
printed is JSON as well: the fastest way and its images a second.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers import MOMENTUM, NETS, RATE, SLOPE, Net

#: Name -> mode of `torch.compile`, and whether the whole step becomes one graph.
WAYS = {
    "max-autotune": ("max-autotune", False),
    "reduce-overhead": ("reduce-overhead", False),
    "max-autotune, one graph": ("max-autotune-no-cudagraphs", True),
}


def training(net: Net, batch: int, precision: str, mode: str, whole: bool) -> Callable[[], object]:
    """Make a step of the training of a network on images that are on the card."""
    import torch

    modules = torch.nn
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = True
    layers: list[torch.nn.Module] = []
    shape = net.shape
    for filters, kernel in net.convolutions:
        layers += [modules.Conv2d(shape[0], filters, kernel, padding=kernel // 2), modules.LeakyReLU(SLOPE)]
        layers.append(modules.MaxPool2d(2))
        shape = (filters, shape[1] // 2, shape[2] // 2)
    inputs = int(np.prod(shape))
    layers.append(modules.Flatten())
    for width in net.dense:
        layers += [modules.Linear(inputs, width), modules.LeakyReLU(SLOPE)]
        inputs = width
    model = modules.Sequential(*layers[:-1]).cuda().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, fused=True)
    images = torch.rand(batch, *net.shape, device="cuda").to(memory_format=torch.channels_last)
    targets = torch.rand(batch, net.dense[-1], device="cuda")
    half = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision, torch.bfloat16)

    @torch.compile(mode=mode)
    def loss() -> torch.Tensor:
        with torch.autocast("cuda", half, enabled=precision in ("bfloat16", "float16"), cache_enabled=not whole):
            return modules.functional.mse_loss(model(images), targets)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()

    return recorded(step) if whole else step


def recorded(step: Callable[[], object]) -> Callable[[], object]:
    """Record a step as one CUDA graph, as PyTorch's documentation has it: first some steps in a stream beside."""
    import torch

    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(5):
            step()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def images_per_second(job: dict[str, Any], way: str) -> float:
    """Measure one way: the best of three rounds of steps."""
    import torch

    torch.compiler.reset()
    step = training(NETS[job["net"]], job["batch"], job["precision"], *WAYS[way])
    for _ in range(20):
        step()
    best = float("inf")
    for _ in range(3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(job["steps"]):
            step()
        torch.cuda.synchronize()
        best = min(best, (time.perf_counter() - start) / job["steps"])
    return job["batch"] / best


def main() -> None:
    """Measure all ways; one that this PyTorch cannot go is named on standard error, and fails only with the others."""
    job, measured, refused = json.loads(sys.argv[1]), {}, []
    for way in WAYS:
        try:
            measured[way] = images_per_second(job, way)
        except Exception as error:  # of compilers, drivers, and memory
            refused.append(f"{way}: {type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
            print(refused[-1], file=sys.stderr)
    if not measured:
        sys.exit("; ".join(refused))
    fastest = max(measured, key=lambda way: measured[way])
    print(json.dumps({"way": fastest, "images_per_second": measured[fastest], "all": measured}))


if __name__ == "__main__":
    main()
