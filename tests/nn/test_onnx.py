"""The exported network, run by onnxruntime."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from milkyway_cnn import nn
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn import cianna
from milkyway_cnn.nn.onnx import export
from milkyway_cnn.profile_network import build

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

NETWORKS = {
    "profile": lambda: build("C5x5.4/2-P2-D20-D9", channels=2, pixels=16),
    "sqrt": lambda: build("C3.4-P2-C3.3-A2-D9", channels=2, pixels=16, counts="sqrt", counts_scale=0.3),
    "all layers": lambda: nn.Network(
        [
            nn.Convolution(4, (3, 5), stride=(2, 1), padding=(0, 2), slope=1.0),
            nn.GroupNormalization(2),
            nn.Logistic(),
            nn.AveragePooling(2),
            nn.GroupNormalization(2, shared=True),
            nn.Convolution(3, 1, slope=0.0),
            nn.MaxPooling(None),
            nn.Dense(5, 1.0),
            nn.Softmax(),
        ],
        (2, 16, 16),
    ),
    "batch": lambda: nn.Network(
        [
            nn.Convolution(4, 3, slope=1.0),
            nn.BatchNormalization(),
            nn.LeakyReLU(0.2),
            nn.MaxPooling(3, 2, 1),
            nn.AveragePooling((3, 2), (2, 1), (1, 0)),
            nn.Dense(6, 1.0),
            nn.BatchNormalization(epsilon=1e-2),
            nn.Dense(3, 1.0),
        ],
        (2, 16, 12),
    ),
    "spectrum": lambda: nn.Network("C5.4-P3-C3.2/2-D7", (2, 256)),
    "volume": lambda: nn.Network([nn.Convolution(3, 3), nn.MaxPooling(2), nn.Dense(2)], (2, 4, 8, 8)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_onnxruntime_gives_our_outputs(name, tmp_path):
    net = NETWORKS[name]()
    rng = np.random.default_rng(0)
    for parameter in net.parameters:
        parameter.value += 0.1 * rng.standard_normal(parameter.value.shape).astype(np.float32)
    for values in net.statistics:
        values += rng.random(values.shape).astype(np.float32)
    export(net, tmp_path / "net.onnx")
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
    for n in (1, 5):
        x = rng.poisson(1.0, (n, *net.input_shape)).astype(np.float32)
        (got,) = session.run(None, {"input": x})
        expected = net.predict(x)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-5 * np.abs(expected).max())


def test_what_cannot_be_exported_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="ONNX export knows no layer D3 with pivot"):
        export(nn.Network([cianna.layers.PivotDense(3)], (4,)), tmp_path / "net")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"pip install milkyway-cnn\[onnx\]"):
        export(nn.Network("D3", (4,)), tmp_path / "net")
