"""Regridding keeps integrals, between grids, to HEALPix pixels and over distances."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr
from astropy import units as u
from astropy_healpix import HEALPix
from hypothesis import given, settings
from hypothesis import strategies as st

from milkyway_cnn import cube
from milkyway_cnn.cube.overlap import shared_with_grid, shared_with_healpix
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import SQUARE_DEGREE, Grid


def on_the_sky(dust: xr.Dataset, field: str = "delta_A_V") -> np.ndarray:
    """Integral of a field over the solid angle that has values (mag deg2), for each distance."""
    cells = cube.cells(dust)
    axis, area = cells.areas()
    area = dust["solid_angle"] if "solid_angle" in dust else xr.DataArray(area, dims=axis)
    return (dust[field].astype(float) * area).sum(cells.dims).values


@settings(max_examples=25)
@given(cell=st.floats(0.3, 4.0), shift=st.floats(-1.0, 1.0), bins=st.integers(3, 60))
def test_integrals_over_sky_and_distance_are_kept(noisy: xr.Dataset, cell: float, shift: float, bins: int) -> None:
    columns, rows = int(np.ceil(48 / cell)) + 2, int(np.ceil(11 / cell)) + 2
    low_l, low_b = 257 - cell + shift * cell / 2, -5 - cell + shift * cell / 2
    grid = Grid(low_l, low_l + columns * cell, low_b, low_b + rows * cell, cell)
    found = cube.regrid(noisy, grid, np.linspace(0, 10.0, bins + 1))
    assert on_the_sky(found).sum() == pytest.approx(on_the_sky(noisy).sum(), rel=1e-6)
    assert on_the_sky(found, "A_V")[-1] == pytest.approx(on_the_sky(noisy, "A_V")[-1], rel=1e-6)
    whole = xr.DataArray(grid.solid_angle, dims="b")
    assert float((found["solid_angle"] / whole).max()) <= 1 + 1e-6


@pytest.mark.parametrize("nside", [16, 64, 256])
def test_integrals_are_kept_in_healpix_pixels(noisy: xr.Dataset, nside: int) -> None:
    found = cube.to_healpix(noisy, nside)
    np.testing.assert_allclose(on_the_sky(found), on_the_sky(noisy), rtol=1e-6)
    np.testing.assert_allclose(on_the_sky(found, "A_V"), on_the_sky(noisy, "A_V"), rtol=1e-6)
    coarse = cube.to_healpix(noisy, nside, np.array([0, 0.23, 5.0, 10.0]))
    assert on_the_sky(coarse).sum() == pytest.approx(on_the_sky(noisy).sum(), rel=1e-6)


@pytest.mark.parametrize(
    ("grid", "nside"),
    [(Grid(-180, 180, -90, 90, 7.5), 8), (Grid(0, 360, -90, 90, 30), 1), (Grid(350, 370, 30, 60, 1.5), 32)],
    ids=["all the sky", "coarse", "from equator to pole across l = 0"],
)
def test_pixels_share_with_cells_what_finer_pixels_say(grid: Grid, nside: int) -> None:
    pixels, shared = shared_with_healpix(grid, nside)
    np.testing.assert_allclose(shared.sum(axis=0), np.repeat(grid.solid_angle, grid.shape[1]), rtol=1e-9)
    whole = 4 * np.pi / (12 * nside**2) / SQUARE_DEGREE
    if grid.b_max == 90:
        np.testing.assert_allclose(shared.sum(axis=1), whole, rtol=1e-9)
        assert pixels.tolist() == list(range(12 * nside**2))
    parts = 16
    fine = (pixels[:, None] * parts**2 + np.arange(parts**2)).ravel()
    l, b = HEALPix(nside * parts, order="nested").healpix_to_lonlat(fine)
    cell = grid.cell_index(l.to_value(u.deg), b.to_value(u.deg))
    counted = np.zeros(shared.shape)
    row = np.repeat(np.arange(len(pixels)), parts**2)
    np.add.at(counted, (row[cell >= 0], cell[cell >= 0]), whole / parts**2)
    assert np.abs(counted - shared.toarray()).max() < 0.06 * whole


def test_the_same_grid_changes_nothing_and_edges_in_common_keep_the_profile(carina: xr.Dataset) -> None:
    grid = Grid(257, 303, -5, 5, 1.0)
    same = cube.regrid(carina, grid)
    np.testing.assert_allclose(same["delta_A_V"], carina["delta_A_V"], rtol=1e-6, atol=1e-9)
    coarse = cube.regrid(carina, grid, np.array([0.0, 0.25, 2.0, 10.0]))
    expected = carina["A_V"].values
    np.testing.assert_allclose(coarse["A_V"][..., 1], expected[..., 19], rtol=1e-6)
    np.testing.assert_allclose(coarse["A_V"][..., 0], (expected[..., 1] + expected[..., 2]) / 2, rtol=1e-6)
    np.testing.assert_allclose(coarse["delta_A_V"].sum("distance"), expected[..., -1], rtol=1e-6)


def test_rebinned_from_beyond_the_sun_extinction_still_counts_from_it(carina: xr.Dataset) -> None:
    found = cube.rebin(carina, np.array([2.0, 4.0, 5.0]))
    np.testing.assert_allclose(found["A_V"][..., 0], carina["A_V"][..., 39], rtol=1e-6)
    between = cube.integrate(carina, 4) - cube.integrate(carina, 2)
    np.testing.assert_allclose(found["delta_A_V"][..., 0], between, rtol=1e-5)


def test_a_grid_across_zero_is_the_same_sky(carina: xr.Dataset) -> None:
    turned = cube.regrid(carina, Grid(257 - 360, 303 - 360, -5, 5, 1.0))
    np.testing.assert_allclose(turned["delta_A_V"], carina["delta_A_V"], rtol=1e-6, atol=1e-9)
    assert abs(shared_with_grid(Grid(0, 360, -1, 1, 1.0), Grid(-180, 180, -1, 1, 1.0)).sum(axis=0) - 1).max() < 1e-3


def test_what_stands_beside_extinction_goes_with_it(everything: xr.Dataset) -> None:
    """Four cells make one: flags of any, the nearest horizon, the sum of stars, the mean of all else."""
    grid = Grid(355, 365, -4, 2, 1.0)
    found = cube.regrid(everything, grid)
    assert set(found.data_vars) == {*everything.data_vars, "solid_angle"}
    four = everything.isel(b=slice(2, 4), l=slice(4, 6))
    one = found.isel(b=1, l=2)
    np.testing.assert_array_equal(one["flags"], np.bitwise_or.reduce(four["flags"].values.reshape(4, -1)))
    assert float(one["horizon"]) == pytest.approx(0.6) and one["nearest"] == four["nearest"].max()
    assert float(one["stars"]) == pytest.approx(float(four["stars"].sum()))
    weights = np.repeat(np.cos(np.radians(four["b"].values)), 2)
    for name in ("A_V_std", "A_V_quantiles", "A_V_samples", "delta_A_V_quantiles", "novelty", "coverage"):
        values = four[name].transpose("b", "l", ...).values
        expected = np.average(values.reshape(4, *values.shape[2:]), axis=0, weights=weights)
        np.testing.assert_allclose(one[name], expected, rtol=1e-4)
    part = found.isel(b=0, l=0)
    assert float(part["solid_angle"]) == pytest.approx(0.75 * float(found["solid_angle"][0, 3]), rel=1e-3)
    bins = cube.rebin(everything, np.array([0, 0.25, 1.2]))
    expected = np.bitwise_or.reduce(everything["flags"].values[..., :3], axis=-1)
    np.testing.assert_array_equal(bins["flags"][..., 0], expected)
    assert not {"delta_A_V_std", "delta_A_V_quantiles"} & set(bins.data_vars)


def test_what_is_not_there_is_refused(carina: xr.Dataset, pixels: xr.Dataset) -> None:
    with pytest.raises(InputError, match="edges from 0 to 30 kpc leave the cube, which has 0 to 10 kpc"):
        cube.regrid(carina, Grid(257, 303, -5, 5, 1.0), np.array([0.0, 30.0]))
    with pytest.raises(InputError, match="must ascend"):
        cube.rebin(carina, np.array([1.0, 1.0]))
    with pytest.raises(InputError, match="meet none of the cube"):
        cube.regrid(carina, Grid(100, 110, -5, 5, 1.0))
    with pytest.raises(InputError, match=re.escape("nside (=3) must be a power of two")):
        cube.to_healpix(carina, 3)
    with pytest.raises(InputError, match="the cube has HEALPix pixels"):
        cube.regrid(pixels, Grid(0, 10, -5, 5, 1.0))
