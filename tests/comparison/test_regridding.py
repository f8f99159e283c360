"""Regridding keeps integrals."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from milkyway_cnn.comparison.regridding import regrid
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid


def on_the_sky(cube: xr.Dataset, coverage: np.ndarray | float = 1.0) -> float:
    """Integral of A_V to the end over the solid angle (mag deg sine)."""
    half = cube.attrs["cell_deg"] / 2
    width = np.sin(np.radians(cube["b"].values + half)) - np.sin(np.radians(cube["b"].values - half))
    A_V = cube["delta_A_V"].transpose("b", "l", "distance").values.astype(float).sum(axis=-1)
    return float(np.nansum(A_V * coverage * width[:, None]) * cube.attrs["cell_deg"])


@given(cell=st.floats(0.3, 4.0), shift=st.floats(-1.0, 1.0), bins=st.integers(3, 60))
def test_integrals_over_sky_and_distance_are_kept(noisy: xr.Dataset, cell: float, shift: float, bins: int) -> None:
    columns, rows = int(np.ceil(48 / cell)) + 2, int(np.ceil(11 / cell)) + 2
    low_l, low_b = 257 - cell + shift * cell / 2, -5 - cell + shift * cell / 2
    grid = Grid(low_l, low_l + columns * cell, low_b, low_b + rows * cell, cell)
    found = regrid(noisy, grid, np.linspace(0, 10.0, bins + 1))
    assert on_the_sky(found, found["coverage"].values) == pytest.approx(on_the_sky(noisy), rel=1e-6)
    assert found["coverage"].max() <= 1 + 1e-9


def test_the_same_grid_changes_nothing_and_edges_in_common_keep_the_profile(carina: xr.Dataset) -> None:
    grid = Grid(257, 303, -5, 5, 1.0)
    same = regrid(carina, grid)
    np.testing.assert_allclose(same["delta_A_V"], carina["delta_A_V"], rtol=1e-9, atol=1e-12)
    coarse = regrid(carina, grid, np.array([0.0, 0.25, 2.0, 10.0]))
    expected = carina["delta_A_V"].astype(float).cumsum("distance").values
    np.testing.assert_allclose(coarse["A_V"][..., 1], expected[..., 19], rtol=1e-9)
    np.testing.assert_allclose(coarse["A_V"][..., 0], expected[..., 1] + (expected[..., 2] - expected[..., 1]) / 2)


def test_a_grid_across_zero_is_the_same_sky(carina: xr.Dataset) -> None:
    turned = regrid(carina, Grid(257 - 360, 303 - 360, -5, 5, 1.0))
    np.testing.assert_allclose(turned["delta_A_V"], carina["delta_A_V"], rtol=1e-6, atol=1e-9)


def test_what_is_not_there_is_refused(carina: xr.Dataset) -> None:
    with pytest.raises(InputError, match="edges from 0 to 30 kpc leave the cube, which has 0 to 10 kpc"):
        regrid(carina, Grid(257, 303, -5, 5, 1.0), np.array([0.0, 30.0]))
    with pytest.raises(InputError, match="meet none of the cube"):
        regrid(carina, Grid(100, 110, -5, 5, 1.0))
