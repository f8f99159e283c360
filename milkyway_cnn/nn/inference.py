"""Passes without learning: outputs, draws of Monte-Carlo dropout, and the loss on examples that are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from milkyway_cnn.nn.layer import Draw
from milkyway_cnn.nn.learning import afford, stream

__all__ = ["draws", "evaluate", "outputs"]

_PREDICTION = 1  # stream of dropout; that of the training is 0
#: Rows of a pass of draws are so many times the examples of one without: products of the small layers, which are what
#: comes after dropout, are the faster for it.
_ROWS = 4


def outputs(net: Any, x: Any, batch: int) -> Any:
    """Outputs without dropout, on the backend: (n, *output_shape) float32."""

    def work(size: int) -> Any:
        n = x.shape[0]  # stores may have no len()
        net.build(min(size, max(1, n)))
        out = net.place.empty((n, *net.output_shape), np.float32)
        for begin in range(0, n, size):
            part = slice(begin, begin + size)
            made = net.forward(net.sent(x[part]), range(len(net.layers)), None)
            net.ops.scale(made, "linear", net.output_scale, out[part])
        return out

    return afford(net, batch, work)


def draws(net: Any, x: Any, samples: int, seed: int, batch: int | None) -> np.ndarray:
    """Outputs in so many draws of dropout, on the host: (samples, n, *output_shape) float32.

    The layers before the first dropout are evaluated once. Behind it a pass has as many draws of its examples, one
    below the other, as fit in `batch` rows.
    """
    whole, n = range(len(net.layers)), x.shape[0]
    cut = next((i for i in whole if net.layers[i].random), None)
    if cut is None:
        same = net.place.fetch(outputs(net, x, batch or net.place.batch))
        return np.repeat(same[None], samples, axis=0)
    keys = np.array([stream(seed, _PREDICTION, sample) for sample in range(samples)], np.uint64)

    def work(size: int) -> np.ndarray:
        net.build(min(size, max(1, n * samples)))
        out = np.empty((samples, n, *net.output_shape), np.float32)
        for begin in range(0, n, size):
            part = slice(begin, min(n, begin + size))
            count = part.stop - begin
            common, together = net.forward(net.sent(x[part]), whole[:cut], None), size // count
            made = net.place.empty((samples, count, *net.output_shape), np.float32)
            for first in range(0, samples, together):
                some = made[first : first + together]
                rows = some.reshape(-1, *net.output_shape)
                draw = Draw(keys[first : first + together], begin, rows=len(rows))
                net.ops.scale(net.forward(common, whole[cut:], draw), "linear", net.output_scale, rows)
            out[:, part] = net.place.fetch(made)
        return out

    return afford(net, batch or _ROWS * net.place.batch, work)


def evaluate(net: Any, x: Any, target: Any, weights: Any, loss: Any) -> float:
    """Mean loss over examples, see `Network.evaluate`."""
    place, count, scale, losses = net.place, x.shape[0], 1.0 / net.output_scale, []
    for begin in range(0, count, place.batch):
        part = slice(begin, begin + place.batch)
        output = outputs(net, x[part], place.batch)
        n = output.shape[0]
        wanted = place.send(np.asarray(target[part], np.float32).reshape(n, -1) * np.float32(scale))
        output = output.reshape(n, -1)
        net.ops.scale(output, "linear", scale, output)
        factors = loss.factors(None if weights is None else weights[part], wanted.shape)
        losses.append(place.later(loss.each(net.ops, output, wanted, place.send(factors))))
    return sum(float((each := values()).mean()) * len(each) for values in losses) / count
