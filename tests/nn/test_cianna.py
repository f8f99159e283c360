"""CIANNA's own files, outputs and training trajectories; ours written for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milkyway_cnn import nn
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn import cianna

REFERENCE = Path(__file__).parents[2].parent / "shared/reference/cianna"
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason="shared/reference/cianna is not there")


def array(name, net=None):
    values = np.load(REFERENCE / name)
    return values if net is None else values.reshape(-1, *net.input_shape)


@needs_reference
@pytest.mark.parametrize("name", ["init", "final", "ep01"])
@pytest.mark.parametrize("run", ["R1", "R2", "R3"])
def test_outputs_are_those_of_cianna(run, name):
    expected = array(f"{run}/out_{name}.npy")
    for path in sorted((REFERENCE / run).glob(f"{name}.*")):
        net = cianna.load(path)
        y = net.predict(array(f"{run}/test_x.npy", net)).reshape(len(expected), -1)
        np.testing.assert_allclose(y, expected[:, : y.shape[1]], atol=1e-5)


@needs_reference
@pytest.mark.parametrize("run", ["R1", "R3"])
@pytest.mark.parametrize("scheme", ["cpu", "reference"])
def test_training_follows_the_trajectory(run, scheme):
    config = json.loads((REFERENCE / run / "config.json").read_text())
    trajectory = json.loads((REFERENCE / run / "trajectory.json").read_text())
    net = cianna.load(REFERENCE / run / "init.bin", scheme)
    x, y = array(f"{run}/train_x.npy", net), array(f"{run}/train_y.npy").reshape(-1, *net.output_shape)
    test_x, test_y = array(f"{run}/test_x.npy", net), array(f"{run}/test_y.npy").reshape(-1, *net.output_shape)
    size, optimizer, loss = config["b"], nn.SGD(config["mom"]), cianna.Quadratic(config["b"])
    for epoch in range(config["ep"]):
        losses = [
            net.step(x[i : i + size], y[i : i + size], loss=loss, optimizer=optimizer, rate=config["lr"])
            for i in range(0, len(x), size)
        ]
        counts = [len(x[i : i + size]) for i in range(0, len(x), size)]
        assert np.average(losses, weights=counts) == pytest.approx(trajectory["cianna_train"][epoch], rel=1e-4)
        assert net.evaluate(test_x, test_y, loss=loss) == pytest.approx(trajectory["cianna_valid"][epoch], rel=1e-5)
        expected = cianna.load(REFERENCE / run / f"ep{epoch + 1:02d}.bin")
        for own, other in zip(net.parameters, expected.parameters, strict=True):
            np.testing.assert_allclose(own.value, other.value, atol=3e-6)


@needs_reference
def test_monte_carlo_dropout_has_the_same_distribution():
    net = cianna.load(REFERENCE / "R2/final.bin")
    draws = net.predict(array("R2/test_x.npy", net), samples=4000)
    mean, deviation = array("R2/mc_mean.npy"), array("R2/mc_std.npy")
    sigma = deviation * np.sqrt(2 / 4000)
    assert (np.abs(draws.mean(axis=0) - mean) / sigma).max() < 4.0
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.1)


@needs_reference
@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("run", ["R1", "R2", "R3"])
def test_its_networks_are_written_as_they_were(run, text, tmp_path):
    original = REFERENCE / run / f"final.{'txt' if text else 'bin'}"
    net = cianna.load(original)
    cianna.save(net, tmp_path / "copy", text=text)
    if text:
        assert (tmp_path / "copy").read_text() == original.read_text()
    again = cianna.load(tmp_path / "copy")
    for own, other in zip(net.parameters, again.parameters, strict=True):
        np.testing.assert_array_equal(own.value, other.value)
    net.save(tmp_path / "own")
    x = array(f"{run}/test_x.npy", net)
    np.testing.assert_array_equal(nn.Network.load(tmp_path / "own").predict(x), net.predict(x))


@pytest.mark.parametrize("architecture", ["C3x5.4/2x1-P2-C3.3-A2-D9-D8-D5", "D7-D6-D5", "C3.2-D5", "P2-D4-D5"])
@pytest.mark.parametrize("text", [False, True])
def test_our_networks_give_the_same_outputs_there(architecture, text, tmp_path):
    net = nn.Network(architecture, (2, 12, 10), dropout=0.1, output_scale=3.0, slope=0.05)
    rng = np.random.default_rng(0)
    for parameter in net.parameters:
        parameter.value += 0.3 * rng.standard_normal(parameter.value.shape).astype(np.float32)
    x = rng.standard_normal((6, 2, 12, 10)).astype(np.float32)
    cianna.save(net, tmp_path / "net", text=text)
    expected = net.predict(x)
    tolerance = 1e-4 if text else 1e-5
    got = cianna.load(tmp_path / "net").predict(x)
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("text", [False, True])
def test_pooling_with_stride_and_padding(text, tmp_path):
    """Three numbers a, b, c in windows of 3 with steps of 2 and one place of padding: (-, a, b), (b, c, -)."""
    path = tmp_path / "net"
    path.write_text("3x1x1x1\nP3x1x1.2x1x1s1x0x0p0g_0.0dAVG LIN \n")
    net = cianna.load(path)
    cianna.save(net, path, text=text)
    net = cianna.load(path)
    np.testing.assert_allclose(net.predict(np.array([[[1, 2, 4]]])), [[[1.5, 3.0]]])
    gradient_in = np.empty((1, 1, 1, 1, 3), np.float32)
    net.layers[0]._pool_backward(np.array([[[[[3, 6]]]]], np.float32), gradient_in)
    np.testing.assert_allclose(gradient_in.ravel(), [1.0, 3.0, 2.0])  # its shares are of the whole window
    ours = nn.Network([nn.Convolution(3, 3, slope=1.0), nn.MaxPooling(3, 2, 1), nn.AveragePooling(2, 1)], (2, 12, 10))
    x = np.random.default_rng(0).standard_normal((3, 2, 12, 10)).astype(np.float32)
    cianna.save(ours, path, text=text)
    again = cianna.load(path)
    assert again.output_shape == ours.output_shape
    np.testing.assert_allclose(again.predict(x), ours.predict(x), rtol=1e-4, atol=1e-4)


def test_what_has_no_counterpart_is_refused(tmp_path):
    def network(*layers):
        return nn.Network([*layers, nn.Dense(2, 1.0)], (2, 4, 4))

    with pytest.raises(InputError, match="no counterpart of its normalization"):
        cianna.save(network(nn.GroupNormalization(1)), tmp_path / "net")
    with pytest.raises(InputError, match=r"the slope 0\.001 has more decimals"):
        cianna.save(network(nn.Convolution(2, 3, slope=0.001)), tmp_path / "net")
    with pytest.raises(InputError, match="no counterpart of its layer logistic"):
        cianna.save(network(nn.Convolution(2, 3), nn.Logistic()), tmp_path / "net")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        cianna.save(network(), tmp_path / "file" / "net")


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "net"
    with pytest.raises(InputError, match="does not exist; give the path of a network that CIANNA saved"):
        cianna.load(path)
    head = np.array([4, 4, 1, 1], "<i4").tobytes()
    for content, message in [
        (b"", "is damaged or no CIANNA network"),
        (head, "is damaged or no CIANNA network"),
        (head + b"L", "has a layer 'L' .LRN."),
        (b"4x4x1x1\nC1f3x3x1.1x1x1s1x1x0p1x0x0ip4x4x1x1idim0.0d0.1bLIN \n", "zeros between input pixels"),
        (b"4x4x1x1\nC1f3x3x1.1x1x1s1x1x0p0x0x0ip4x4x1x1idim0.0d0.1bYOLO \n", "YOLO head"),
        (b"4x4x1x1\nP3x3x1.2x2x1s2x0x0p0g_0.0dMAX LIN \n", "padding at most half the size"),
        (head + b"D" + np.array([2**31 - 1], "<i4").tobytes() + bytes(48), "is damaged or no CIANNA network"),
        (b"4x4x1x1\nD1n0.0d0.1bTANH \n" + b"1 1\n" * 17, "activation 'TANH', which is not supported"),
        (b"4x4x1x1\nD1n0.0d0.1bLIN \n1 1\n", "is damaged or no CIANNA network"),
    ]:
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            cianna.load(path)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_files_are_refused_or_read(tmp_path_factory, data):
    """Cut off anywhere, or with another byte among the fields of a layer or the weights."""
    folder = tmp_path_factory.getbasetemp()
    text = data.draw(st.booleans())
    path = folder / f"whole{text:d}"
    if not path.exists():
        pooled = [nn.Convolution(2, 3, 2), nn.MaxPooling(2, 1), nn.AveragePooling(3, 2, 1)]
        cianna.save(nn.Network([*pooled, nn.Dense(3), nn.Dense(2, 1.0)], (1, 9, 9)), path, text=text)
    whole = path.read_bytes()
    broken = folder / "broken"
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        broken.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    else:
        broken.write_bytes(whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 :])
    try:
        cianna.load(broken)
    except InputError as error:
        assert str(broken) in str(error)
