"""One step of a training, on the host or on a card, with as much memory as there is."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from milkyway_cnn.backend import HOST
from milkyway_cnn.errors import InputError
from milkyway_cnn.kernels.draws import fork
from milkyway_cnn.nn.layer import Draw
from milkyway_cnn.nn.loss_scale import scale_of

__all__ = ["afford", "learn", "stream"]

_TRAINING = 0  # stream of dropout


def learn(net: Any, x: Any, target: Any, factors: Any, loss: Any, optimizer: Any, rate: float) -> Any:
    """Let a network learn from a batch; return the loss of each example, which is not waited for.

    Raises
    ------
    InputError
        If there is memory for the buffers, but not for what a step needs beside them.
    """

    def prepare(size: int) -> tuple[Any, ...]:
        net.build(size)
        optimizer.prepare(net.parameters, rate, net.steps)
        scale_of(net, size * math.prod(net.output_shape))
        return _kept(net, "input", net.sent(x)), _scaled(net, target), _kept(net, "weights", factors, np.float32)

    if optimizer != net.optimizer:  # which had moments of its own, where recorded steps would still write
        net.optimizer = optimizer
        net.forget()
    images, wanted, shares = afford(net, len(x), prepare)
    key = len(x), images.dtype, shares.shape, loss, optimizer
    try:
        return net.place.repeat(net.recorded, key, lambda: _learn(net, images, wanted, shares, loss, optimizer, rate))
    except MemoryError as error:
        fewer = max(1, net.capacity // 2)
        msg = (
            f"device {net.place.name!r} has no memory for a step of {net.capacity} examples; choose a batch of {fewer}"
        )
        raise InputError(msg) from error


def _learn(net: Any, x: Any, target: Any, factors: Any, loss: Any, optimizer: Any, rate: float) -> Any:
    """Do all that is the same in each step but for numbers."""
    n, place, lift = x.shape[0], net.place, net.loss_scale
    scale, keep = optimizer.prepare(net.parameters, rate, net.steps)
    key = stream(net.seed, _TRAINING, net.steps)
    each = place.empty((n,), np.float64)
    for begin in range(0, n, net.capacity):
        part = slice(begin, min(n, begin + net.capacity))
        count = part.stop - begin
        output = net.forward(x[part], range(len(net.layers)), Draw(key, begin, training=True))
        flow, own = net.gradient[:count], factors[part] if len(factors) > 1 else factors
        loss.each(net.ops, output.reshape(count, -1), target[part], own, flow.reshape(count, -1), each[part])
        # The loss is a mean, of which a part has its share.
        share = place.number(scale if count == n else scale * count / n)
        if lift is not None:
            lift.raised(flow)
            share = lift.lowered(share)
        for layer in reversed(net.layers):
            if flow is None:
                break
            flow = layer.backward(flow, share, keep if begin == 0 else 1.0)
    factor = optimizer.update(net.parameters, rate, net.steps, net.ops)
    if lift is not None:
        lift.settle(factor)
    return each


def _kept(net: Any, name: str, values: Any, dtype: Any = None) -> Any:
    """Put an array of a batch where it is at every step, so that a step can be repeated; on the host it stays."""
    if net.place is HOST:
        return values
    there = _room(net, name, tuple(values.shape), dtype or values.dtype)
    net.place.fill(there, values)
    return there


def _room(net: Any, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
    key = name, shape, np.dtype(dtype)
    if key not in net.given:
        net.given[key] = net.place.empty(shape, dtype)
    return net.given[key]


def _scaled(net: Any, target: Any) -> Any:
    """Give targets (n, targets) in the unit of the loss."""
    factor, shape = 1.0 / net.output_scale, tuple(target.shape)
    scaled = _room(net, "scaled", shape, np.float32)
    if net.place is HOST:
        np.multiply(target, factor, out=scaled, casting="same_kind")
    else:
        net.ops.scale(_kept(net, "target", target, np.float32), "linear", factor, scaled)
    return scaled.reshape(shape[0], math.prod(shape[1:]))


def afford(net: Any, size: int, work: Callable[[int], Any]) -> Any:
    """Do what needs memory for so many examples at a time or, where there is too little, for half as many, and so on.

    Raises
    ------
    InputError
        If there is not even memory for one example.
    """
    size = min(size, net.most)
    while True:
        try:
            return work(size)
        except MemoryError as error:
            if size == 1:
                msg = f"there is no memory on device {net.place.name!r} for one example; choose a smaller network"
                raise InputError(msg) from error
        size = net.most = (size + 1) // 2
        net.capacity = 0
        net.build(1)  # lets go of what there was
        net.capacity = 0
        net.place.release()
        msg = f"device {net.place.name!r} has no memory for so large a batch: {size} examples at a time go through it"
        warnings.warn(msg, stacklevel=4)


def stream(key: Any, *branches: int) -> Any:
    """Key of the stream of random numbers at the end of these branches, uint64; of each, where several are given."""
    if np.ndim(key):
        return np.array([stream(each, *branches) for each in key], np.uint64)
    for branch in branches:
        key = np.uint64(fork(np.uint64(key), np.uint64(branch)))
    return np.uint64(key)
