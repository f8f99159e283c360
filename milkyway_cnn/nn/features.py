"""What a network has made of its input before its last layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from milkyway_cnn.backend import entered
from milkyway_cnn.nn.dense import Dense
from milkyway_cnn.nn.network import Network

__all__ = ["features"]


def features(network: Network, x: Any) -> np.ndarray:
    """Return what the last dense layer sees of x (n, *input_shape), without dropout: (n, width) float32."""
    network._check(x, network.input_shape, "the input")
    last = max(number for number, layer in enumerate(network.layers) if isinstance(layer, Dense))
    parts = [np.empty((0, network.layers[last].parameters[0].value.shape[1]), np.float32)]
    with entered(network.place) as place:
        network.build(min(place.batch, max(1, x.shape[0])))
        for begin in range(0, x.shape[0], place.batch):
            seen = network.forward(network.sent(x[begin : begin + place.batch]), range(last), None)
            parts.append(np.array(place.fetch(seen), np.float32, order="C").reshape(seen.shape[0], -1))
    return np.concatenate(parts)
