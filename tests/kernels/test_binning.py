"""Binning against numpy's histogram."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkyway_cnn.kernels import binning

AXES = np.array([-0.5, 10.0, 6.0, 64 / 8.8], np.float32)


@given(seed=st.integers(0, 2**32 - 1), stars=st.integers(0, 300), cells=st.integers(1, 4))
def test_counts_equal_a_histogram_and_no_star_is_lost(seed, stars, cells):
    rng = np.random.default_rng(seed)
    cell = rng.integers(-1, cells, stars).astype(np.int32)
    color = rng.uniform(-2, 8, stars).astype(np.float32)
    magnitude = rng.uniform(4, 17, stars).astype(np.float32)
    color[rng.random(stars) < 0.1] = np.nan
    counts = np.zeros((cells, 64, 64), np.uint32)
    outside = np.zeros(cells, np.int64)
    binning.bin_stars(cell, color, magnitude, AXES, counts, outside)

    x = np.floor((color - AXES[0]) * AXES[1])
    y = np.floor((magnitude - AXES[2]) * AXES[3])
    inside = (x >= 0) & (x < 64) & (y >= 0) & (y < 64)
    for n in range(cells):
        here = inside & (cell == n)
        expected, _, _ = np.histogram2d(y[here], x[here], bins=[np.arange(65), np.arange(65)])
        np.testing.assert_array_equal(counts[n], expected)
        assert counts[n].sum() + outside[n] == np.count_nonzero(cell == n)


def test_arrays_of_different_length_are_refused():
    counts, outside = np.zeros((1, 64, 64), np.uint32), np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="must have one length"):
        binning.bin_stars(
            np.zeros(3, np.int32), np.zeros(2, np.float32), np.zeros(3, np.float32), AXES, counts, outside
        )
