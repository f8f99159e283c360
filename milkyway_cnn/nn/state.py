"""A network's state: what `Network.save` writes and `Network.restore` reads, wherever the network is."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from milkyway_cnn.backend import entered
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn import file
from milkyway_cnn.nn.layer import Layer
from milkyway_cnn.nn.loss_scale import LossScale

__all__ = ["copied", "layers_of", "move", "restore", "save"]


def save(net: Any, path: Path | str, history: Any, provenance: Any, optimizer: Any) -> None:
    """See `Network.save`."""
    description = {
        "layers": [layer.describe() for layer in net.layers],
        "input_shape": net.input_shape,
        "seed": net.seed,
        "output_scale": net.output_scale,
        "steps": net.steps,
        "optimizer": optimizer and {"kind": type(optimizer).__name__} | asdict(optimizer),
        "history": history,
        "provenance": provenance,
    }
    arrays = {f"parameter/{i}": parameter.value for i, parameter in enumerate(net.parameters)}
    arrays |= {f"statistic/{i}": values for i, values in enumerate(net.statistics)}
    if optimizer is not None:
        for i, parameter in enumerate(net.parameters):
            arrays |= {f"moment/{i}/{j}": moment for j, moment in enumerate(parameter.moments)}
        if net.loss_scale is not None:
            arrays["loss_scale"] = net.loss_scale.state
    with entered(net.place) as place:
        file.write(path, description, {name: place.fetch(values) for name, values in arrays.items()})


def restore(net: Any, path: Path | str, optimizer: Any) -> dict[str, Any]:
    """See `Network.restore`."""
    description, arrays = file.read(path)
    # Through layers, for a file need not name fields that are as they are by default.
    there, here = (
        json.dumps([layer.describe() for layer in layers]) for layers in (layers_of(path, description), net.layers)
    )
    if there != here or tuple(description["input_shape"]) != net.input_shape:
        msg = f"{path} holds a network of another architecture; restore it into the one that wrote it"
        raise InputError(msg)
    described = optimizer and {"kind": type(optimizer).__name__} | asdict(optimizer)
    if optimizer is not None and description["optimizer"] != described:
        msg = f"{path} was trained by {description['optimizer']}, not {described}; go on with the same or start anew"
        raise InputError(msg)
    count = optimizer.moments if optimizer is not None and description["steps"] else 0
    try:
        values = [_same(arrays[f"parameter/{i}"], own.value) for i, own in enumerate(net.parameters)]
        statistics = [_same(arrays[f"statistic/{i}"], own) for i, own in enumerate(net.statistics)]
        moments = [
            tuple(_same(arrays[f"moment/{i}/{j}"], own.value) for j in range(count))
            for i, own in enumerate(net.parameters)
        ]
    except (KeyError, ValueError) as error:
        msg = f"{path} is damaged: its arrays do not fit its architecture; save the network again"
        raise InputError(msg) from error
    with entered(net.place) as place:
        for parameter, value, moment in zip(net.parameters, values, moments, strict=True):
            place.fill(parameter.value, value)
            if optimizer is not None:
                parameter.moments, parameter.gradient = tuple(map(place.send, moment)), None
        if optimizer is not None and "loss_scale" in arrays and place.precision == "float16":
            net.loss_scale = LossScale(place, 1.0)
            place.fill(net.loss_scale.state, _same(arrays["loss_scale"], np.zeros(2, np.float32)))
        for own, statistic in zip(net.statistics, statistics, strict=True):
            place.fill(own, statistic)
    net.forget()
    net.steps = description["steps"]
    return description


def copied(layers: list[Layer]) -> list[Layer]:
    """Make layers of the same fields."""
    fields = [{name: value for name, value in layer.describe().items() if name != "kind"} for layer in layers]
    return [type(layer)(**own) for layer, own in zip(layers, fields, strict=True)]


def move(net: Any, twin: Any) -> Any:
    """Give a twin that is on the host what another network has learned; return it."""
    twin.seed, twin.output_scale, twin.steps = net.seed, net.output_scale, net.steps
    with entered(net.place) as place:
        values = [(own.value, there.value) for own, there in zip(twin.parameters, net.parameters, strict=True)]
        for own, there in [*values, *zip(twin.statistics, net.statistics, strict=True)]:
            own[...] = place.fetch(there)
    return twin


def layers_of(path: Path | str, description: dict[str, Any]) -> list[Layer]:
    """Layers of a file's description; InputError if they or what else is needed of it cannot be used."""
    try:
        if not (
            all(type(size) is int and size > 0 for size in description["input_shape"])
            and all(type(description[name]) is int and description[name] >= 0 for name in ("seed", "steps"))
            and math.isfinite(description["output_scale"])
        ):
            msg = "numbers that cannot be"
            raise ValueError(msg)
        made = []
        for entry in description["layers"]:
            fields = {name: tuple(v) if isinstance(v, list) else v for name, v in entry.items() if name != "kind"}
            made.append(Layer.kinds[entry["kind"]](**fields))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        msg = f"{path} describes no network that can be made here ({error}); save the network again"
        raise InputError(msg) from error
    return made


def _same(array: np.ndarray, model: np.ndarray) -> np.ndarray:
    """Array, if it has the shape and type of `model`."""
    if array.shape != model.shape or array.dtype != model.dtype:
        msg = f"{array.dtype} {array.shape} instead of {model.dtype} {model.shape}"
        raise ValueError(msg)
    return array
