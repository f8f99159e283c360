import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkyway_cnn.sightlines import Grid, spaced

GRID = Grid(350, 370, -5, 5, 0.5)


@given(st.integers(0, 19), st.integers(0, 39), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.integers(-1, 1))
def test_cell_index_is_that_of_the_cell_around_the_position(
    row: int, column: int, across: float, along: float, turns: int
) -> None:
    l, b = np.array([350 + (column + along) / 2 + 360 * turns]), np.array([-5 + (row + across) / 2])
    assert GRID.cell_index(l, b).tolist() == [row * 40 + column]


def test_positions_outside_are_in_no_cell() -> None:
    l, b = np.array([349.9, 10.1, 0.0, 0.0, 180.0]), np.array([0.0, 0.0, -5.1, 5.1, 0.0])
    assert GRID.cell_index(l, b).tolist() == [-1] * 5


def test_positions_without_value_are_in_no_cell() -> None:
    grid = Grid(0, 360, -90, 90, 1)
    assert grid.cell_index(np.array([np.nan, 5.0, 359.9]), np.array([0.0, np.nan, 89.9])).tolist() == [
        -1,
        -1,
        180 * 360 - 1,
    ]
    assert grid.cell_index(np.zeros(0), np.zeros(0)).dtype == np.int32


def test_a_full_turn_has_no_gap() -> None:
    grid = Grid(-180, 180, -1, 1, 1)
    assert grid.cell_index(grid.l + 720, np.zeros(360)).tolist() == [360 + column for column in range(360)]


def test_a_grid_around_positions_holds_them_all_in_whole_cells():
    rng = np.random.default_rng(1)
    l, b = rng.uniform(231.93, 234.6, 100), rng.uniform(-20.57, -18.17, 100)
    grid = Grid.around(l, b, 0.5)
    assert (grid.l_min, grid.l_max, grid.b_min, grid.b_max) == (231.5, 235.0, -21.0, -18.0)
    assert grid.cell_index(l, b).min() >= 0


def test_spaced_longitudes_reach_from_the_first_to_the_last():
    assert spaced(np.arange(257.25, 303, 0.5), 2.0) == pytest.approx(np.linspace(257.25, 302.75, 24))
    assert list(spaced(np.array([10.0, 10.5]), 2.0)) == [10.0, 10.5]
    assert list(spaced(np.array([10.0]), 2.0)) == [10.0]
