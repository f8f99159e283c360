"""The network as a whole: shapes, gradients, learning, randomness, files."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milkyway_cnn import nn
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn import file
from milkyway_cnn.nn.architecture import layers
from milkyway_cnn.nn.initializer import initial
from milkyway_cnn.profile_network import PRESETS, build

LOSS, SGD, ADAM = nn.SquaredError(0.1), nn.SGD(0.9), nn.AdamW(clip=1.0)


def batch(n=7, shape=(2, 12, 10), outputs=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.poisson(1.0, (n, *shape)).astype(np.float32), rng.standard_normal((n, outputs)).astype(np.float32)


def small(**options):
    return nn.Network("C3x3.4-P2-C3x3.3/2-D12-D9-D5", (2, 12, 10), **options)


def weights(net):
    return np.concatenate([parameter.value.ravel() for parameter in net.parameters])


def test_published_architecture():
    made = layers(PRESETS["published"], dropout=0.1)
    assert [layer.kernel() for layer in made] == [
        "C5x5.12-P2", "D3072", "dropout 0.1", "D3072", "dropout 0.1", "D2048", "dropout 0.1", "D128",
    ]  # fmt: skip
    assert made[-1].slope == 1.0


def test_shapes_and_summary():
    net = build("C5x5.8/2-P2-D1024-D512-D128", channels=2, bins=100)
    assert net.output_shape == (100,)
    assert [layer.out_shape for layer in net.layers][:3] == [(2, 64, 64), (8, 16, 16), (1024,)]
    assert "2,674,684      10.2 MiB" in net.summary()
    assert net._repr_html_().count("<tr>") == len(net.layers) + 2


@pytest.mark.parametrize(
    ("architecture", "shape", "message"),
    [
        ("C5x5.12-Q2-D3", (1, 8, 8), "'Q2' in the architecture 'C5x5.12-Q2-D3' is no layer"),
        ("C4x4.12-D3", (1, 8, 8), "even side; choose odd ones"),
        ("C3x3.0-D3", (1, 8, 8), "has a zero"),
        ("C3x3.2-P2", (1, 8, 8), "end it with the outputs"),
        ("D4-C3x3.2-D3", (1, 8, 8), "put it before the first dense layer"),
        ("C3x3.2-P2/0-D3", (1, 8, 8), "has a zero"),
        ("C3x3.2-P9-D3", (1, 8, 8), "leaves nothing of an image of 8 x 8"),
        ("P9-D3", (1, 8, 8), "leaves nothing of an image of 8 x 8"),
    ],
)
def test_architecture_that_cannot_be_is_refused(architecture, shape, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        nn.Network(architecture, shape)


def test_bad_batches_are_refused():
    net, (x, y) = small(), batch()
    with pytest.raises(InputError, match=r"the input is float32 \(7, 12, 10\); this network takes .*\(n, 2, 12, 10\)"):
        net.predict(x[:, 0])
    with pytest.raises(InputError, match="the input is list"):
        net.predict([1, 2])
    with pytest.raises(InputError, match="7 inputs and 3 targets"):
        net.step(x, y[:3], loss=LOSS, optimizer=SGD, rate=0.1)
    with pytest.raises(InputError, match="compute scheme 'gpu' is not known"):
        small(scheme="gpu")
    with pytest.raises(InputError, match=r"dropout is 1\.5"):
        small(dropout=1.5)


@pytest.mark.parametrize("optimizer", [SGD, nn.SGD(0.9, 0.01, clip=0.5), nn.AdamW(weight_decay=0.1), ADAM])
def test_schemes_train_alike(optimizer):
    nets = [small(dropout=0.2, scheme=name) for name in ("cpu", "reference")]
    for i in range(5):
        x, y = batch(seed=i, n=7 - i)
        values = [net.step(x, y, loss=LOSS, optimizer=optimizer, rate=1e-3) for net in nets]
        assert values[0] == pytest.approx(values[1], rel=1e-4)
    np.testing.assert_allclose(weights(nets[0]), weights(nets[1]), atol=2e-5)
    np.testing.assert_allclose(nets[0].predict(x), nets[1].predict(x), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(nets[0].predict(x, 3), nets[1].predict(x, 3), rtol=1e-3, atol=1e-4)


def test_gradient_of_the_whole_network_by_finite_differences():
    """Along the gradient g the loss changes by |g|; SGD with momentum 0 and rate 1 writes -g into the velocity."""
    net, (x, y) = small(slope=0.3), batch(n=16)
    start = weights(net)
    net.step(x, y, loss=LOSS, optimizer=nn.SGD(0.0), rate=1.0)
    gradient = start - weights(net)

    def value(shift):
        place = 0
        for parameter in net.parameters:
            size = parameter.value.size
            moved = start[place : place + size] + shift * gradient[place : place + size] / np.linalg.norm(gradient)
            parameter.value[...] = moved.reshape(parameter.value.shape)
            place += size
        return net.evaluate(x, y, loss=LOSS)

    assert (value(1e-3) - value(-1e-3)) / 2e-3 == pytest.approx(np.linalg.norm(gradient), rel=2e-3)


@pytest.mark.parametrize(("optimizer", "rate"), [(nn.SGD(0.9), 0.02), (nn.AdamW(clip=5.0), 3e-3)])
def test_learns_where_the_light_is(optimizer, rate):
    rng = np.random.default_rng(0)
    places = rng.integers(2, 10, (512, 2))
    x = np.zeros((512, 1, 12, 12), np.float32)
    x[np.arange(512), 0, places[:, 0], places[:, 1]] = 1.0
    y = (places / 6.0 - 1.0).astype(np.float32)
    net = nn.Network("C3x3.4-P2-D32-D2", (1, 12, 12), seed=1)
    for _ in range(30):
        for i in range(0, 512, 60):
            net.step(x[i : i + 60], y[i : i + 60], loss=nn.SquaredError(), optimizer=optimizer, rate=rate)
    assert np.abs(net.predict(x) - y).mean() < 0.05


def test_same_seed_same_network_other_seed_another():
    x, y = batch()
    nets = [small(dropout=0.3, seed=seed) for seed in (4, 4, 5)]
    for net in nets:
        net.step(x, y, loss=LOSS, optimizer=SGD, rate=1e-3)
    np.testing.assert_array_equal(weights(nets[0]), weights(nets[1]))
    assert not np.array_equal(weights(nets[0]), weights(nets[2]))


def test_monte_carlo_dropout():
    x = batch(n=300)[0]
    net = small(dropout=0.2, slope=1.0)  # linear, so that the mean of draws is the prediction
    draws = net.predict(x, samples=200, seed=3)
    assert draws.shape == (200, 300, 5)
    np.testing.assert_array_equal(draws[:4], net.predict(x, samples=4, seed=3))
    np.testing.assert_allclose(draws[:4, :10], net.predict(x[:10], samples=4, seed=3), rtol=1e-5, atol=1e-6)
    assert not np.array_equal(draws[:4], net.predict(x, samples=4, seed=4))
    assert np.abs(draws.mean(axis=(0, 1)) - net.predict(x).mean(axis=0)).max() < 0.02 * draws.std()
    np.testing.assert_array_equal(small().predict(x, samples=2)[0], small().predict(x))


def test_first_layers_without_gradient_and_pooling_alone():
    net = nn.Network(
        [nn.Scaling("sqrt", 0.5), nn.MaxPooling(2), nn.Convolution(2, (3, 3)), nn.Dense(5, 1.0)], (2, 12, 10)
    )
    x, y = batch()
    assert net.step(x.astype(np.uint16), y, loss=LOSS, optimizer=SGD, rate=1e-3) > 0


@pytest.mark.parametrize("first", [[], [nn.Scaling()]])
@pytest.mark.parametrize("dtype", [np.uint16, np.int64, np.float64])
def test_any_type_of_number_is_taken(first, dtype):
    net = nn.Network([*first, nn.Dense(3), nn.Dense(2, 1.0)], (6,))
    x = np.arange(24).reshape(4, 6)
    y = np.arange(8).reshape(4, 2)
    np.testing.assert_array_equal(net.predict(x.astype(dtype)), net.predict(x.astype(np.float32)))
    np.testing.assert_array_equal(net.predict(np.asfortranarray(x)), net.predict(x))
    assert net.step(x.astype(dtype), y.astype(dtype), loss=LOSS, optimizer=SGD, rate=1e-6) > 0


def test_output_scale_is_the_unit_of_outputs_and_targets():
    x, y = batch()
    nets = [small(output_scale=scale) for scale in (1.0, 4.0)]
    values = [net.step(x, y * net.output_scale, loss=LOSS, optimizer=SGD, rate=1e-3) for net in nets]
    assert values[0] == values[1]
    np.testing.assert_array_equal(nets[1].predict(x), 4.0 * nets[0].predict(x))
    assert nets[0].evaluate(x, y, loss=LOSS) == nets[1].evaluate(x, y * 4.0, loss=LOSS)


def test_weights_of_the_loss():
    x, y = batch()
    first, second = small(), small()
    mask = np.array([1, 1, 1, 0, 0], np.float32)
    first.step(x, y, mask, loss=LOSS, optimizer=SGD, rate=0.1)
    y[:, 3:] = 99.0
    second.step(x, y, mask, loss=LOSS, optimizer=SGD, rate=0.1)
    np.testing.assert_array_equal(weights(first), weights(second))


def test_schedules():
    decay = nn.ExponentialDecay(1e-2, 1e-3, 0.1)
    assert decay(0, 5) == pytest.approx(1e-2)
    assert decay(10, 0) == pytest.approx(1e-3 + 9e-3 * np.exp(-1.0))
    cosine = nn.Cosine(1.0, 0.1, steps=110, warmup=10)
    assert [cosine(0, step) for step in (0, 9, 10, 60, 110, 500)] == pytest.approx([0.1, 1.0, 1.0, 0.55, 0.1, 0.1])


@pytest.mark.parametrize("optimizer", [SGD, nn.SGD(0.9, clip=1.0), ADAM])
def test_file_is_read_back_bit_for_bit_and_training_goes_on_exactly(tmp_path, optimizer):
    net = small(dropout=0.2, output_scale=3.0)
    data = [batch(seed=i) for i in range(6)]
    for x, y in data[:3]:
        net.step(x, y, loss=LOSS, optimizer=optimizer, rate=1e-3)
    net.save(tmp_path / "state", optimizer=optimizer, history=[1, 2], provenance={"seed": 3})
    loaded = nn.Network.load(tmp_path / "state")
    np.testing.assert_array_equal(loaded.predict(x), net.predict(x))
    described = loaded.restore(tmp_path / "state", optimizer)
    assert (described["history"], described["provenance"]) == ([1, 2], {"seed": 3})
    for x, y in data[3:]:
        assert net.step(x, y, loss=LOSS, optimizer=optimizer, rate=1e-3) == loaded.step(
            x, y, loss=LOSS, optimizer=optimizer, rate=1e-3
        )
    np.testing.assert_array_equal(weights(net), weights(loaded))


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "net"
    with pytest.raises(InputError, match="does not exist; give the path of a saved network"):
        nn.Network.load(path)
    net = small()
    net.save(path, optimizer=SGD)
    with pytest.raises(InputError, match="another architecture"):
        nn.Network("D3", (4,)).restore(path)
    with pytest.raises(InputError, match=r"was trained by .*'SGD'.* not .*'AdamW'"):
        small().restore(path, ADAM)
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(InputError, match="damaged or no network file"):
        nn.Network.load(tmp_path / "other.npz")
    description, arrays = file.read(path)
    file.write(path, description | {"format": "other"}, arrays)
    with pytest.raises(InputError, match="is 'other' of version 1"):
        nn.Network.load(path)
    file.write(path, description | {"layers": [{"kind": "Attention"}]}, arrays)
    with pytest.raises(InputError, match="describes no network"):
        nn.Network.load(path)
    file.write(path, description, {name: array for name, array in arrays.items() if name != "parameter/0"})
    with pytest.raises(InputError, match="arrays do not fit"):
        nn.Network.load(path)
    with pytest.raises(InputError, match="cannot be written"):
        net.save(path / "below")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_are_refused(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    whole = folder / "whole"
    if not whole.exists():
        small().save(whole)
    content = whole.read_bytes()
    broken = folder / "broken"
    if data.draw(st.booleans()):
        broken.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    else:
        place = data.draw(st.integers(0, len(content) - 1))
        changed = bytes([content[place] ^ data.draw(st.integers(1, 255))])
        broken.write_bytes(content[:place] + changed + content[place + 1 :])
    try:
        net = nn.Network.load(broken)
    except InputError as error:
        assert str(error).startswith(str(broken))
    else:  # a byte that zip does not need
        np.testing.assert_array_equal(weights(net), weights(small()))


def test_file_holds_no_pickle(tmp_path):
    small().save(tmp_path / "net")
    with np.load(tmp_path / "net", allow_pickle=False) as arrays:
        assert json.loads(arrays["description"].tobytes())["layers"][0]["filters"] == 4


def test_physical_units_of_the_profile_network():
    net = build(
        "C3x3.2/2-P2-D16-D9", channels=1, bins=4, pixels=16, counts="sqrt", counts_scale=0.5, delta_A_V_scale=6.0
    )
    counts = np.random.default_rng(0).poisson(2.0, (5, 1, 16, 16)).astype(np.uint16)
    assert net.predict(counts).shape == (5, 4)
    bare = nn.Network("C3x3.2/2-P2-D16-D4", (1, 16, 16))
    np.testing.assert_allclose(
        net.predict(counts), 6 * bare.predict(0.5 * np.sqrt(counts).astype(np.float32)), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("shape", "architecture", "shapes"),
    [
        ((2, 40), "C5.4-P2-C3.3/2-A2-D6", [(4, 20), (3, 10), (3, 5), (6,)]),
        ((2, 11, 40), "C3.4-P3/2-A2x3/1x2-D6", [(4, 11, 40), (4, 5, 19), (4, 4, 9), (6,)]),
        ((2, 9, 40), "C3x5.4-P1x4-C3.3/1x2-D6", [(4, 9, 10), (3, 9, 5), (6,)]),
        ((1, 4, 9, 8), "C1x3x3.4-P1x2x2-C3.2-A2-D6", [(4, 4, 4, 4), (2, 4, 4, 4), (2, 2, 2, 2), (6,)]),
    ],
)
def test_one_two_and_three_dimensions(shape, architecture, shapes):
    nets = [nn.Network(architecture, shape, scheme=name) for name in ("cpu", "reference")]
    assert [layer.out_shape for layer in nets[0].layers] == shapes
    x, y = batch(shape=shape, outputs=6)
    values = [net.step(x, y, loss=LOSS, optimizer=SGD, rate=1e-3) for net in nets]
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    np.testing.assert_allclose(weights(nets[0]), weights(nets[1]), rtol=1e-4, atol=1e-6)


def test_all_kinds_of_layers_train_alike_and_are_read_back(tmp_path):
    made = [
        nn.Convolution(4, 3, slope=1.0, initializer="xavier_uniform"),
        nn.GroupNormalization(2),
        nn.Logistic(),
        nn.AveragePooling(2),
        nn.MaxPooling(None),
        nn.Dropout(0.2, shared=True),
        nn.Dense(3, 1.0, initializer="he_uniform"),
        nn.Softmax(),
    ]
    nets = [nn.Network(made, (2, 12, 10), scheme=name) for name in ("cpu", "reference")]
    x = batch()[0]
    y = np.eye(3, dtype=np.float32)[np.arange(7) % 3]
    for _ in range(3):
        values = [net.step(x, y, loss=nn.CrossEntropy(), optimizer=ADAM, rate=1e-2) for net in nets]
        assert values[0] == pytest.approx(values[1], rel=1e-4)
    nets[0].save(tmp_path / "net")
    np.testing.assert_array_equal(nn.Network.load(tmp_path / "net").predict(x), nets[0].predict(x))
    np.testing.assert_allclose(nets[0].predict(x).sum(axis=1), 1.0, rtol=1e-6)


def normalized(**options):
    made = [
        nn.Convolution(4, 3, slope=1.0),
        nn.BatchNormalization(0.2),
        nn.LeakyReLU(0.1),
        nn.MaxPooling(3, 2, 1),
        nn.AveragePooling((2, 3), 1, (1, 0)),
        nn.Dense(6, 1.0),
        nn.BatchNormalization(),
        nn.LeakyReLU(0.0),
        nn.Dropout(0.2),
        nn.Dense(5, 1.0),
    ]
    return nn.Network(made, (2, 12, 10), **options)


def test_batch_normalization_in_a_network():
    nets = [normalized(scheme=name) for name in ("cpu", "reference")]
    for i in range(4):  # not Adam: it would make steps of what rounding leaves of the gradient of an idle bias
        x, y = batch(seed=i, n=7 - i)
        values = [net.step(x, y, loss=LOSS, optimizer=SGD, rate=1e-2) for net in nets]
        assert values[0] == pytest.approx(values[1], rel=1e-4)
    for own, other in zip(nets[0].statistics, nets[1].statistics, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-5)
    x, _ = batch(n=20, seed=9)
    before = [values.copy() for values in nets[0].statistics]
    whole, draws = nets[0].predict(x), nets[0].predict(x, samples=3)
    np.testing.assert_allclose(whole[3:5], nets[0].predict(x[3:5]), rtol=1e-5, atol=1e-6)  # of each example alone
    np.testing.assert_allclose(draws[:, :2], nets[0].predict(x[:2], samples=3), rtol=1e-5, atol=1e-6)
    for own, other in zip(nets[0].statistics, before, strict=True):
        np.testing.assert_array_equal(own, other)
    with pytest.raises(InputError, match="a batch of one example has no variance"):
        nets[0].step(x[:1], np.zeros((1, 5), np.float32), loss=LOSS, optimizer=ADAM, rate=1e-2)
    with pytest.raises(InputError, match=r"batch normalization has momentum 3"):
        nn.Network([nn.BatchNormalization(3)], (4,))


def test_running_means_are_read_back_bit_for_bit(tmp_path):
    net = normalized()
    for i in range(3):
        net.step(*batch(seed=i), loss=LOSS, optimizer=ADAM, rate=1e-2)
    net.save(tmp_path / "state", optimizer=ADAM)
    other = nn.Network.load(tmp_path / "state")
    other.restore(tmp_path / "state", ADAM)
    x, y = batch(seed=7)
    for same in (net, other):
        same.step(x, y, loss=LOSS, optimizer=ADAM, rate=1e-2)
    for own, read in zip(net.statistics, other.statistics, strict=True):
        np.testing.assert_array_equal(own, read)
    np.testing.assert_array_equal(net.predict(x), other.predict(x))
    description, arrays = file.read(tmp_path / "state")
    file.write(tmp_path / "state", description, {name: a for name, a in arrays.items() if name != "statistic/2"})
    before = weights(other)
    with pytest.raises(InputError, match="arrays do not fit"):
        other.restore(tmp_path / "state", ADAM)
    np.testing.assert_array_equal(before, weights(other))  # nothing is half restored


def test_a_file_need_not_name_what_is_as_by_default(tmp_path):
    net = nn.Network([nn.MaxPooling(2), nn.Dense(5)], (2, 12, 10))
    net.save(tmp_path / "net")
    description, arrays = file.read(tmp_path / "net")
    description["layers"][0] = {"kind": "MaxPooling", "size": 2}  # as before there were strides
    file.write(tmp_path / "net", description, arrays)
    x = batch()[0]
    np.testing.assert_array_equal(nn.Network.load(tmp_path / "net").predict(x), net.predict(x))


def test_gaussian_likelihood_learns_its_own_noise():
    rng = np.random.default_rng(0)
    x = rng.random((2000, 1)).astype(np.float32)
    y = (3.0 * x + (0.1 + 0.4 * (x > 0.5)) * rng.standard_normal((2000, 1))).astype(np.float32)
    net, loss = nn.Network("D32-D32-D2", (1,), output_scale=3.0), nn.GaussianNLL()
    for epoch in range(60):
        for i in range(0, 2000, 100):
            net.step(x[i : i + 100], y[i : i + 100], loss=loss, optimizer=ADAM, rate=3e-3 if epoch < 40 else 3e-4)
    mean, deviation = loss.moments(net.predict(np.array([[0.25], [0.75]], np.float32)), net.output_scale)
    np.testing.assert_allclose(mean[:, 0], [0.75, 2.25], atol=0.1)
    np.testing.assert_allclose(deviation[:, 0], [0.1, 0.5], rtol=0.35)


def test_impossible_layers_are_refused():
    for layer, message in [
        (nn.Convolution(4, (3, 3, 3)), r"\(3, 3, 3\) does not fit an image of 2 dimensions"),
        (nn.Convolution(4, 3, stride=0), "every size is at least 1"),
        (nn.Convolution(4, 3, initializer="zeros"), "initializer 'zeros' is not known"),
        (nn.GroupNormalization(3), "2 channels cannot be normalized in 3 groups"),
        (nn.AveragePooling(30), "leaves nothing of an image of 12 x 10"),
        (nn.MaxPooling(2, 0), "MaxPooling 2/0 cannot be made: sizes and strides are at least 1"),
        (nn.AveragePooling(3, 1, 2), "padding at most half the size"),
    ]:
        with pytest.raises(InputError, match=message):
            nn.Network([layer, nn.Dense(2)], (2, 12, 10))
    with pytest.raises(InputError, match="planes are pooled by a layer of their own"):
        nn.Network("C3.2-P2-D2", (1, 4, 4, 4))
    with pytest.raises(InputError, match="input scaling 'cube' is not known"):
        nn.Scaling("cube")


def test_impossible_networks_and_optimizers_are_refused():
    for made, shape, scale, message in [
        ([], (4,), 1.0, "a network of 0 layers"),
        ("D2", (), 1.0, r"inputs of shape \(\)"),
        ("D2", (3, 0), 1.0, r"inputs of shape \(3, 0\)"),
        ("D2", (3,), 0.0, r"units of 0\.0 cannot be made"),
        ([nn.Dense(0)], (3,), 1.0, "a dense layer of width 0 has no outputs"),
        ([nn.Dense(2), nn.Scaling(), nn.Dense(2)], (3,), 1.0, "a scaling passes no gradient on"),
    ]:
        with pytest.raises(InputError, match=message):
            nn.Network(made, shape, output_scale=scale)
    for optimizer, options in [
        (nn.SGD, {"momentum": 1.5}),
        (nn.SGD, {"clip": 0.0}),
        (nn.SGD, {"weight_decay": float("nan")}),
        (nn.AdamW, {"beta_2": 1.0}),
        (nn.AdamW, {"epsilon": 0.0}),
    ]:
        with pytest.raises(InputError, match=rf"{optimizer.__name__}\(.* cannot train: choose"):
            optimizer(**options)


@pytest.mark.parametrize("name", ["he_normal", "he_uniform", "xavier_normal", "xavier_uniform"])
def test_initializers_have_the_variance_they_say(name):
    weights = initial(name, (300, 200), (300, 200), 0.1, np.random.default_rng(0))
    expected = 2 / (1.01 * 300) if name.startswith("he") else 2 / 500
    assert weights.dtype == np.float32
    assert weights.var() == pytest.approx(expected, rel=0.03)
    assert abs(weights).max() / weights.std() == pytest.approx(np.sqrt(3), rel=0.01) or name.endswith("normal")


def test_the_number_of_threads_changes_no_bit():
    import numba

    x, y = batch(n=50)
    results = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        before = numba.get_num_threads()
        numba.set_num_threads(threads)
        net = small(dropout=0.2)
        for _ in range(3):
            net.step(x, y, loss=LOSS, optimizer=ADAM, rate=1e-2)
        results.append((weights(net), net.predict(x)))
        numba.set_num_threads(before)
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_training_step_allocates_nothing_that_grows_with_the_network():
    x, y = batch(n=64)
    net = nn.Network("C3x3.4-P2-D300-D300-D5", (2, 12, 10), dropout=0.1)
    for _ in range(2):
        net.step(x, y, loss=LOSS, optimizer=SGD, rate=1e-3)
    tracemalloc.start()
    net.step(x, y, loss=LOSS, optimizer=SGD, rate=1e-3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_momentum_is_its_formula_over_many_steps(momentum, weight_decay):
    net = nn.Network("D2", (3,))
    optimizer, rate = nn.SGD(momentum, weight_decay), 0.01
    w = net.parameters[0].value.astype(float)
    b, v_w, v_b = np.zeros(2), np.zeros((2, 3)), np.zeros(2)
    rng = np.random.default_rng(0)
    for _ in range(150):
        x, y = rng.standard_normal((4, 3)).astype(np.float32), rng.standard_normal((4, 2)).astype(np.float32)
        delta = 2.0 * (x @ w.T + b - y) / 8
        v_w = momentum * v_w - rate * (delta.T @ x + weight_decay * w)
        v_b = momentum * v_b - rate * (delta.sum(axis=0) + weight_decay * b)
        w, b = w + v_w, b + v_b
        net.step(x, y, loss=nn.SquaredError(), optimizer=optimizer, rate=rate)
        np.testing.assert_allclose(net.parameters[0].value, w, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(net.parameters[1].value, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_connect(name):
    assert layers(PRESETS[name], dropout=0.1)
    if name != "published":  # 205 MiB
        assert build(name, channels=2, bins=100).output_shape == (100,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats(allow_infinity=True) | st.sampled_from(["", "Dense"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "width"]), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_foreign_descriptions_are_refused(tmp_path_factory, data):
    """Whole files with anything in the place of one entry, of a layer or of one of its fields."""
    path = tmp_path_factory.getbasetemp() / "foreign"
    if not path.exists():
        normalized().save(path, optimizer=SGD)
    description, arrays = file.read(path)
    changed = json.loads(json.dumps(description))
    place = changed
    while True:
        name = data.draw(st.sampled_from([*place] if isinstance(place, dict) else [*range(len(place))]))
        if isinstance(place[name], dict | list) and place[name] and data.draw(st.booleans()):
            place = place[name]
        else:
            place[name] = data.draw(JSON)
            break
    other = path.with_name("changed")
    file.write(other, changed, arrays)
    try:
        nn.Network.load(other).restore(other, SGD)
    except InputError as error:
        assert str(other) in str(error)


def test_a_scheme_that_is_not_known_is_not_the_fault_of_the_file(tmp_path):
    small().save(tmp_path / "net")
    with pytest.raises(InputError, match=r"^compute scheme 'gpu' is not known"):
        nn.Network.load(tmp_path / "net", scheme="gpu")


def test_importing_the_network_compiles_nothing():
    code = """
import sys
import milkyway_cnn.nn
from numba.core.dispatcher import Dispatcher
compiled = [
    f"{name}.{key}"
    for name, module in list(sys.modules.items())
    for key, value in list(vars(module).items())
    if name.startswith("milkyway_cnn.") and isinstance(value, Dispatcher) and value.signatures
]
print(compiled, any(name in sys.modules for name in ("onnx", "torch", "astropy", "xarray")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False"
