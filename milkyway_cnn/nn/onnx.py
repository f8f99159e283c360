"""Export to ONNX (onnx.ai), for other programs; needs the extra ``milkyway-cnn[onnx]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.activation import LeakyReLU, Logistic, Softmax
from milkyway_cnn.nn.convolution import Convolution
from milkyway_cnn.nn.dense import Dense
from milkyway_cnn.nn.dropout import Dropout
from milkyway_cnn.nn.network import Network
from milkyway_cnn.nn.normalization import BatchNormalization, GroupNormalization
from milkyway_cnn.nn.pooling import AveragePooling, MaxPooling
from milkyway_cnn.nn.scaling import Scaling
from milkyway_cnn.storage import replacing

__all__ = ["export"]

_OPSET = 17


def export(network: Network, path: Path | str) -> None:
    """Write the network, as `predict` without samples computes it, to an ONNX file.

    Input ``input`` (n, *input_shape) float32, output ``output`` (n, *output_shape) float32.

    Raises
    ------
    InputError
        If the package onnx is not installed or a layer has no counterpart.
    """
    try:
        import onnx
    except ImportError as error:
        msg = "the package onnx is not installed; install it by: pip install milkyway-cnn[onnx]"
        raise InputError(msg) from error
    graph, network = _Graph(onnx), network.on_host()
    for layer in network.layers:
        graph.layer(layer)
    if network.output_scale != 1.0:
        graph.add("Mul", graph.constant(np.float32(network.output_scale)))
    graph.add("Identity", out="output")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ends = [
        helper.make_tensor_value_info(name, kind, ["n", *shape])
        for name, shape in (("input", network.input_shape), ("output", network.output_shape))
    ]
    whole = helper.make_graph(graph.nodes, "network", ends[:1], ends[1:], graph.constants)
    # IR version 8 is what programs of 2022 read.
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    with replacing(path) as place:
        place.write_bytes(model.SerializeToString())


class _Graph:
    """Nodes in a row, the last one's output being the next one's first input."""

    def __init__(self, onnx: Any):
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.last = "input"

    def constant(self, value: Any) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, operation: str, *inputs: str, out: str | None = None, **attributes: Any) -> None:
        out = out or f"value_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operation, [self.last, *inputs], [out], **attributes))
        self.last = out

    def leaky(self, slope: float) -> None:
        if slope != 1.0:
            self.add("LeakyRelu", alpha=slope)

    def pool(self, operation: str, window: tuple[int, ...], stride: tuple[int, ...], pad: tuple[int, ...]) -> None:
        self.add(operation, kernel_shape=window, strides=stride, pads=[*pad, *pad])

    def reshape(self, *shape: int) -> None:
        self.add("Reshape", self.constant(np.array([-1, *shape], np.int64)))

    def layer(self, layer: Any) -> None:
        """Add the nodes of one layer; images are (channels, planes, rows, columns) inside, as in ours."""
        values = [parameter.value for parameter in layer.parameters]
        if isinstance(layer, Scaling):
            if layer.function == "sqrt":
                self.add("Sqrt")
            elif layer.function == "log1p":
                self.add("Add", self.constant(np.float32(1.0)))
                self.add("Log")
            self.add("Mul", self.constant(np.float32(layer.factor)))
        elif type(layer) is Convolution:
            self.reshape(*layer.images)
            pads = [*layer.pad, *layer.pad]
            self.add("Conv", *map(self.constant, values), strides=layer.strides, pads=pads)
            self.leaky(layer.slope)
            if layer.pool != 1:
                window = (1, *layer.pools)
                self.pool("MaxPool", window, window, (0, 0, 0))
            self.reshape(*layer.out_shape)
        elif isinstance(layer, MaxPooling | AveragePooling):
            self.reshape(*layer.images)
            operation = "MaxPool" if isinstance(layer, MaxPooling) else "AveragePool"
            self.pool(operation, layer.window, layer.strides, layer.pad)
            self.reshape(*layer.out_shape)
        elif isinstance(layer, Dense):
            self.reshape(values[0].shape[1])
            self.add("Gemm", *map(self.constant, values), transB=1)
            self.leaky(layer.slope)
        elif isinstance(layer, GroupNormalization):
            self.reshape(layer.groups, int(np.prod(layer.shape)) // layer.groups)
            ones = np.ones(layer.groups, np.float32)
            self.add("InstanceNormalization", self.constant(ones), self.constant(0 * ones), epsilon=layer.epsilon)
            self.reshape(*layer.shape)
            column = (layer.shape[0], *(1,) * (len(layer.shape) - 1))
            for operation, value in zip(("Mul", "Add"), values, strict=True):
                repeated = np.repeat(value, layer.shape[0] // value.size)
                self.add(operation, self.constant(repeated.reshape(column)))
        elif isinstance(layer, BatchNormalization):
            constants = map(self.constant, [*values, *layer.statistics])
            self.add("BatchNormalization", *constants, epsilon=layer.epsilon)
        elif isinstance(layer, LeakyReLU):
            self.leaky(layer.slope)
        elif isinstance(layer, Logistic):
            self.add("Sigmoid")
        elif isinstance(layer, Softmax):
            self.reshape(int(np.prod(layer.shape)))
            self.add("Softmax", axis=1)
            self.reshape(*layer.shape)
        elif not isinstance(layer, Dropout):
            msg = f"ONNX export knows no layer {layer.kernel()}; export networks of this package's own layers"
            raise InputError(msg)
