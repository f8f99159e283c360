"""Cones and HEALPix pixels against plain geometry, and the stars of cells of any kind."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Cones, Grid, Healpix, cells_of, star_lists

CONES = Cones(((0.0, 0.0), (100.0, 88.0), (359.0, -40.0)), 1.5)
PIXELS = Healpix.within((-5, 10, -6, 6), 32)
GRID = Grid(350, 370, -5, 5, 0.5)


def positions(n: int = 20_000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    l = np.concatenate([rng.uniform(-10, 400, n), rng.normal(100, 60, n), rng.normal(0, 3, n)])
    b = np.concatenate([rng.uniform(-90, 90, n), rng.uniform(84, 90, n), rng.normal(0, 3, n)])
    return l, b


def test_a_cone_holds_what_is_near_its_axis():
    l, b = positions()
    separation = SkyCoord(l, b, unit="deg").separation(SkyCoord(CONES.l, CONES.b, unit="deg")[:, None]).deg
    expected = np.where(separation.min(axis=0) <= 1.5, separation.argmin(axis=0), -1)
    clear = np.abs(separation - 1.5).min(axis=0) > 1e-9
    np.testing.assert_array_equal(CONES.cell_index(l, b)[clear], expected[clear])
    assert (np.bincount(expected + 1)[1:] > 0).all()


def test_parts_of_a_cone_have_one_area():
    rng = np.random.default_rng(3)
    l, b = rng.uniform(0, 360, 400_000), np.degrees(np.arcsin(rng.uniform(np.sin(np.radians(86)), 1, 400_000)))
    cell, part = CONES.cells_and_parts(l, b)
    counts = np.bincount(part[cell == 1], minlength=CONES.parts)
    assert np.abs(counts / counts.mean() - 1).max() < 5 / np.sqrt(counts.mean())
    assert CONES.solid_angle[1] == pytest.approx(np.pi * 1.5**2, rel=1e-3)


def test_healpix_pixels_agree_with_astropy_healpix():
    from astropy import units as u
    from astropy_healpix import HEALPix

    l, b = positions()
    numbers = HEALPix(32, order="nested").lonlat_to_healpix(l * u.deg, b * u.deg)
    cell = PIXELS.cell_index(l, b)
    np.testing.assert_array_equal(cell >= 0, np.isin(numbers, PIXELS.pixels))
    np.testing.assert_array_equal(np.array(PIXELS.pixels)[cell[cell >= 0]], numbers[cell >= 0])
    np.testing.assert_array_equal(PIXELS.cell_index(PIXELS.l, PIXELS.b), np.arange(len(PIXELS.pixels)))
    assert Healpix.within((0, 360, 0.01, 90), 64).solid_angle.sum() == pytest.approx(41252.96 / 2, rel=0.01)
    assert Healpix(1, range(12)).solid_angle.sum() == pytest.approx(41252.96, abs=0.01)


@pytest.mark.parametrize("cells", [GRID, CONES, PIXELS])
def test_outlines_are_around_the_cells(cells):
    outlines = cells.outlines()
    assert len(outlines) == np.prod(cells.shape)
    middle = outlines.mean(axis=1)
    if cells is not CONES:  # one of them is near the pole
        np.testing.assert_array_equal(cells.cell_index(*middle.T), np.arange(len(outlines)))
        assert np.ptp(outlines[..., 0]) < 25
    corners = SkyCoord(*outlines[:, 0].T, unit="deg")
    centers = SkyCoord(*outlines[:, len(outlines[0]) // 2].T, unit="deg")
    assert (corners.separation(centers).deg < 4).all()


@pytest.mark.parametrize("cells", [GRID, CONES, PIXELS])
def test_star_lists_hold_each_star_once(cells):
    l, b = positions()
    lists = star_lists(cells, l, b)
    cell = cells.cell_index(l, b)
    assert len(lists) == np.prod(cells.shape)
    assert sum(map(len, lists)) == np.count_nonzero(cell >= 0)
    for n, rows in enumerate(lists):
        np.testing.assert_array_equal(rows, np.flatnonzero(cell == n))


@pytest.mark.parametrize("cells", [GRID, CONES, PIXELS])
def test_a_description_makes_the_cells_again(cells):
    assert cells_of(cells.description()) == cells


@pytest.mark.parametrize("cells", [GRID, CONES, PIXELS])
def test_missing_positions_are_in_no_cell(cells):
    assert (cells.cell_index(np.array([np.nan, 0.0, np.nan]), np.array([0.0, np.nan, np.nan])) == -1).all()


def test_what_holds_no_sky_is_refused():
    with pytest.raises(InputError, match=r"around \(0.0, 0.0\) and \(1.0, 0.0\) overlap"):
        Cones(((0, 0), (1, 0)), 0.6)
    with pytest.raises(InputError, match="0 cones of radius 1 deg hold no sky"):
        Cones((), 1)
    with pytest.raises(InputError, match="l=0, b=91 deg is not on the sky"):
        Cones(((0, 91),), 1)
    with pytest.raises(InputError, match=r"nside \(=12\) must be a power of two"):
        Healpix(12, (0,))
    with pytest.raises(InputError, match="ascending numbers from 0 to 47"):
        Healpix(2, (3, 3))
    with pytest.raises(InputError, match="no HEALPix pixel of nside 1 has its center"):
        Healpix.within((1, 2, 1, 2), 1)


@given(st.integers(0, 6), st.floats(0, 359), st.floats(0.1, 300), st.floats(-89, 80), st.floats(0.1, 100))
def test_pixels_of_a_region_have_their_centers_there(order, l_min, width, b_min, height):
    region = (l_min, l_min + min(width, 359.9), b_min, min(b_min + height, 90.0))
    try:
        pixels = Healpix.within(region, 2**order)
    except InputError:
        return
    assert ((pixels.l - l_min) % 360 <= region[1] - l_min + 1e-9).all()
    assert ((pixels.b >= b_min) & (pixels.b <= region[3])).all()
