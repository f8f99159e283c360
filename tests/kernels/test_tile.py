"""The loops that are written as instructions, each against the formula in its docstring."""

import numpy as np
import pytest
from numba import njit

from milkyway_cnn.kernels import _tile
from milkyway_cnn.kernels._tile import FILTERS, PRODUCT, WIDE
from milkyway_cnn.kernels._vector import LANES


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def called(name: str, *arguments) -> None:
    """Compile a function that calls an intrinsic, for these alone live in compiled code."""
    intrinsic = getattr(_tile, name)
    names = ", ".join(f"a{i}" for i in range(len(arguments)))
    scope = {"intrinsic": intrinsic}
    exec(f"def function({names}):\n    intrinsic({names})", scope)
    njit(scope["function"])(*arguments)


@pytest.mark.parametrize("count", [1, 7])
def test_taps_are_summed(count: int) -> None:
    x, weights, out = numbers(400), numbers(3 + count * FILTERS), np.zeros(FILTERS * 80, np.float32)
    taps, places = np.array([0, 3, 40, 8, 2, 5, 90]), np.array([0, 160, 1, 33, 70, 17])
    called("sum_taps", x, 2, taps, count, weights, 3, places, 1, out, 80, 5)
    for f in range(FILTERS):
        for p in range(WIDE):
            begins = [2 + tap + places[1 + p] for tap in taps[:count]]
            terms = [weights[3 + t * FILTERS + f] * x[b : b + LANES] for t, b in enumerate(begins)]
            begin = 80 * f + 5 + p * LANES
            np.testing.assert_allclose(out[begin : begin + LANES], sum(terms), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count", [1, 6])
def test_outer_products_are_added(count: int) -> None:
    d, x, out = numbers(FILTERS * 120), numbers(600), np.ones(200, np.float32)
    d_places, places = np.array([9, 0, 16, 48, 32, 64, 7, 3]), np.array([5, 200, 100, 16, 0, 48, 150, 1])
    taps = np.array([0, 1, 20, 300, 7, 11])
    called("add_outer_products", d, 2, 110, d_places, x, 3, taps, 1, places, 2, count, out, 40, 6)
    for f in range(FILTERS):
        for t in range(WIDE):
            expected = 1.0
            for p in range(2, 2 + count):
                there, here = 2 + 110 * f + d_places[p], 3 + taps[1 + t] + places[p]
                expected += d[there : there + LANES] @ x[here : here + LANES]
            assert out[40 * f + 6 + t] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert (out[:6] == 1).all()


def test_the_first_of_the_largest_wins() -> None:
    x = np.random.default_rng(0).integers(0, 3, 300).astype(np.float32)
    places, window = np.array([0, 20, 64]), np.array([0, 16, 100, 33])
    best, number = np.zeros(50, np.float32), np.zeros(50, np.uint8)
    called("largest", x, 4, places, 1, window, 4, best, number, 7)
    values = np.array([x[24 + k : 24 + k + LANES] for k in window])
    np.testing.assert_array_equal(best[7 : 7 + LANES], values.max(axis=0))
    np.testing.assert_array_equal(number[7 : 7 + LANES], values.argmax(axis=0))


@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_nan_is_not_lost_in_a_maximum(where: int) -> None:
    x = np.ones(100, np.float32)
    x[where * 20 + 5] = np.nan
    best, number = np.zeros(LANES, np.float32), np.zeros(LANES, np.uint8)
    called("largest", x, 0, np.zeros(1, np.int64), 0, np.arange(3) * 20, 3, best, number, 0)
    assert np.isnan(best[5]) and number[5] == where
    assert np.isfinite(np.delete(best, 5)).all()


@pytest.mark.parametrize("keep", [0.0, 0.5])
@pytest.mark.parametrize("turned", [False, True])
def test_a_tile_of_a_product(keep: float, turned: bool) -> None:
    rows, columns = PRODUCT
    a, b, out = numbers(rows, 9), numbers(9, columns), numbers(rows, columns + 3)
    expected = out.copy()
    expected[:, 2 : 2 + columns] = 2 * (a @ b) + keep * expected[:, 2 : 2 + columns]
    if keep == 0:
        out[:, 2 : 2 + columns] = np.nan  # is not read
    left, step = (np.ascontiguousarray(a.T), (1, rows)) if turned else (a, (9, 1))
    flat = out.reshape(-1)
    called(
        "product",
        left.reshape(-1),
        0,
        *step,
        b.reshape(-1),
        0,
        9,
        np.float32(2),
        np.float32(keep),
        flat,
        2,
        columns + 3,
    )
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_a_block_is_turned(dtype: type) -> None:
    x, out = np.arange(1000).astype(dtype), np.zeros(2000, dtype)
    places = np.arange(LANES + 1) * 50
    called("turn", x, 3, 40, out, 2, places, 1)
    block = np.array([x[3 + 40 * j : 3 + 40 * j + LANES] for j in range(LANES)])
    got = np.array([out[2 + places[1 + i] :][:LANES] for i in range(LANES)])
    np.testing.assert_array_equal(got, block.T)
    assert not out[:52].any()
