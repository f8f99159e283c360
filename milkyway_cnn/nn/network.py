"""The network: layers in a row, one training step, predictions, and its file."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Hashable, Sequence
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from milkyway_cnn.backend import HOST, current, entered
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn import architecture as grammar
from milkyway_cnn.nn import file, inference, learning, state
from milkyway_cnn.nn.dense import Dense
from milkyway_cnn.nn.dropout import Dropout
from milkyway_cnn.nn.layer import Draw, Layer, Parameter
from milkyway_cnn.nn.loss_scale import LossScale
from milkyway_cnn.nn.scaling import Scaling
from milkyway_cnn.nn.scheme import chosen
from milkyway_cnn.nn.scheme import scheme as find_scheme

__all__ = ["Network"]


class Network:
    """Layers in a row, from images (n, channels, height, width) to outputs (n, width).

    Parameters
    ----------
    architecture : str or list of Layer
        See `milkyway_cnn.nn.architecture`; layers are copied.
    input_shape : tuple of int
        Without the batch.
    dropout, slope : float
        Of the layers of an architecture string: rate of dropout after hidden dense layers, slope of the leaky ReLU.
    seed : int
        Of the weights and of dropout.
    output_scale : float
        Unit of the outputs: the last layer's numbers times this are the predictions, and targets are divided by it
        before the loss.
    scheme : str, optional
        Compute scheme; the one chosen by `nn.use`, or that of the backend, if left out. On a card the network stays
        there, whether it is used inside `backend.use` or not.

    Raises
    ------
    InputError
        If the architecture cannot be read or the shapes cannot connect.
    """

    def __init__(
        self,
        architecture: str | Sequence[Layer],
        input_shape: Sequence[int],
        *,
        dropout: float = 0.0,
        slope: float = 0.01,
        seed: int = 0,
        output_scale: float = 1.0,
        scheme: str | None = None,
    ):
        made = grammar.layers(architecture, dropout, slope) if isinstance(architecture, str) else deepcopy(architecture)
        name = chosen(scheme)
        self.ops = find_scheme(name)
        self.place = current() if name == "cuda" else HOST
        self.layers = list(made)
        self.input_shape = shape = tuple(int(size) for size in input_shape)
        if not self.layers or not shape or min(shape) < 1 or not 0.0 < abs(output_scale) < math.inf:
            msg = (
                f"a network of {len(self.layers)} layers for inputs of shape {shape} and outputs in units of"
                f" {output_scale} cannot be made; give at least one layer, sizes from 1 on and an output_scale not zero"
            )
            raise InputError(msg)
        if any(
            isinstance(after, Scaling) and not isinstance(before, Scaling) for before, after in pairwise(self.layers)
        ):
            msg = "a scaling passes no gradient on, so it can only stand before the first other layer; move it there"
            raise InputError(msg)
        self.seed = seed
        self.output_scale = output_scale
        self.steps = 0  # training steps done: the counter of dropout and of the optimizer
        rng = np.random.default_rng(seed)
        for layer in self.layers:
            shape = layer.connect(shape, rng)
        self.output_shape = shape
        weighty = [layer for layer in self.layers if not isinstance(layer, Dropout)]
        for layer, following in pairwise(weighty):
            if isinstance(layer, Dense) and isinstance(following, Dense):
                layer.turned = True
        self.capacity, self.most = 0, sys.maxsize  # examples that buffers are for, and that there is memory for
        self.given: dict[Hashable, Any] = {}
        self.loss_scale: LossScale | None = None  # of float16
        self.optimizer: Any = None  # of the step before
        with entered(self.place):
            for parameter in self.parameters:
                parameter.value = self.place.send(parameter.value)
            for layer in self.layers:
                layer.statistics = [self.place.send(values) for values in layer.statistics]

    @property
    def parameters(self) -> list[Parameter]:
        """Parameters of all layers, from input to output."""
        return [parameter for layer in self.layers for parameter in layer.parameters]

    @property
    def statistics(self) -> list[np.ndarray]:
        """Arrays that layers keep without learning them: the running means of batch normalization."""
        return [values for layer in self.layers for values in layer.statistics]

    def forget(self) -> None:
        """Let go of recorded steps, for the memory that they work on has changed."""
        self.recorded: dict[Hashable, Any] = {}

    def build(self, batch: int) -> None:
        """Make buffers for `batch` examples, if those at hand are for fewer."""
        if batch <= self.capacity:
            return
        first = True
        for layer in self.layers:
            layer.build(batch, self.ops, first=first)
            first = first and isinstance(layer, Scaling)
        self.gradient = self.place.empty((batch, *self.output_shape), np.float32)
        self.capacity = batch
        self.given = {}
        self.forget()

    def _check(self, x: Any, shape: tuple[int, ...], what: str) -> None:
        if not hasattr(x, "shape") or tuple(x.shape[1:]) != shape or x.dtype.kind not in "uif":
            got = f"{x.dtype} {tuple(x.shape)}" if hasattr(x, "shape") else type(x).__name__
            msg = f"{what} is {got}; this network takes an array of numbers of shape (n, {', '.join(map(str, shape))})"
            raise InputError(msg)

    def _check_pair(self, x: Any, target: Any, loss: Any) -> tuple[int, tuple[int, ...]]:
        """Refuse what does not belong together; count the examples and give a target's shape."""
        self._check(x, self.input_shape, "the input")
        shape = (*self.output_shape[:-1], loss.targets(self.output_shape[-1]))
        self._check(target, shape, "the target")
        n = x.shape[0]
        if target.shape[0] != n or n == 0:
            msg = f"there are {n} inputs and {target.shape[0]} targets; give as many of both, and at least one"
            raise InputError(msg)
        return n, shape

    def sent(self, x: Any) -> Any:
        """Give the input as the first layer takes it: any type of number for a scaling, else float32."""
        wanted = None if isinstance(self.layers[0], Scaling) else np.float32
        if not self.place.holds(x):
            return self.place.send(np.ascontiguousarray(x, wanted))
        if wanted is None or x.dtype == wanted:
            return x
        same = self.place.empty(tuple(x.shape), np.float32)
        self.ops.scale(x, "linear", 1.0, same)
        return same

    def forward(self, x: np.ndarray, layers: range, draw: Draw | None) -> np.ndarray:
        for number in layers:
            own = draw and draw._replace(key=learning.stream(draw.key, number))
            x = self.layers[number].forward(x, own)
        return x

    def step(
        self,
        x: np.ndarray,
        target: np.ndarray,
        weights: np.ndarray | float | None = None,
        *,
        loss: Any,
        optimizer: Any,
        rate: float,
    ) -> float:
        """Learn from one batch and return its mean loss (of targets and outputs divided by `output_scale`).

        Parameters
        ----------
        x : (n, *input_shape) array
        target : (n, *output_shape) array
        weights : broadcastable to target, optional
            Factor of each output in the loss.
        """
        return self.learn(x, target, weights, loss=loss, optimizer=optimizer, rate=rate)()

    def learn(
        self,
        x: np.ndarray,
        target: np.ndarray,
        weights: np.ndarray | float | None = None,
        *,
        loss: Any,
        optimizer: Any,
        rate: float,
    ) -> Callable[[], float]:
        """Learn from one batch, as `step` does, and return a function that waits for its loss.

        The batch may be of the host or of the network's backend. Where it needs more memory than there is, its halves,
        quarters ... go through the network after each other and their gradients are summed.

        Raises
        ------
        InputError
            If there is not even memory for one example.
        """
        n, targets = self._check_pair(x, target, loss)
        factors = weights if self.place.holds(weights) else loss.factors(weights, (n, math.prod(targets)))
        with entered(self.place) as place:
            each = learning.learn(self, x, target, factors, loss, optimizer, rate)
            self.steps += 1
            values = place.later(each)
        return lambda: float(values().mean())

    def predict(self, x: Any, samples: int | None = None, seed: int = 0, batch: int | None = None) -> np.ndarray:
        """Return outputs for x (n, *input_shape), float32 (n, *output_shape), without dropout.

        Parameters
        ----------
        samples : int, optional
            Keep dropout on and give so many draws, (samples, n, *output_shape): Monte-Carlo dropout (Gal &
            Ghahramani 2016, arXiv:1506.02142). Layers before the first dropout are evaluated once.
        seed : int
            Of these draws; a draw does not depend on how many examples or draws are asked for.
        batch : int, optional
            Examples of one pass, 128 on the host and 2048 on a card, or of all draws of a pass, four times as many;
            the last bits of the outputs may depend on it.
        """
        self._check(x, self.input_shape, "the input")
        with entered(self.place) as place:
            if samples is None:
                return place.fetch(inference.outputs(self, x, batch or place.batch))
            return inference.draws(self, x, samples, seed, batch)

    def evaluate(self, x: Any, target: Any, weights: Any = None, *, loss: Any) -> float:
        """Mean loss over examples, without dropout, in the units and with the weights of `step`."""
        self._check_pair(x, target, loss)
        with entered(self.place):
            return inference.evaluate(self, x, target, weights, loss)

    def summary(self) -> str:
        """Table of layers with output shapes, weights and memory of the weights."""
        return "\n".join(f"{name:24}{shape:>16}{count:>14}{memory:>14}" for name, shape, count, memory in self._rows())

    def _repr_html_(self) -> str:
        rows = ("".join(f"<td>{cell}</td>" for cell in row) for row in self._rows())
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """List the cells of the summary."""
        rows = [("layer", "output", "weights", "memory")]
        counts = [sum(parameter.value.size for parameter in layer.parameters) for layer in self.layers]
        shapes = [" x ".join(map(str, layer.out_shape)) for layer in self.layers]
        names = [layer.kernel() for layer in self.layers]
        for name, shape, count in zip([*names, "total"], [*shapes, ""], [*counts, sum(counts)], strict=True):
            rows.append((name, shape, f"{count:,}", f"{4 * count / 2**20:.1f} MiB"))
        return rows

    def save(self, path: Path | str, *, history: Any = None, provenance: Any = None, optimizer: Any = None) -> None:
        """Write the network to one file; with an optimizer, all that training needs to go on exactly.

        Parameters
        ----------
        history, provenance : JSON-like
            Kept in the file and given back by `restore`.
        """
        state.save(self, path, history, provenance, optimizer)

    def restore(self, path: Path | str, optimizer: Any = None) -> dict[str, Any]:
        """Take weights and step counter from a file, and with an optimizer its moments; return the description.

        Raises
        ------
        InputError
            If the file is damaged, of another architecture or of another optimizer.
        """
        return state.restore(self, path, optimizer)

    def on_host(self) -> Network:
        """Give this network or, of one that is on a card, a copy that is not."""
        if self.place is HOST:
            return self
        twin = Network(state.copied(self.layers), self.input_shape, scheme="cpu")
        return state.move(self, twin)

    @classmethod
    def load(cls, path: Path | str, scheme: str | None = None) -> Network:
        """Network of a file that `save` wrote; InputError if it is missing, damaged or no network file."""
        description, _ = file.read(path)
        layers = state.layers_of(path, description)
        shape, seed, output_scale = (description[name] for name in ("input_shape", "seed", "output_scale"))
        find_scheme(scheme)
        try:
            network = cls(layers, shape, seed=seed, output_scale=output_scale, scheme=scheme)
        except (TypeError, ValueError) as error:
            msg = f"{path} describes no network that can be made here ({error}); save the network again"
            raise InputError(msg) from error
        network.restore(path)
        return network
