"""Our networks as networks of CIANNA that give the same outputs."""

from __future__ import annotations

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.activation import Logistic, Softmax
from milkyway_cnn.nn.cianna.layers import BiasedConvolution, BoundedActivation, PivotDense, Thinning, WindowAverage
from milkyway_cnn.nn.convolution import Convolution
from milkyway_cnn.nn.dense import Dense
from milkyway_cnn.nn.dropout import Dropout
from milkyway_cnn.nn.layer import Layer
from milkyway_cnn.nn.network import Network
from milkyway_cnn.nn.normalization import BatchNormalization, GroupNormalization
from milkyway_cnn.nn.pooling import AveragePooling, MaxPooling
from milkyway_cnn.nn.scaling import Scaling

__all__ = ["as_cianna"]

_FREE = 1e7  # saturation that no value reaches
_OWN = BiasedConvolution | PivotDense | Thinning | BoundedActivation | WindowAverage


def as_cianna(network: Network) -> Network:
    """Give a network of CIANNA's layers: the same one if it has them already.

    Raises
    ------
    InputError
        If a layer has no counterpart.
    """
    if any(isinstance(layer, _OWN) for layer in network.layers):
        return network
    network = network.on_host()
    layers: list[Layer] = []
    values: list[np.ndarray] = []
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    for layer in network.layers:
        if isinstance(layer, Scaling | Dropout):
            continue
        if isinstance(layer, BiasedConvolution | Convolution):
            made = BiasedConvolution(
                layer.filters, layer.kernel_size, layer.stride, layer.padding, slope=1.0, bias_value=1.0
            )
            layers += [made, *_relu(layer.slope)]
            if layer.pool != 1:
                layers.append(MaxPooling(layer.pool))
            values += [parameter.value for parameter in layer.parameters]
        elif isinstance(layer, Dense):
            first, last = layer is dense[0], layer is dense[-1]
            layers += [PivotDense(layer.width + (not last), 1.0, not first, last), *_relu(layer.slope, not last)]
            values.append(_with_one(layer, first, last))
        elif isinstance(layer, MaxPooling | AveragePooling):
            layers.append(layer)
        elif isinstance(layer, Logistic | Softmax) and _linear(layers) and network.output_scale == 1.0:
            layers.append(layer if isinstance(layer, Softmax) else BoundedActivation("LOGI", 80.0, 1.0))
        else:
            normal = isinstance(layer, BatchNormalization | GroupNormalization)
            what = "its normalization" if normal else f"its layer {layer.kernel()}"
            msg = f"CIANNA has no counterpart of {what} in this network; leave it out to write a file for CIANNA"
            raise InputError(msg)
    twin = Network(layers, network.input_shape, scheme="cpu")
    for parameter, value in zip(twin.parameters, values, strict=True):
        parameter.value[...] = value.reshape(parameter.value.shape)
    for parameter in [layer for layer in twin.layers if layer.parameters][-1].parameters:
        parameter.value *= np.float32(network.output_scale)
    return twin


def _linear(layers: list[Layer]) -> bool:
    """Tell whether an activation may follow: no other one is there, and no neuron that is always 1."""
    before = layers[-1] if layers else None
    return before.last if isinstance(before, PivotDense) else isinstance(before, BiasedConvolution | MaxPooling)


def _relu(slope: float, pivot: bool = False) -> list[Layer]:
    """Activation of a leaky ReLU; its file keeps two decimals of the slope."""
    if slope == 1.0:
        return []
    if round(slope, 2) != slope:
        msg = f"the slope {slope} has more decimals than the two of CIANNA's files; choose one such as 0.01"
        raise InputError(msg)
    return [BoundedActivation("RELU", _FREE, slope, pivot)]


def _with_one(layer: Dense, first: bool, last: bool) -> np.ndarray:
    """Matrix of a dense layer with one more neuron that is always 1 and carries the biases of the next layer.

    Rows: inputs, [the neuron of 1 of the layer before], the constant or the pivot; columns: outputs, [the neuron
    of 1], the pivot.
    """
    weights, bias = (parameter.value for parameter in layer.parameters)
    width, inputs = weights.shape
    matrix = np.zeros((inputs + 1 + (not first), width + 1 + (not last)), np.float32)
    matrix[:inputs, :width] = weights.T
    matrix[inputs, :width] = bias
    if not last:
        matrix[inputs, width] = 1.0
    return matrix
