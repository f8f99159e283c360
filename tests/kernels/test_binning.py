"""Counting against numpy: the grid's own cells and numpy's histogram."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milkyway_cnn.kernels import binning
from milkyway_cnn.sightlines import Grid

AXES = np.array([-0.5, 10.0, 6.0, 64 / 8.8], np.float32)
PARTS = 5


def empty(grid: Grid, pixels: int = 64):
    rows, columns = grid.shape
    cells = rows * columns
    counts = np.zeros((cells, pixels, pixels), np.uint32), np.zeros(cells, np.int64), np.zeros(cells, np.int64)
    return *counts, np.zeros((rows, columns, PARTS, PARTS), bool)


def count(grid: Grid, stars, results) -> None:
    l, b, *rest = stars
    binning.count_stars(l, b, np.array([grid.l_min, grid.b_min, grid.cell]), *rest, AXES, *results)


def drawn(seed: int, grid: Grid, n: int):
    """Stars in and around the grid, some of them on edges of cells, off the diagram, or nowhere."""
    rng = np.random.default_rng(seed)
    l = rng.uniform(grid.l_min - 1, grid.l_max + 1, n)
    b = rng.uniform(grid.b_min - 1, grid.b_max + 1, n)
    edge = rng.random(n) < 0.3
    l[edge] = grid.l_min + rng.integers(-2, grid.shape[1] + 3, edge.sum()) * grid.cell
    b[edge] = np.nextafter(grid.b_min + rng.integers(-2, grid.shape[0] + 3, edge.sum()) * grid.cell, 0.0)
    l += rng.choice([-360.0, 0.0, 360.0], n)
    l[rng.random(n) < 0.05] = np.nan
    color, magnitude = rng.uniform(-2, 8, n).astype(np.float32), rng.uniform(4, 17, n).astype(np.float32)
    color[rng.random(n) < 0.1] = np.nan
    return l, b, rng.random(n) < 0.8, color, magnitude


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    stars=st.integers(0, 300),
    grid=st.sampled_from([Grid(257, 258, -1, 0, 0.5), Grid(359.3, 361.1, 2, 3, 0.1), Grid(0, 360, -90, 90, 10)]),
)
def test_counts_equal_a_histogram_and_no_star_is_lost(seed, stars, grid):
    l, b, accepted, color, magnitude = sample = drawn(seed, grid, stars)
    counts, outside, faint, filled = results = empty(grid)
    count(grid, sample, results)

    cell = grid.cell_index(l, b)
    x = np.floor((color - AXES[0]) * AXES[1])
    y = np.floor((magnitude - AXES[2]) * AXES[3])
    inside = (x >= 0) & (x < 64) & (y >= 0) & (y < 64)
    here, edges = accepted & inside, [np.arange(len(counts) + 1), np.arange(65), np.arange(65)]
    expected, _ = np.histogramdd((cell[here], y[here], x[here]), edges)
    np.testing.assert_array_equal(counts, expected)
    for made, those in ((outside, accepted & ~inside), (faint, ~accepted)):
        np.testing.assert_array_equal(made, np.bincount(cell[those & (cell >= 0)], minlength=len(counts)))
    in_l, in_b = (l - grid.l_min) % 360.0 / grid.cell % 1.0 * PARTS, (b - grid.b_min) / grid.cell % 1.0 * PARTS
    expected = np.zeros_like(filled)
    for n, i, j in zip(cell, in_b, in_l, strict=True):
        if n >= 0:
            expected[n // grid.shape[1], n % grid.shape[1], min(int(i), PARTS - 1), min(int(j), PARTS - 1)] = True
    np.testing.assert_array_equal(filled, expected)


def test_pieces_in_any_order_make_the_whole():
    grid = Grid(10, 12, -1, 1, 0.5)
    sample = drawn(1, grid, 1000)
    whole, pieces = empty(grid), empty(grid)
    count(grid, sample, whole)
    for piece in (slice(700, None), slice(0, 1), slice(1, 700)):
        count(grid, [values[piece] for values in sample], pieces)
    for one, other in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(one, other)


def test_arrays_of_different_length_are_refused():
    grid = Grid(0, 1, 0, 1, 0.5)
    l, b, *rest = drawn(1, grid, 3)
    with pytest.raises(ValueError, match=r"must have one length, not \[\(2,\), \(3,\)\]"):
        count(grid, (l[:2], b, *rest), empty(grid))
    counts, outside, faint, filled = empty(grid)
    with pytest.raises(ValueError, match=r"one number of cells, not \[\(3,\), \(4,\)\]"):
        count(grid, (l, b, *rest), (counts[1:], outside, faint, filled))


def test_pixels_of_stars_are_those_in_which_they_are_counted() -> None:
    random = np.random.default_rng(1)
    color, magnitude = random.uniform(-1, 7, 500).astype(np.float32), random.uniform(5, 16, 500).astype(np.float32)
    color[0] = np.nan
    found = binning.pixels_of_stars(color, magnitude, AXES, 64)
    assert found[0] == -1 and (found < 0).sum() > 1
    columns, rows = -0.5 + np.arange(65) / 10, 6.0 + np.arange(65) * 8.8 / 64
    expected, _, _ = np.histogram2d(magnitude[1:], color[1:], (rows, columns))
    np.testing.assert_array_equal(np.bincount(found[found >= 0], minlength=4096).reshape(64, 64), expected)
