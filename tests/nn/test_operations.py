"""Every operation: the reference's gradient against finite differences, and every scheme against the reference."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
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


GEOMETRIES = st.fixed_dictionaries(
    {
        "n": st.integers(1, 19),
        "channels": st.integers(1, 4),
        "height": st.integers(5, 21),
        "width": st.integers(5, 21),
        "filters": st.integers(1, 5),
        "rows": st.sampled_from([1, 2, 3, 5]),
        "columns": st.sampled_from([1, 2, 3, 5]),
        "stride": st.integers(1, 3),
        "pad": st.tuples(st.integers(0, 3), st.integers(0, 3)),
        "pool": st.integers(1, 3),
    }
)


def convolve_both_ways(ops, x, w, b, g, slope, geometry, input_gradient=True):
    """Output, winner and gradients by one scheme; None for a geometry that leaves no output."""
    size = [
        ((n + 2 * p - k) // geometry["stride"] + 1) // geometry["pool"]
        for n, p, k in zip(x.shape[2:], geometry["pad"], w.shape[2:], strict=True)
    ]
    shape = (len(w), *size)
    work = ops.convolution_work(
        len(x), x.shape[1:], w.shape, geometry["stride"], geometry["pad"], geometry["pool"], shape, input_gradient
    )
    out, winner = np.empty((len(x), *shape), x.dtype), np.empty((len(x), *shape), np.uint8)
    ops.convolve(x, w, b, slope, work, out, winner)
    g_w, g_b, g_x = np.ones_like(w), np.ones_like(b), np.empty_like(x) if input_gradient else None
    ops.convolve_backward(x, w, slope, work, out, winner, g(out.shape), 2.0, 0.5, g_w, g_b, g_x)
    return out, winner, g_w, g_b, g_x


def leaves_something(g):
    sides = zip((g["height"], g["width"]), (g["rows"], g["columns"]), g["pad"], strict=True)
    return all((n + 2 * p - k) // g["stride"] + 1 >= g["pool"] for n, k, p in sides)


@common
@given(GEOMETRIES.filter(leaves_something), st.integers(0, 99))
def test_convolution_equals_reference(geometry, seed):
    x = numbers((geometry["n"], geometry["channels"], geometry["height"], geometry["width"]), seed)
    w = numbers((geometry["filters"], geometry["channels"], geometry["rows"], geometry["columns"]), seed + 1)
    b = numbers(geometry["filters"], seed + 2)
    got = convolve_both_ways(cpu, x, w, b, lambda shape: numbers(shape, 9), 0.1, geometry)
    expected = convolve_both_ways(reference, x, w, b, lambda shape: numbers(shape, 9), 0.1, geometry)
    for a, e in zip(got, expected, strict=True):
        close(a, e)


def test_convolution_reuses_its_work_for_fewer_images():
    geometry = {"stride": 2, "pad": (1, 2), "pool": 2}
    x, w, b = numbers((6, 2, 11, 9)), numbers((3, 2, 3, 5)), numbers(3)
    work = cpu.convolution_work(6, x.shape[1:], w.shape, 2, (1, 2), 2, (3, 3, 2))
    out, winner = np.empty((6, 3, 3, 2), np.float32), np.empty((6, 3, 3, 2), np.uint8)
    cpu.convolve(x, w, b, 0.1, work, out, winner)
    g_w, g_b, g_x = np.zeros_like(w), np.zeros_like(b), np.empty_like(x)
    cpu.convolve_backward(x, w, 0.1, work, out, winner, numbers(out.shape), 1.0, 0.0, g_w, g_b, g_x)
    few = [cpu.convolve(x[:2], w, b, 0.1, work, out[:2], winner[:2])]
    cpu.convolve_backward(
        x[:2],
        w,
        0.1,
        work,
        out[:2],
        winner[:2],
        numbers((2, 3, 3, 2), 9),
        2.0,
        0.5,
        g_w := w * 0 + 1,
        g_b := b * 0 + 1,
        g_x[:2],
    )
    few = [out[:2], winner[:2], g_w, g_b, g_x[:2]]
    for a, e in zip(
        few, convolve_both_ways(reference, x[:2], w, b, lambda s: numbers(s, 9), 0.1, geometry), strict=True
    ):
        close(a, e)


@pytest.mark.parametrize("pool", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_gradients(stride, pool):
    geometry = {"stride": stride, "pad": (1, 0), "pool": pool}
    x, w, b = (numbers(shape, dtype=float) for shape in ((2, 2, 7, 8), (3, 2, 3, 2), (3,)))
    out, _, g_w, g_b, g_x = convolve_both_ways(reference, x, w, b, lambda s: numbers(s, 9, float), 0.1, geometry)
    g = numbers(out.shape, 9, float)

    def value():
        return (g * convolve_both_ways(reference, x, w, b, np.zeros, 0.1, geometry)[0]).sum()

    close(g_w, 2.0 * slopes(value, w) + 0.5, 1e-6)
    close(g_b, 2.0 * slopes(value, b) + 0.5, 1e-6)
    close(g_x, slopes(value, x), 1e-6)


@common
@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 4), st.integers(4, 9), st.integers(4, 9))
def test_max_pooling_equals_reference(n, channels, size, height, width):
    x = np.round(numbers((n, channels, height, width)))  # with equal values in a window
    shape = (n, channels, height // size, width // size)
    results = []
    for ops in (cpu, reference):
        out, winner, g_x = np.empty(shape, np.float32), np.empty(shape, np.uint8), np.empty_like(x)
        ops.max_pool(x, size, out, winner)
        ops.max_pool_backward(numbers(shape, 1), winner, size, g_x)
        results.append((out, winner, g_x))
    for a, e in zip(*results, strict=True):
        np.testing.assert_array_equal(a, e)


def test_max_pooling_gradient():
    x, shape = numbers((2, 2, 5, 4), dtype=float), (2, 2, 2, 2)
    out, winner, g_x = np.empty(shape), np.empty(shape, np.uint8), np.empty_like(x)
    reference.max_pool(x, 2, out, winner)
    g = numbers(shape, 1, float)
    reference.max_pool_backward(g, winner, 2, g_x)

    def value():
        reference.max_pool(x, 2, out, winner)
        return (g * out).sum()

    close(g_x, slopes(value, x), 1e-8)


@common
@given(st.integers(1, 33), st.integers(1, 70), st.integers(1, 70))
def test_products_equal_reference(n, k, m):
    a, b, c, d = numbers((n, k)), numbers((k, m)), numbers((n, m)), numbers((k, m), 1)
    for name, arguments, out in (
        ("multiply", (a, b), np.empty((n, m), np.float32)),
        ("multiply_transposed", (c, b), np.empty((n, k), np.float32)),
        ("accumulate", (a, c, -0.3, 0.9), d),
    ):
        expected = out.copy()
        getattr(reference, name)(*arguments, expected)
        getattr(cpu, name)(*arguments, out)
        close(out, expected)


@common
@given(st.integers(1, 33), st.integers(1, 200), st.sampled_from([0.0, 0.1, 1.0]))
def test_activation_equals_reference(n, width, slope):
    results = []
    for ops in (cpu, reference):
        y, g, g_b = numbers((n, width)), numbers((n, width), 1), numbers(width, 2)
        ops.activate(y, numbers(width, 3), slope)
        ops.activate_backward(y, slope, 2.0, 0.5, g, g_b)
        results.append((y, g, g_b))
    for a, e in zip(*results, strict=True):
        close(a, e)


def test_activation_gradient():
    z, bias, g = numbers((4, 5), dtype=float), numbers(5, 1, float), numbers((4, 5), 2, float)

    def value():
        y = z.copy()
        reference.activate(y, bias, 0.1)
        return (g * y).sum()

    y, g_z, g_bias = z.copy(), g.copy(), np.zeros(5)
    reference.activate(y, bias, 0.1)
    reference.activate_backward(y, 0.1, 1.0, 0.0, g_z, g_bias)
    close(g_z, slopes(value, z), 1e-7)
    close(g_bias, slopes(value, bias), 1e-7)


@common
@given(st.integers(1, 9), st.integers(1, 40), st.floats(0.0, 0.95), st.integers(0, 2**63), st.integers(0, 1000))
def test_dropout_equals_reference(n, width, rate, key, first):
    x = numbers((n, width))
    got, expected = np.empty_like(x), np.empty_like(x)
    cpu.dropout(x, rate, np.uint64(key), first, got)
    reference.dropout(x, rate, np.uint64(key), first, expected)
    np.testing.assert_array_equal(got, expected)


def test_dropout_keeps_the_mean_and_does_not_depend_on_the_batch():
    x = np.ones((400, 250), np.float32)
    y, rest = np.empty_like(x), np.empty_like(x[100:])
    cpu.dropout(x, 0.2, np.uint64(5), 0, y)
    assert set(np.unique(y)) == {0.0, np.float32(1.25)}
    assert abs((y == 0).mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / x.size)
    cpu.dropout(x[100:], 0.2, np.uint64(5), 100, rest)
    np.testing.assert_array_equal(rest, y[100:])


@common
@given(st.integers(1, 9), st.integers(1, 40), st.sampled_from([0.0, 0.02, 1.0]))
def test_squared_error_equals_reference(n, outputs, cumulative):
    o, t, w = numbers((n, outputs)), numbers((n, outputs), 1), np.abs(numbers((n, outputs), 2))
    results = []
    for ops in (cpu, reference):
        each, g = np.empty(n), np.empty_like(o)
        ops.squared_error(o, t, w, cumulative, each, g)
        results.append((each, g))
    for a, e in zip(*results, strict=True):
        close(a, e)


def test_squared_error_gradient_and_value():
    o, t, w = (numbers((3, 6), seed, float) for seed in range(3))
    each, g, unused = np.empty(3), np.empty((3, 6)), np.empty((3, 6))
    reference.squared_error(o, t, w, 0.3, each, g)
    error = o - t
    assert each.mean() == pytest.approx((w * (error**2 + 0.3 * np.cumsum(error, 1) ** 2)).mean())

    def value():
        reference.squared_error(o, t, w, 0.3, each, unused)
        return each.mean()

    close(g, slopes(value, o), 1e-8)


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
        ops.momentum(v, 0.01, w)
        ops.adamw(g, 0.5, 0.1, (0.9, 0.99), 1e-8, 0.01, 3, (v, m), w)
        results.append((w, v, m, np.float64(ops.square_sum(g))))
    for a, e in zip(*results, strict=True):
        close(a, e)
