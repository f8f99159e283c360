"""Every operation: the reference's gradient against finite differences, and every scheme against the reference."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from milkyway_cnn.nn import reference
from milkyway_cnn.nn.scheme import OPERATIONS, SCHEMES, scheme

cpu = scheme("cpu")
common = settings(max_examples=25, deadline=None)


def numbers(shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def close(got, expected, tolerance=2e-5):
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * max(1.0, np.abs(expected).max()))


def slopes(function, x, step=1e-6):
    """Central differences of a scalar function, float64."""
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + step
        above = function()
        x[i] = kept - step
        gradient[i] = (above - function()) / (2 * step)
        x[i] = kept
    return gradient


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_scheme_has_every_operation_with_the_same_arguments(name):
    signatures = {inspect.signature(getattr(make(), name)) for make in SCHEMES.values()}
    assert len({tuple(signature.parameters) for signature in signatures}) == 1


def tuples(low, high, count=3):
    return st.tuples(*(st.integers(low, high),) * count)


GEOMETRIES = st.fixed_dictionaries(
    {
        "n": st.integers(1, 19),
        "channels": st.integers(1, 4),
        "size": st.tuples(st.integers(1, 3), st.integers(5, 21), st.integers(5, 40)),
        "filters": st.integers(1, 5),
        "kernel": st.tuples(st.integers(1, 2), st.sampled_from([1, 2, 3, 5]), st.sampled_from([1, 2, 3, 5])),
        "stride": tuples(1, 3),
        "pad": tuples(0, 3),
        "pool": tuples(1, 3, 2),
    }
)


def output_size(g, size, kernel):
    full = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip(size, g["pad"], kernel, g["stride"], strict=True)]
    return [n // p for n, p in zip(full, (1, *g["pool"]), strict=True)]


def convolve_both_ways(ops, x, w, b, g, slope, geometry, input_gradient=True, work=None):
    """Output, winner and gradients by one scheme."""
    shape = (len(w), *output_size(geometry, x.shape[2:], w.shape[2:]))
    make = (len(x), x.shape[1:], w.shape, geometry["stride"], geometry["pad"], geometry["pool"], shape, input_gradient)
    work = work or ops.convolution_work(*make)
    out, winner = np.empty((len(x), *shape), x.dtype), np.empty((len(x), *shape), np.uint8)
    ops.convolve(x, w, b, slope, work, out, winner)
    g_w, g_b, g_x = np.ones_like(w), np.ones_like(b), np.empty_like(x) if input_gradient else None
    ops.convolve_backward(x, w, slope, work, out, winner, g(out.shape), 2.0, 0.5, g_w, g_b, g_x)
    return out, winner, g_w, g_b, g_x


@common
@given(GEOMETRIES.filter(lambda g: min(output_size(g, g["size"], g["kernel"])) > 0), st.integers(0, 99))
def test_convolution_equals_reference(geometry, seed):
    x = numbers((geometry["n"], geometry["channels"], *geometry["size"]), seed)
    w = numbers((geometry["filters"], geometry["channels"], *geometry["kernel"]), seed + 1)
    b = numbers(geometry["filters"], seed + 2)
    got = convolve_both_ways(cpu, x, w, b, lambda shape: numbers(shape, 9), 0.1, geometry)
    expected = convolve_both_ways(reference, x, w, b, lambda shape: numbers(shape, 9), 0.1, geometry)
    for a, e in zip(got, expected, strict=True):
        close(a, e)


def test_convolution_reuses_its_work_for_fewer_images():
    geometry = {"stride": (1, 2, 2), "pad": (0, 1, 2), "pool": (2, 2)}
    x, w, b = numbers((6, 2, 1, 11, 9)), numbers((3, 2, 1, 3, 5)), numbers(3)
    work = cpu.convolution_work(6, x.shape[1:], w.shape, *geometry.values(), (3, 1, 3, 2), True)
    for images in (x, x[2:4]):
        got = convolve_both_ways(cpu, images, w, b, numbers, 0.1, geometry, work=work)
    for a, e in zip(got, convolve_both_ways(reference, x[2:4], w, b, numbers, 0.1, geometry), strict=True):
        close(a, e)


@pytest.mark.parametrize("pool", [(1, 1), (2, 3)])
@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 1)])
def test_convolution_gradients(stride, pool):
    geometry = {"stride": stride, "pad": (0, 1, 0), "pool": pool}
    x, w, b = (numbers(shape, dtype=float) for shape in ((2, 2, 2, 6, 7), (3, 2, 2, 3, 2), (3,)))
    out, _, g_w, g_b, g_x = convolve_both_ways(reference, x, w, b, lambda s: numbers(s, 9, float), 0.1, geometry)
    g = numbers(out.shape, 9, float)

    def value():
        return (g * convolve_both_ways(reference, x, w, b, np.zeros, 0.1, geometry, False)[0]).sum()

    close(g_w, 2.0 * slopes(value, w) + 0.5, 1e-6)
    close(g_b, 2.0 * slopes(value, b) + 0.5, 1e-6)
    close(g_x, slopes(value, x), 1e-6)


POOLS = st.lists(  # size, stride, padding and image along each axis
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.integers(4, 9)).filter(
        lambda axis: 2 * axis[2] <= axis[0]
    ),
    min_size=3,
    max_size=3,
).map(lambda axes: tuple(zip(*axes, strict=True)))


def pooled(image, size, stride, padding):
    return tuple((n + 2 * p - k) // s + 1 for n, k, s, p in zip(image, size, stride, padding, strict=True))


@common
@given(st.integers(1, 5), st.integers(1, 3), POOLS)
def test_pooling_equals_reference(n, channels, geometry):
    *geometry, image = geometry
    x = np.round(numbers((n, channels, *image)))  # with equal values in a window
    shape = (n, channels, *pooled(image, *geometry))
    results = []
    for ops in (cpu, reference):
        out, winner, g_x = np.empty(shape, np.float32), np.empty(shape, np.int32), np.empty_like(x)
        ops.max_pool(x, *geometry, out, winner)
        ops.max_pool_backward(numbers(shape, 1), winner, g_x)
        mean, g_mean = np.empty_like(out), np.empty_like(x)
        ops.average_pool(x, *geometry, mean)
        ops.average_pool_backward(numbers(shape, 1), *geometry, g_mean)
        results.append((out, winner, g_x, mean, g_mean))
    for a, e in zip(*results, strict=True):
        close(a, e, 1e-6)


@pytest.mark.parametrize("geometry", [((2, 2, 3), (2, 2, 3), (0, 0, 0)), ((1, 3, 2), (1, 1, 2), (0, 1, 1))])
def test_pooling_gradients(geometry):
    x = numbers((2, 2, 2, 5, 4), dtype=float)
    shape = (2, 2, *pooled(x.shape[2:], *geometry))
    out, winner, g_x = np.empty(shape), np.empty(shape, np.int32), np.empty_like(x)
    g = numbers(shape, 1, float)

    def largest():
        reference.max_pool(x, *geometry, out, winner)
        return (g * out).sum()

    def mean():
        reference.average_pool(x, *geometry, out)
        return (g * out).sum()

    largest()
    reference.max_pool_backward(g, winner, g_x)
    close(g_x, slopes(largest, x), 1e-8)
    reference.average_pool_backward(g, *geometry, g_x)
    close(g_x, slopes(mean, x), 1e-8)


@pytest.mark.parametrize("ops", [cpu, reference])
def test_nothing_hides_what_is_not_finite_from_a_maximum(ops):
    x = numbers((1, 1, 1, 1, 6))
    x[..., 1], x[..., 2:4] = np.nan, -np.inf
    out, winner = np.empty((1, 1, 1, 1, 3), np.float32), np.empty((1, 1, 1, 1, 3), np.int32)
    ops.max_pool(x, (1, 1, 2), (1, 1, 2), (0, 0, 0), out, winner)
    np.testing.assert_array_equal(out.ravel(), [np.nan, -np.inf, x[..., 4:].max()])
    assert winner.ravel().tolist() == [1, 2, 4 + x[0, 0, 0, 0, 4:].argmax()]


@common
@given(st.integers(1, 5), st.sampled_from([(4, 4), (6, 3), (6, 1), (1, 1)]), st.integers(1, 40), st.booleans())
def test_group_normalization_equals_reference(n, channels, size, shared):
    channels, groups = channels
    x, g = numbers((n, channels, size)), numbers((n, channels, size), 1)
    gain, offset = numbers(groups if shared else channels, 2), numbers(groups if shared else channels, 3)
    results = []
    for ops in (cpu, reference):
        out, g_x, mean, inverse = np.empty_like(x), np.empty_like(x), *np.empty((2, n, groups), np.float32)
        ops.group_normalize(x, gain, offset, 1e-3, mean, inverse, out)
        g_gain, g_offset = np.ones_like(gain), np.ones_like(gain)
        ops.group_normalize_backward(x, gain, mean, inverse, g, 2.0, 0.5, g_gain, g_offset, g_x)
        results.append((out, mean, inverse, g_gain, g_offset, g_x))
    for a, e in zip(*results, strict=True):
        close(a, e, 1e-4)


@pytest.mark.parametrize("gains", [2, 4])
def test_group_normalization_gradients(gains):
    x, gain, offset, g = (numbers(shape, 1, float) for shape in ((2, 4, 3), gains, gains, (2, 4, 3)))
    out, mean, inverse, g_x = np.empty_like(x), np.empty((2, 2)), np.empty((2, 2)), np.empty_like(x)
    g_gain, g_offset = np.zeros(gains), np.zeros(gains)

    def value():
        reference.group_normalize(x, gain, offset, 1e-3, mean, inverse, out)
        return (g * out).sum()

    value()
    reference.group_normalize_backward(x, gain, mean, inverse, g, 1.0, 0.0, g_gain, g_offset, g_x)
    close(g_x, slopes(value, x), 1e-6)
    close(g_gain, slopes(value, gain), 1e-6)
    close(g_offset, slopes(value, offset), 1e-6)


@common
@given(st.integers(1, 9), st.integers(1, 20), st.sampled_from([1, 2, 7, 40]), st.floats(0.0, 1.0), st.booleans())
def test_batch_normalization_equals_reference(n, channels, size, momentum, constant):
    assume(n * size > 1)
    x, g = 3 * numbers((n, channels, size)) + 2, numbers((n, channels, size), 1)
    gain, offset = numbers(channels, 2), numbers(channels, 3)
    results = []
    for ops in (cpu, reference):
        out, g_x, mean, inverse = np.empty_like(x), np.empty_like(x), *np.empty((2, channels), np.float32)
        running = numbers(channels, 4), np.abs(numbers(channels, 5))
        ops.batch_statistics(x, 1e-3, momentum, *running, mean, inverse)
        ops.batch_normalize(x, gain, offset, mean, inverse, out)
        g_gain, g_offset = np.ones_like(gain), np.ones_like(gain)
        share = 0.0 if constant else 1 / (n * size)
        ops.batch_normalize_backward(x, gain, mean, inverse, share, g, 2.0, 0.5, g_gain, g_offset, g_x)
        results.append((out, mean, inverse, *running, g_gain, g_offset, g_x))
    for a, e in zip(*results, strict=True):
        close(a, e, 1e-4)


@pytest.mark.parametrize("constant", [False, True])
def test_batch_normalization_gradients(constant):
    x, gain, offset, g = (numbers(shape, 1, float) for shape in ((3, 4, 2), 4, 4, (3, 4, 2)))
    out, g_x, mean, inverse = np.empty_like(x), np.empty_like(x), np.full(4, 0.3), np.full(4, 1.7)
    g_gain, g_offset = np.zeros(4), np.zeros(4)

    def value():
        if not constant:
            reference.batch_statistics(x, 1e-3, 0.1, np.zeros(4), np.ones(4), mean, inverse)
        reference.batch_normalize(x, gain, offset, mean, inverse, out)
        return (g * out).sum()

    value()
    share = 0.0 if constant else 1 / 6
    reference.batch_normalize_backward(x, gain, mean, inverse, share, g, 1.0, 0.0, g_gain, g_offset, g_x)
    close(g_x, slopes(value, x), 1e-6)
    close(g_gain, slopes(value, gain), 1e-6)
    close(g_offset, slopes(value, offset), 1e-6)


OTHERS = {"logistic": (), "softmax": (), "leaky_relu": (0.1,)}


@common
@given(st.integers(1, 9), st.integers(1, 40), st.sampled_from([*OTHERS]))
def test_other_activations_equal_reference(n, width, name):
    x = 5 * numbers((n, width))
    results = []
    for ops in (cpu, reference):
        y, g_x = np.empty_like(x), np.empty_like(x)
        getattr(ops, name)(x, *OTHERS[name], y)
        getattr(ops, name + "_backward")(y, *OTHERS[name], numbers((n, width), 1), g_x)
        results.append((y, g_x))
    for a, e in zip(*results, strict=True):
        close(a, e)


@pytest.mark.parametrize("name", OTHERS)
def test_other_activation_gradients(name):
    x, y, g_x, g = (numbers((3, 4), seed, float) for seed in range(4))

    def value():
        getattr(reference, name)(x, *OTHERS[name], y)
        return (g * y).sum()

    value()
    getattr(reference, name + "_backward")(y, *OTHERS[name], g, g_x)
    close(g_x, slopes(value, x), 1e-7)


ORDERS = st.tuples(*[st.sampled_from("CF")] * 3)


@common
@given(st.integers(1, 33), st.integers(1, 70), st.integers(1, 170), ORDERS, st.sampled_from([0.0, 0.9, 1.0]))
def test_products_equal_reference(n, k, m, orders, keep):
    a, b, out = numbers((n, k)), numbers((k, m), 1), numbers((n, m), 2)
    a, b, out = (np.asarray(array, order=order) for array, order in zip((a, b, out), orders, strict=True))
    expected = out.copy()
    reference.multiply(a, b, expected, -0.3, keep)
    cpu.multiply(a, b, out, -0.3, keep)
    close(out, expected)


@pytest.mark.parametrize("shape", [(600, 30, 70), (70, 30, 600), (130, 300, 129)])
@pytest.mark.parametrize("orders", ["CCC", "FCC", "CFC", "FFF", "CCF"])
def test_products_are_shared_out_to_threads(shape, orders):
    n, k, m = shape
    a, b = np.asarray(numbers((n, k)), order=orders[0]), np.asarray(numbers((k, m), 1), order=orders[1])
    out, expected = np.empty((n, m), np.float32, order=orders[2]), np.empty((n, m), np.float32)
    cpu.multiply(a, b, out)
    reference.multiply(a, b, expected)
    close(out, expected)


def test_products_of_two_python_threads_do_not_meet():
    factors = [(numbers((256, 300), seed), numbers((300, 128), seed + 9)) for seed in range(2)]

    def product(pair):
        outs = [np.empty((256, 128), np.float32) for _ in range(60)]
        for out in outs:
            cpu.multiply(*pair, out)
        return outs

    with ThreadPoolExecutor(2) as pool:
        for (a, b), outs in zip(factors, pool.map(product, factors), strict=True):
            for out in outs:
                close(out, a @ b)


def test_a_product_refuses_what_blas_cannot_read():
    a = numbers((4, 6))
    with pytest.raises(ValueError, match="give contiguous float32"):
        cpu.multiply(a[:, ::2], numbers((3, 2)), np.empty((4, 2), np.float32))


@common
@given(st.integers(1, 33), st.integers(1, 200), st.sampled_from([0.0, 0.1, 1.0]))
def test_activation_in_place_equals_reference(n, width, slope):
    z, bias, gradient = numbers((width, n)), numbers(width, 3), numbers((width, n), 1)
    g_b = numbers(width, 2)
    y, g, e_b = np.empty((n, width), np.float32), gradient.T.copy(), g_b.copy()
    reference.activate(z, bias, slope, y)
    reference.activate_backward(y, slope, 2.0, 0.5, g, e_b)
    cpu.activate(z, bias, slope, z.T)
    cpu.activate_backward(z.T, slope, 2.0, 0.5, gradient.T, g_b)
    for a, e in ((z.T, y), (gradient.T, g), (g_b, e_b)):
        close(a, e)


@common
@given(st.integers(1, 33), st.integers(1, 200), st.sampled_from([0.0, 0.1, 1.0]))
def test_activation_equals_reference(n, width, slope):
    results = []
    for ops in (cpu, reference):
        y, g, g_b = np.empty((n, width), np.float32), numbers((n, width), 1), numbers(width, 2)
        ops.activate(numbers((width, n)), numbers(width, 3), slope, y)
        ops.activate_backward(y, slope, 2.0, 0.5, g, g_b)
        results.append((y, g, g_b))
    for a, e in zip(*results, strict=True):
        close(a, e)


def test_activation_gradient():
    z, bias, g = numbers((4, 5), dtype=float), numbers(5, 1, float), numbers((4, 5), 2, float)

    def value():
        reference.activate(z.T, bias, 0.1, y)
        return (g * y).sum()

    y, g_z, g_bias = np.empty_like(z), g.copy(), np.zeros(5)
    value()
    reference.activate_backward(y, 0.1, 1.0, 0.0, g_z, g_bias)
    close(g_z, slopes(value, z), 1e-7)
    close(g_bias, slopes(value, bias), 1e-7)


@common
@given(
    st.integers(1, 9),
    st.integers(1, 40),
    st.floats(0.0, 0.95),
    st.integers(0, 2**63),
    st.integers(0, 999),
    st.booleans(),
)
def test_dropout_equals_reference(n, width, rate, key, first, shared):
    x = numbers((n, width))
    got, expected = np.empty_like(x), np.empty_like(x)
    cpu.dropout(x, rate, np.uint64(key), first, shared, got)
    reference.dropout(x, rate, np.uint64(key), first, shared, expected)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("turned", [False, True])
def test_draws_of_dropout_stand_below_each_other(turned):
    x, keys = numbers((3, 4)), np.array([7, 8], np.uint64)
    alone = np.empty((2, 3, 4), np.float32)
    for key, out in zip(keys, alone, strict=True):
        cpu.dropout(x, 0.4, key, 5, False, out)
    for examples in (x, np.tile(x, (2, 1))):  # the examples once, or those of each draw
        for operations in (cpu, reference):
            together = np.empty((6, 4), np.float32, order="F" if turned else "C")
            operations.dropout(np.asarray(examples, order="F" if turned else "C"), 0.4, keys, 5, False, together)
            np.testing.assert_array_equal(together.reshape(alone.shape), alone)


def test_dropout_keeps_the_mean_and_does_not_depend_on_the_batch():
    x = np.ones((400, 250), np.float32)
    y, rest, same = np.empty_like(x), np.empty_like(x[100:]), np.empty_like(x)
    cpu.dropout(x, 0.2, np.uint64(5), 0, False, y)
    assert set(np.unique(y)) == {0.0, np.float32(1.25)}
    assert abs((y == 0).mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / x.size)
    cpu.dropout(x[100:], 0.2, np.uint64(5), 100, False, rest)
    np.testing.assert_array_equal(rest, y[100:])
    cpu.dropout(x, 0.2, np.uint64(5), 100, True, same)
    np.testing.assert_array_equal(same, np.broadcast_to(y[0], x.shape))


LOSSES = [
    ("squared_error", (0.0,), 1),
    ("squared_error", (0.3,), 1),
    ("absolute_error", (), 1),
    ("gaussian_nll", (), 2),
    ("cross_entropy", (), 1),
]


def loss_arguments(name, n, outputs, per_target, rows, columns, dtype=np.float32):
    o, t = numbers((n, outputs * per_target), 0, dtype), numbers((n, outputs), 1, dtype)
    if name == "cross_entropy":
        o, t = np.abs(o) + dtype(0.1), np.abs(t)
    return o, t, np.abs(numbers((n if rows else 1, outputs if columns else 1), 2, dtype))


@common
@given(st.sampled_from(LOSSES), st.integers(1, 9), st.integers(1, 40), st.booleans(), st.booleans())
def test_losses_equal_reference(loss, n, outputs, rows, columns):
    name, options, per_target = loss
    o, t, w = loss_arguments(name, n, outputs, per_target, rows, columns)
    results = []
    for ops in (cpu, reference):
        each, g = np.empty(n), np.empty_like(o)
        getattr(ops, name)(o, t, w, *options, each, g)
        results.append((each, g))
    for a, e in zip(*results, strict=True):
        close(a, e)


@pytest.mark.parametrize(("name", "options", "per_target"), LOSSES)
def test_loss_gradients(name, options, per_target):
    o, t, w = loss_arguments(name, 3, 6, per_target, True, True, float)
    each, g, unused = np.empty(3), np.empty_like(o), np.empty_like(o)
    getattr(reference, name)(o, t, w, *options, each, g)

    def value():
        getattr(reference, name)(o, t, w, *options, each, unused)
        return each.mean()

    close(g, slopes(value, o), 1e-7)


def test_squared_error_is_its_formula():
    o, t, w = loss_arguments("squared_error", 3, 6, 1, True, True, float)
    each = np.empty(3)
    reference.squared_error(o, t, w, 0.3, each, np.empty_like(o))
    assert each.mean() == pytest.approx((w * ((o - t) ** 2 + 0.3 * np.cumsum(o - t, 1) ** 2)).mean())


@pytest.mark.parametrize("function", ["linear", "sqrt", "log1p"])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int64])
def test_scaling_equals_reference(function, dtype):
    x = np.random.default_rng(0).poisson(1.0, (3, 2, 5, 4)).astype(dtype)
    got, expected = np.empty(x.shape, np.float32), np.empty(x.shape, np.float32)
    cpu.scale(x, function, 0.3, got)
    reference.scale(x, function, 0.3, expected)
    close(got, expected, 1e-6)


@pytest.mark.parametrize("size", [1, 100, 16384, 40000])
def test_updates_equal_reference(size):
    results = []
    for ops in (cpu, reference):
        w, g, v, m = numbers(size), numbers(size, 1), numbers(size, 2), np.abs(numbers(size, 3))
        ops.velocity(g, -0.1, 0.9, v)
        ops.momentum(v, 0.3, 0.01, 0.9, w)
        ops.momentum(v, 0.3, 0.02, None, w)
        ops.adamw(g, 0.5, 0.1, (0.9, 0.99), 1e-8, 0.01, 3, (v, m), w)
        results.append((w, v, m, np.float64(ops.clipping([g, w], 0.1, -0.3, 2.0))))
    for a, e in zip(*results, strict=True):
        close(a, e)
