"""The draws of stars against the same draws in plain NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from milkyway_cnn.kernels.stars import draw_counts, draw_stars

KEY = 0x0123456789ABCDEF


def bits(key, counter):
    """SplitMix64 on whole arrays."""
    with np.errstate(over="ignore"):
        z = np.uint64(key) + np.asarray(counter, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


@pytest.fixture
def cells():
    """Three steps of distance of two components with 40 and 60 states."""
    rng = np.random.default_rng(5)
    cumulative = np.concatenate([np.cumsum(rng.random(n)) for n in (40, 60)])
    return {
        "near": np.repeat([0.5, 1.0, 2.0], 2).astype(np.float32),
        "far": np.repeat([1.0, 2.0, 4.0], 2).astype(np.float32),
        "abundance": rng.normal(0, 0.2, 6).astype(np.float32),
        "start": np.tile([0, 40], 3),
        "visible": np.array([40, 60, 20, 25, 3, 1]),
        "cumulative": cumulative,
        "magnitudes": rng.normal(3, 2, (100, 3)).astype(np.float32),
        "slopes": rng.normal(0, 1, (100, 3)).astype(np.float32),
    }


def reference(key, first, c):
    """Distance, J, H, Ks, cell and state of all stars, without a loop over stars."""
    star = np.arange(first[-1], dtype=np.uint64)
    cell = np.repeat(np.arange(6), np.diff(first))
    place = ((bits(key, 2 * star) >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-24)
    part = (bits(key, 2 * star + np.uint64(1)) >> np.uint64(11)).astype(float) * 2.0**-53
    state = np.empty(star.size, int)
    for n in range(6):
        low, high = c["start"][n], c["start"][n] + c["visible"][n]
        numbers = c["cumulative"][low:high]
        state[cell == n] = low + np.searchsorted(numbers, part[cell == n] * numbers[-1], side="right")
    distance = c["near"][cell] + place * (c["far"] - c["near"])[cell]
    modulus = 5 * np.log10(distance) + 10
    bands = modulus[:, None] + c["magnitudes"][state] + c["abundance"][cell][:, None] * c["slopes"][state]
    return distance, *bands.T, cell, state


@pytest.mark.parametrize(("begin", "size"), [(0, 20_000), (0, 1), (4_095, 9_000), (19_990, 10)])
def test_stars_are_those_of_the_reference(cells, begin, size):
    first = np.array([0, 0, 9_000, 9_500, 15_000, 15_001, 20_000])
    expected = reference(KEY, first, cells)
    found = [*np.empty((4, size), np.float32), *np.empty((2, size), np.int32)]
    draw_stars(np.uint64(KEY), begin, first, *cells.values(), *found)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs[begin : begin + size], rtol=1e-5, atol=1e-5)


def test_counts_are_poissonian():
    expected = np.repeat([0.0, 0.3, 4.0, 29.0, 31.0, 1e4], 20_000)
    counts = np.empty(expected.size, np.int64)
    draw_counts(np.uint64(KEY), expected, counts)
    for mean, drawn in zip(expected[::20_000], counts.reshape(-1, 20_000), strict=True):
        assert drawn.mean() == pytest.approx(mean, abs=4 * math.sqrt(mean / 20_000))
        assert drawn.var() == pytest.approx(mean, rel=0.05)
