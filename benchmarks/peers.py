"""The same networks in this package, PyTorch and JAX, each run by a process of its own.

``python -m benchmarks.peers PEER JOB`` (JOB is JSON) prints a line when it is ready, then does the job's steps once
for each line that it reads and answers with the seconds they took, and at last with its peak memory in MiB.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SLOPE, MOMENTUM, RATE = 0.01, 0.9, 1e-4


@dataclass(frozen=True)
class Net:
    """A network of the benchmark: what all peers build."""

    shape: tuple[int, ...]
    convolutions: tuple[tuple[int, int], ...]  # filters, kernel; each followed by 2 x 2 max pooling
    dense: tuple[int, ...]

    @property
    def architecture(self) -> str:
        """Write the network as this package's architecture string."""
        convolutions = [f"C{kernel}x{kernel}.{filters}-P2" for filters, kernel in self.convolutions]
        return "-".join([*convolutions, *(f"D{width}" for width in self.dense)])

    def flops(self, training: bool) -> int:
        """Count the operations of one image; the first layer needs no gradient of its input."""
        total, first, shape = 0, True, self.shape
        for filters, kernel in self.convolutions:
            channels, height, width = shape
            own = 2 * filters * channels * kernel**2 * height * width
            total += own * (3 - first if training else 1)
            first, shape = False, (filters, height // 2, width // 2)
        inputs = int(np.prod(shape))
        for width in self.dense:
            total += 2 * inputs * width * (3 - first if training else 1)
            first, inputs = False, width
        return total


NETS = {
    "published": Net((1, 64, 64), ((12, 5),), (3072, 3072, 2048, 128)),
    "lenet": Net((1, 28, 28), ((8, 5), (16, 5)), (256, 128, 10)),
    "dense": Net((784,), (), (1024, 1024, 10)),
    "tiny": Net((1, 8, 8), ((2, 3),), (4, 3)),
}


def milkyway_cnn(net: Net, x: np.ndarray, y: np.ndarray, training: bool) -> Callable[[], object]:
    from milkyway_cnn import nn

    network = nn.Network(net.architecture, net.shape, slope=SLOPE)
    options = {"loss": nn.SquaredError(), "optimizer": nn.SGD(MOMENTUM), "rate": RATE}
    return lambda: network.step(x, y, **options) if training else network.predict(x, batch=len(x))


def pytorch(net: Net, x: np.ndarray, y: np.ndarray, training: bool, compiled: bool = False) -> Callable[[], object]:
    import torch

    modules = torch.nn
    layers: list[torch.nn.Module] = []
    shape = net.shape
    for filters, kernel in net.convolutions:
        layers += [
            modules.Conv2d(shape[0], filters, kernel, padding=kernel // 2),
            modules.LeakyReLU(SLOPE, inplace=True),
            modules.MaxPool2d(2),
        ]
        shape = (filters, shape[1] // 2, shape[2] // 2)
    layers.append(modules.Flatten())
    inputs = int(np.prod(shape))
    for width in net.dense:
        layers += [modules.Linear(inputs, width), modules.LeakyReLU(SLOPE, inplace=True)]
        inputs = width
    model = modules.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, fused=True)
    images, targets = torch.tensor(x), torch.tensor(y)

    def loss() -> torch.Tensor:
        return modules.functional.mse_loss(model(images), targets)

    def predict() -> torch.Tensor:
        return model(images)

    if compiled:
        loss, predict = torch.compile(loss), torch.compile(predict)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()

    def infer() -> None:
        with torch.inference_mode():
            predict()

    return step if training else infer


def pytorch_compiled(net: Net, x: np.ndarray, y: np.ndarray, training: bool) -> Callable[[], object]:
    return pytorch(net, x, y, training, compiled=True)


def jax(net: Net, x: np.ndarray, y: np.ndarray, training: bool) -> Callable[[], object]:
    import jax as library
    from jax import lax
    from jax import numpy as jnp

    rng = np.random.default_rng(0)
    sizes, shape = [], net.shape
    for filters, kernel in net.convolutions:
        sizes.append((filters, shape[0], kernel, kernel))
        shape = (filters, shape[1] // 2, shape[2] // 2)
    inputs = int(np.prod(shape))
    for width in net.dense:
        sizes.append((inputs, width))
        inputs = width
    weights = [
        (jnp.asarray(rng.standard_normal(s, np.float32) * 0.02), jnp.zeros(s[0] if len(s) == 4 else s[1]))
        for s in sizes
    ]

    def forward(weights, x):
        for i, (w, b) in enumerate(weights):
            if w.ndim == 4:
                x = lax.conv_general_dilated(x, w, (1, 1), "SAME") + b[:, None, None]
                x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
            else:
                x = x.reshape(len(x), -1) @ w + b
            if i < len(weights) - 1:
                x = jnp.where(x > 0, x, SLOPE * x)
        return x

    def update(state, x, y):
        weights, velocity = state
        gradient = library.grad(lambda w: ((forward(w, x) - y) ** 2).mean())(weights)
        velocity = library.tree.map(lambda v, g: MOMENTUM * v - RATE * g, velocity, gradient)
        return library.tree.map(jnp.add, weights, velocity), velocity

    update = library.jit(update, donate_argnums=0)
    infer = library.jit(forward)
    images, targets = jnp.asarray(x), jnp.asarray(y)
    state = [(weights, library.tree.map(jnp.zeros_like, weights))]

    def step() -> None:
        state[0] = update(state[0], images, targets)
        library.block_until_ready(state[0])

    return step if training else lambda: infer(weights, images).block_until_ready()


PEERS = {"milkyway_cnn": milkyway_cnn, "pytorch": pytorch, "pytorch_compiled": pytorch_compiled, "jax": jax}


def main() -> None:
    """Serve one peer until standard input ends."""
    peer, job = sys.argv[1], json.loads(sys.argv[2])
    if "torch" in peer:
        import torch

        torch.set_num_threads(job["threads"])
    net = NETS[job["net"]]
    rng = np.random.default_rng(0)
    x = rng.random((job["batch"], *net.shape), dtype=np.float32)
    y = rng.random((job["batch"], net.dense[-1]), dtype=np.float32)
    run = PEERS[peer](net, x, y, job["training"])
    for _ in range(3):
        run()
    print("ready", flush=True)
    for line in sys.stdin:
        begin = time.perf_counter()
        for _ in range(int(line)):
            run()
        print(time.perf_counter() - begin, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
