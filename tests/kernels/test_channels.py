"""The kernel of any survey against a star-by-star loop in plain Python."""

import numpy as np
import pytest

from milkyway_cnn.kernels import draws
from milkyway_cnn.kernels.channels import GRID, SurveyTables, draw_channel, expected_channel

PIXELS = 16
BINS_PER_KPC = 10.0
u64 = np.uint64


def survey(stretch: float = 0.3) -> SurveyTables:
    """Two bands, the parallax along the columns, the first band along the rows."""
    rng = np.random.default_rng(2)
    extinction = rng.normal(0, [0.02] * 4 + [0.005] * 3 + [0.001] * 3, (2, 10))
    extinction[:, 0] += (0.8, 0.5)
    half = np.array([[17.0, 17.5], [16.0, 16.5]])
    low, high = np.arcsinh(np.array((-1.0, 5.0)) / stretch) if stretch else (-1.0, 5.0)
    arrays = (
        extinction,
        [17.0, np.inf],
        [0.01 + 0.001 * GRID, 0.02 + 0.002 * GRID],
        1 / (1 + np.exp(np.clip((GRID - half[..., None]) / 0.3, -50, 50))),
        [0.02 + 0.01 * GRID, -0.03 - 0.001 * GRID],
        [[0, 0, 1], [1, 0, 0]],
        [low, PIXELS / (high - low), 8.0, PIXELS / 9.0, stretch],
    )
    return SurveyTables(*(np.array(array, np.float32) for array in arrays))


def parents(n: int = 300) -> np.ndarray:
    rng = np.random.default_rng(1)
    magnitudes = rng.uniform(9.0, 17.2, (n, 2))
    return np.column_stack([rng.uniform(0.1, 14.0, n), rng.uniform(0, 2.5, n), magnitudes]).astype(np.float32)


def draw(stars, tables, n=6, mean=80.0, scatter=0.3, shift=0.01):
    rng = np.random.default_rng(4)
    cumulative = np.cumsum(rng.uniform(0, 0.3, (n, 41)), axis=1).astype(np.float32)
    keys = draws.keys(5, np.arange(n))
    numbers = (np.arange(n) % 2, keys, np.full(n, mean), np.full(n, scatter, np.float32), np.full(n, shift, np.float32))
    counts, outside = np.empty((n, PIXELS, PIXELS), np.uint16), np.empty(n, np.int32)
    first, number = np.array([0, 100]), np.array([100, len(stars) - 100])
    draw_channel(stars, first, number, *numbers, cumulative, BINS_PER_KPC, tables, counts, outside)
    return counts, outside, keys, cumulative


def one_by_one(stars, tables, s, key, mean, scatter, shift, cumulative):
    first, number = ((0, 100), (100, len(stars) - 100))[s]
    counts, outside = np.zeros((PIXELS, PIXELS), np.uint16), 0
    star_keys, run_keys = (u64(draws.fork(key, u64(branch))) for branch in (1, 2))
    low, per_x, bright, per_y, stretch = map(float, tables.plane)
    for i in range(draws.poisson(mean, u64(draws.fork(key, u64(0))))):
        begin = i // 64 * 64
        k = ((int(draws.bits(run_keys, u64(begin))) >> 32) * number >> 32) + i - begin
        words = [u64(draws.bits(star_keys, u64(2 * i + j))) for j in range(2)]
        distance, x, *magnitudes = map(float, stars[first + k % number])
        A_V = np.interp(distance, np.arange(cumulative.size) / BINS_PER_KPC, cumulative)
        A_V *= np.exp(scatter * draws.rough_normal(words[0], 0) - scatter**2 / 2)
        a = min(A_V, 20.0)
        terms = [1, x, x**2, x**3, a, a**2, a**3, x * a, x**2 * a, x * a**2]
        magnitudes = [m + A_V * (c @ terms) for m, c in zip(magnitudes, tables.extinction, strict=True)]
        if any(m >= limit + 0.5 for m, limit in zip(magnitudes, tables.faintest, strict=True)):
            continue
        seen = np.prod([np.interp(m, GRID, row) for m, row in zip(magnitudes, tables.completeness[s], strict=True)])
        if draws.part(words[0], 3) > seen:
            continue
        spread, zero = (np.interp(magnitudes[0], GRID, row) for row in tables.astrometry)
        parallax = 1 / distance + zero + spread * draws.rough_normal(words[0], 1) + shift
        measured = [
            m + np.interp(m, GRID, row) * draws.rough_normal(words[1], j)
            for j, (m, row) in enumerate(zip(magnitudes, tables.error, strict=True))
        ]
        if any(m >= limit for m, limit in zip(measured, tables.faintest, strict=True)):
            continue
        column = np.floor(((np.arcsinh(parallax / stretch) if stretch else parallax) - low) * per_x)
        row = np.floor((measured[0] - bright) * per_y)
        if 0 <= column < PIXELS and 0 <= row < PIXELS:
            counts[int(row), int(column)] += 1
        else:
            outside += 1
    return counts, outside


@pytest.mark.parametrize("stretch", [0.0, 0.3])
def test_a_diagram_is_that_of_its_stars_one_by_one(stretch):
    stars, tables = parents(), survey(stretch)
    counts, outside, keys, cumulative = draw(stars, tables)
    assert counts.sum() > 100
    for n in range(len(keys)):
        expected, off = one_by_one(stars, tables, n % 2, keys[n], 80.0, 0.3, 0.01, cumulative[n])
        # A star within rounding of an edge may fall on its other side.
        assert np.abs(counts[n].astype(int) - expected).sum() + abs(int(outside[n]) - off) <= 2


def test_the_expected_diagram_is_the_mean_of_draws_without_dust():
    stars, tables = parents(100), survey()
    tables = tables._replace(completeness=tables.completeness[:1])
    expected = expected_channel(stars, u64(1), 400, tables, PIXELS)
    n = 4000
    counts, outside = np.empty((n, PIXELS, PIXELS), np.uint16), np.empty(n, np.int32)
    zeros = np.zeros(n, np.float32)
    draw_channel(
        stars, np.array([0]), np.array([100]), np.zeros(n, int), draws.keys(9, np.arange(n)), np.full(n, 100.0), zeros,
        zeros, np.zeros((n, 41), np.float32), BINS_PER_KPC, tables, counts, outside,
    )  # fmt: skip
    mean = counts.mean(axis=0)
    assert mean.sum() == pytest.approx(expected.sum(), rel=0.02)
    assert np.corrcoef(mean.ravel(), expected.ravel())[0, 1] > 0.99


def test_unequal_arrays_are_refused():
    stars, tables = parents(), survey()
    with pytest.raises(ValueError, match="one of bands up to 5"):
        draw(stars[:, :3], tables)
