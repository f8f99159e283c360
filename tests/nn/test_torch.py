"""PyTorch as an oracle: layers, losses and optimizers equal to 1e-5 of the largest value, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from milkyway_cnn import nn
from milkyway_cnn.nn.layer import Draw, Parameter
from milkyway_cnn.nn.scheme import scheme

torch = pytest.importorskip("torch")
common = settings(max_examples=25, deadline=None)


def numbers(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def close(got, expected):
    expected = expected.detach().numpy() if hasattr(expected, "detach") else expected
    np.testing.assert_allclose(
        got, expected.reshape(got.shape), rtol=1e-5, atol=1e-5 * max(1.0, np.abs(expected).max())
    )


def ours(layer, x, gradient_seed=7, draw=None):
    """Output, gradient of the input and gradients of the parameters for one layer behind an idle one."""
    net = nn.Network([nn.GroupNormalization(1), layer], x.shape[1:])
    net.build(len(x))
    layer = net.layers[1]
    for parameter in layer.parameters:
        parameter.value[...] = numbers(parameter.value.shape, 3)
        parameter.gradient = np.zeros_like(parameter.value)
    y = layer.forward(x, draw).copy()
    g = layer.backward(numbers(y.shape, gradient_seed), 1.0, 0.0)
    return layer, y, g, [parameter.gradient for parameter in layer.parameters]


def theirs(function, x, parameters, shape, gradient_seed=7):
    tensors = [torch.tensor(values, requires_grad=True) for values in (x, *parameters)]
    y = function(*tensors)
    y.backward(torch.tensor(numbers(shape, gradient_seed)).reshape(y.shape))
    return y, *(tensor.grad for tensor in tensors)


def compare(layer, x, function):
    layer, y, g, gradients = ours(layer, x)
    expected = theirs(function, x, [parameter.value for parameter in layer.parameters], y.shape)
    for a, e in zip((y, g, *gradients), expected, strict=True):
        close(a, e)


CONVOLVED = st.tuples(  # kernel, stride, padding, pool and image along an axis
    st.integers(1, 5), st.integers(1, 3), st.integers(0, 2), st.integers(1, 3), st.integers(4, 12)
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(CONVOLVED, min_size=1, max_size=3),
    st.integers(1, 20),
    st.integers(1, 3),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.01, 0.3, 1.0]),
)
def test_convolution(geometry, n, channels, filters, slope):
    kernel, stride, padding, pool, image = zip(*geometry, strict=True)
    pool = (1, *pool[1:]) if len(pool) == 3 else pool
    assume(
        all((i + 2 * p - k) // s + 1 >= q for k, s, p, q, i in zip(kernel, stride, padding, pool, image, strict=True))
    )
    functional, axes = torch.nn.functional, len(image)

    def function(x, w, b):
        y = getattr(functional, f"conv{axes}d")(x, w.reshape(*w.shape[:2], *kernel), b, stride, padding)
        return getattr(functional, f"max_pool{axes}d")(functional.leaky_relu(y, slope), pool)

    # Where the slope is 0, all negative values of a window tie at 0, and only we keep which was largest: no gradient.
    compare(nn.Convolution(filters, kernel, stride, padding, pool, slope), numbers((n, channels, *image)), function)


AXIS = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.integers(4, 9)).filter(
    lambda axis: 2 * axis[2] <= axis[0]
)


@common
@given(st.sampled_from(["max", "avg"]), st.lists(AXIS, min_size=1, max_size=3))
def test_pooling(name, geometry):
    size, stride, padding, image = zip(*geometry, strict=True)
    function = getattr(torch.nn.functional, f"{name}_pool{len(image)}d")
    options = {} if name == "max" else {"count_include_pad": False}
    layer = {"max": nn.MaxPooling, "avg": nn.AveragePooling}[name](size, stride, padding)
    compare(layer, numbers((3, 2, *image)), lambda x: function(x, size, stride, padding, **options))


@common
@given(
    st.integers(2, 9),
    st.integers(1, 20),
    st.lists(st.integers(1, 7), max_size=3),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.booleans(),
)
def test_batch_normalization(n, channels, image, momentum, training):
    """Both gradients and both ways to compute; the running means after one batch."""
    x = 2 * numbers((n, channels, *image)) + 1
    layer = nn.BatchNormalization(momentum)
    draw = Draw(np.uint64(0), training=training)
    layer, y, g, gradients = ours(layer, x, draw=draw)
    make = (torch.nn.BatchNorm1d, torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)[len(image)]
    twin = make(channels, momentum=momentum).train(training)
    with torch.no_grad():
        for own, other in zip(layer.parameters, (twin.weight, twin.bias), strict=True):
            other.copy_(torch.tensor(own.value))
    inner = torch.tensor(x, requires_grad=True)
    expected = twin(inner)
    expected.backward(torch.tensor(numbers(y.shape, 7)))
    close(y, expected)
    close(g, inner.grad)
    for a, e in zip(gradients, (twin.weight.grad, twin.bias.grad), strict=True):
        close(a, e)
    for a, e in zip(layer.statistics, (twin.running_mean, twin.running_var), strict=True):
        close(a, e)


@common
@given(st.integers(1, 40), st.integers(1, 300), st.integers(1, 50), st.sampled_from([0.0, 0.1, 1.0]))
def test_dense(n, inputs, width, slope):
    compare(
        nn.Dense(width, slope),
        numbers((n, inputs)),
        lambda x, w, b: torch.nn.functional.leaky_relu(x @ w.T + b, slope),
    )


@common
@given(st.sampled_from([(4, 4), (6, 3), (8, 1)]), st.tuples(st.integers(2, 7), st.integers(2, 7)))
def test_group_normalization(channels, image):
    channels, groups = channels
    compare(
        nn.GroupNormalization(groups),
        numbers((4, channels, *image)),
        lambda x, gain, offset: torch.nn.functional.group_norm(x, groups, gain, offset, 1e-5),
    )


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (nn.Logistic(), torch.sigmoid),
        (nn.Softmax(), lambda x: torch.softmax(x, 1)),
        (nn.LeakyReLU(0.0), torch.relu),
        (nn.LeakyReLU(0.2), lambda x: torch.nn.functional.leaky_relu(x, 0.2)),
    ],
)
def test_activation(layer, function):
    compare(layer, 3 * numbers((6, 9)), function)


LOSSES = {
    "squared": (nn.SquaredError(), lambda o, t, w: (w * (o - t) ** 2).mean()),
    "cumulative": (
        nn.SquaredError(0.3),
        lambda o, t, w: (w * ((o - t) ** 2 + 0.3 * (o - t).cumsum(1) ** 2)).mean(),
    ),
    "absolute": (nn.AbsoluteError(), lambda o, t, w: (w * (o - t).abs()).mean()),
    "entropy": (nn.CrossEntropy(), lambda o, t, w: -(w * t * o.log()).sum(1).mean()),
    "gaussian": (
        nn.GaussianNLL(),
        lambda o, t, w: (w * torch.nn.functional.gaussian_nll_loss(*halves(o, t), reduction="none", eps=1e-12)).mean(),
    ),
}


def halves(o, t):
    mean, log_variance = o.chunk(2, dim=1)
    return mean, t, log_variance.exp()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 30), st.sampled_from([*LOSSES]), st.booleans(), st.booleans(), st.booleans())
def test_loss(n, outputs, name, weighted, rows, columns):
    o, t = numbers((n, outputs * (2 if name == "gaussian" else 1))), numbers((n, outputs), 1)
    if name == "entropy":
        o, t = np.abs(o) + np.float32(0.1), np.abs(t)
        o /= o.sum(axis=1, keepdims=True)
    w = np.abs(numbers((n if rows else 1, outputs if columns else 1), 2))
    loss, function = LOSSES[name]
    output = torch.tensor(o, requires_grad=True)
    expected = function(output, torch.tensor(t), torch.tensor(w) if weighted else torch.ones(1, 1))
    expected.backward()
    gradient = np.empty_like(o)
    assert loss(o, t, w if weighted else None, gradient) == pytest.approx(float(expected.detach()), rel=1e-5, abs=1e-6)
    close(gradient, output.grad)


@pytest.mark.parametrize(
    "ours_, name", [("squared", "mse_loss"), ("absolute", "l1_loss"), ("gaussian", "gaussian_nll_loss")]
)
def test_losses_are_those_of_the_same_name(ours_, name):
    o, t = numbers((7, 10 if ours_ == "gaussian" else 5)), numbers((7, 5), 1)
    output, target = torch.tensor(o), torch.tensor(t)
    arguments = halves(output, target) if ours_ == "gaussian" else (output, target)
    expected = float(getattr(torch.nn.functional, name)(*arguments))
    assert LOSSES[ours_][0](o, t) == pytest.approx(expected, rel=1e-5)


@common
@given(st.integers(1, 20), st.integers(2, 30))
def test_softmax_and_cross_entropy_together(n, classes):
    """PyTorch joins them: the loss and the gradient of what goes into the softmax."""
    x, t = 3 * numbers((n, classes)), np.abs(numbers((n, classes), 1))
    t /= t.sum(axis=1, keepdims=True)
    net = nn.Network([nn.GroupNormalization(1), nn.Softmax()], (classes,))
    net.build(n)
    y, gradient = net.layers[1].forward(x, None), np.empty_like(x)
    value = nn.CrossEntropy()(y, t, None, gradient)
    logits = torch.tensor(x, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(t))
    expected.backward()
    assert value == pytest.approx(float(expected.detach()), rel=1e-5)
    close(net.layers[1].backward(gradient, 1.0, 0.0), logits.grad)


OPTIMIZERS = st.one_of(
    st.tuples(st.just("SGD"), st.sampled_from([0.0, 0.5, 0.9, 0.99]), st.sampled_from([0.0, 1e-3, 0.1])),
    st.tuples(
        st.just("AdamW"), st.sampled_from([(0.9, 0.999), (0.5, 0.9), (0.0, 0.99)]), st.sampled_from([0.0, 0.01, 0.1])
    ),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=3), min_size=1, max_size=3),
    OPTIMIZERS,
    st.sampled_from([1e-3, 0.03]),
    st.sampled_from([None, 0.5, 100.0]),
)
def test_optimizer(shapes, described, rate, clip):
    """Given the same gradients, the same weights, step by step; the learning rate is constant (see `SGD`)."""
    name, inertia, decay = described
    parameters = [Parameter(str(i), numbers(shape, i)) for i, shape in enumerate(shapes)]
    tensors = [torch.tensor(parameter.value.copy(), requires_grad=True) for parameter in parameters]
    if name == "SGD":
        optimizer = nn.SGD(inertia, decay, clip)
        twin = torch.optim.SGD(tensors, lr=rate, momentum=inertia, weight_decay=decay)
    else:
        optimizer = nn.AdamW(*inertia, weight_decay=decay, clip=clip)
        twin = torch.optim.AdamW(tensors, lr=rate, betas=inertia, weight_decay=decay)
    for step in range(6):
        scale, keep = optimizer.prepare(parameters, rate, step)
        for i, (parameter, tensor) in enumerate(zip(parameters, tensors, strict=True)):
            gradient = numbers(parameter.value.shape, 10 * step + i)
            parameter.gradient[...] = np.float32(scale) * gradient + np.float32(keep) * parameter.gradient
            tensor.grad = torch.tensor(gradient)
        if clip:
            torch.nn.utils.clip_grad_norm_(tensors, clip)
        optimizer.update(parameters, rate, step, scheme("cpu"))
        twin.step()
        for parameter, tensor in zip(parameters, tensors, strict=True):
            close(parameter.value, tensor)


def network_and_twin():
    net = nn.Network("C5x5.6-P2-C3x3.4/2-D30-D7", (2, 16, 12), slope=0.1, seed=3)
    modules = torch.nn
    twin = modules.Sequential(
        modules.Conv2d(2, 6, 5, padding=2),
        modules.LeakyReLU(0.1),
        modules.MaxPool2d(2),
        modules.Conv2d(6, 4, 3, stride=2, padding=1),
        modules.LeakyReLU(0.1),
        modules.Flatten(),
        modules.Linear(48, 30),
        modules.LeakyReLU(0.1),
        modules.Linear(30, 7),
    )
    with torch.no_grad():
        for own, other in zip(net.parameters, twin.parameters(), strict=True):
            other.copy_(torch.tensor(own.value).reshape(other.shape))
    return net, twin


@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        (nn.SGD(0.9), lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9)),
        (
            nn.SGD(0.9, weight_decay=0.01, clip=0.5),
            lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.01),
        ),
        (nn.AdamW(weight_decay=0.1), lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1)),
        (nn.AdamW(clip=0.5), lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.0)),
    ],
)
def test_training(optimizer, make):
    net, twin = network_and_twin()
    theirs = make(twin.parameters())
    for i in range(5):
        x, y = numbers((9, 2, 16, 12), i), numbers((9, 7), 50 + i)
        value = net.step(x, y, loss=nn.SquaredError(), optimizer=optimizer, rate=0.01)
        theirs.zero_grad()
        loss = torch.nn.functional.mse_loss(twin(torch.tensor(x)), torch.tensor(y))
        loss.backward()
        if optimizer.clip:
            torch.nn.utils.clip_grad_norm_(twin.parameters(), optimizer.clip)
        theirs.step()
        assert value == pytest.approx(float(loss.detach()), rel=2e-5)
    for own, other in zip(net.parameters, twin.parameters(), strict=True):
        np.testing.assert_allclose(own.value.reshape(other.shape), other.detach().numpy(), rtol=1e-4, atol=5e-5)


def test_training_with_batch_normalization_and_strided_pooling():
    """Weights and running means after some steps, and predictions by them."""
    layers = [
        nn.Convolution(5, 3, slope=1.0),
        nn.BatchNormalization(0.3),
        nn.LeakyReLU(0.1),
        nn.MaxPooling(3, 2, 1),
        nn.AveragePooling(2, 1),
        nn.Dense(7, 1.0),
        nn.BatchNormalization(),
        nn.Dense(4, 1.0),
    ]
    net, modules = nn.Network(layers, (2, 12, 10)), torch.nn
    twin = modules.Sequential(
        modules.Conv2d(2, 5, 3, padding=1),
        modules.BatchNorm2d(5, momentum=0.3),
        modules.LeakyReLU(0.1),
        modules.MaxPool2d(3, 2, 1),
        modules.AvgPool2d(2, 1, count_include_pad=False),
        modules.Flatten(),
        modules.Linear(100, 7),
        modules.BatchNorm1d(7),
        modules.Linear(7, 4),
    )
    with torch.no_grad():
        for own, other in zip(net.parameters, twin.parameters(), strict=True):
            other.copy_(torch.tensor(own.value).reshape(other.shape))
    theirs = torch.optim.SGD(twin.parameters(), lr=0.01, momentum=0.9)
    for i in range(5):
        x, y = numbers((9, 2, 12, 10), i), numbers((9, 4), 50 + i)
        value = net.step(x, y, loss=nn.SquaredError(), optimizer=nn.SGD(0.9), rate=0.01)
        theirs.zero_grad()
        loss = torch.nn.functional.mse_loss(twin(torch.tensor(x)), torch.tensor(y))
        loss.backward()
        theirs.step()
        assert value == pytest.approx(float(loss.detach()), rel=1e-5)
    for own, other in zip(net.parameters, twin.parameters(), strict=True):
        close(own.value, other)
    running = [values for name, values in twin.named_buffers() if name.endswith(("mean", "var"))]
    for own, other in zip(net.statistics, running, strict=True):
        close(own, other)
    close(net.predict(x), twin.eval()(torch.tensor(x)))


def test_dropout_is_inverted_like_theirs():
    layer = nn.Network([nn.Dropout(0.25)], (1000,))
    layer._build(2)
    y = layer.layers[0].forward(np.ones((2, 1000), np.float32), Draw(np.uint64(3)))
    assert set(np.unique(y)) == set(np.unique(torch.nn.functional.dropout(torch.ones(2, 1000), 0.25).numpy()))
