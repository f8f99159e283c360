"""Networks that together use every operation, trained on whatever backend is chosen: cases of `test_twins`."""

import numpy as np

from milkyway_cnn import backend, nn

# All kinds of layers, in the order in which they can stand.
LAYERS = [
    nn.Scaling("log1p", 0.5),
    nn.Convolution(2, (3, 3), slope=1.0, pool=2),
    nn.GroupNormalization(2),
    nn.LeakyReLU(0.1),
    nn.MaxPooling((3, 2), 1, 1),
    nn.Convolution(3, (3, 2), (2, 1), padding=(0, 1)),
    nn.GroupNormalization(1, shared=True),
    nn.AveragePooling(2, 1, 1),
    nn.Dense(7, 1.0),
    nn.BatchNormalization(),
    nn.Logistic(),
    nn.Dropout(0.2),
    nn.Dense(4, 1.0),
    nn.Softmax(),
]


def batch(seed, n, shape, outputs):
    rng = np.random.default_rng(seed)
    return rng.poisson(1.0, (n, *shape)).astype(np.float32), rng.random((n, outputs), np.float32)


def trained(net, outputs, loss, optimizer, *, sizes=(3, 3, 3, 2, 3), weighed=False):
    """Losses of some steps, of which those of a size are repeated by a graph, then weights, predictions and draws."""
    losses = []
    for seed, n in enumerate(sizes):
        x, y = batch(seed, n, net.input_shape, outputs)
        weights = 1.0 / (1.0 + y.sum(axis=1, keepdims=True)) if weighed else None
        losses.append(net.step(x.astype(np.uint16), y, weights, loss=loss, optimizer=optimizer, rate=0.02 / (1 + seed)))
    x, y = batch(99, 2, net.input_shape, outputs)
    parameters = [net.place.fetch(parameter.value) for parameter in net.parameters]
    return (
        np.array(losses, np.float32), *parameters, np.float32([net.evaluate(x, y, loss=loss)]), net.predict(x),
        net.predict(x, 3, seed=5),
    )  # fmt: skip


def published():
    """An architecture as the published one."""
    layers = [nn.Scaling("sqrt", 0.3), nn.Convolution(5, (3, 3), pool=2), nn.Dense(7), nn.Dropout(0.3), nn.Dense(5)]
    net = nn.Network([*layers, nn.Dropout(0.1), nn.Dense(6, 1.0)], (2, 4, 6), seed=3, output_scale=2.0)
    return trained(net, 6, nn.SquaredError(0.1), nn.SGD(0.9), weighed=True)


def every_layer():
    # Not by Adam: a bias before a normalization has no gradient but rounding's, of which Adam makes whole steps.
    net, sgd = nn.Network(LAYERS, (1, 6, 4), seed=1), nn.SGD(0.9, 0.01, clip=0.5)
    return trained(net, 4, nn.CrossEntropy(), sgd, sizes=(2, 2, 2))


def volumes():
    layers = [nn.Convolution(2, (2, 3, 3), pool=(1, 2, 1)), nn.Dense(6, 1.0)]
    return trained(
        nn.Network(layers, (1, 3, 4, 4)), 3, nn.GaussianNLL(), nn.AdamW(weight_decay=0.1, clip=0.5), sizes=(3, 3, 3)
    )


def absolute():
    return trained(nn.Network("D4-D3", (5,), output_scale=2.0), 3, nn.AbsoluteError(), nn.AdamW(), sizes=(3, 3, 3))


def retaught():
    """By one optimizer, another, and the first again, which then begins anew."""
    net, sgd, rng = nn.Network("D4-D3", (5,), seed=4), nn.SGD(0.9), np.random.default_rng(6)
    for optimizer in (sgd, sgd, sgd, nn.AdamW(), sgd, sgd, sgd):
        x, y = rng.random((3, 5), np.float32), rng.random((3, 3), np.float32)
        net.step(x, y, loss=nn.SquaredError(), optimizer=optimizer, rate=0.05)
    return [np.array(net.place.fetch(parameter.value)) for parameter in net.parameters]


def crowded():
    """A batch for which a card has too little memory goes through it in parts."""
    place, limited = backend.current(), hasattr(backend.current(), "largest")
    net = nn.Network([nn.Convolution(4, 3), nn.Dropout(0.2), nn.Dense(3, 1.0)], (1, 6, 6))
    if limited:  # as the simulated card can be: to bytes that are enough for the feature maps of 2 of 4 examples
        place.largest = 1500
    try:
        return trained(net, 3, nn.SquaredError(), nn.SGD(0.9), sizes=(4, 4, 4))
    finally:
        if limited:
            place.largest = np.inf
            assert net.most == 2


CASES = (published, every_layer, volumes, absolute, retaught, crowded)
