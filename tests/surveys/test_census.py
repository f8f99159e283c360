"""Counts, crowding and completeness of cells against stars of which they are known."""

import numpy as np
import pytest

from milkyway_cnn import plots
from milkyway_cnn.sightlines import Cones, Grid, Healpix
from milkyway_cnn.surveys import twomass
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.census import census

GRID = Grid(10.0, 12.0, -1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def stars() -> Catalog:
    """Counts that grow by 10^0.3 a magnitude until the survey ends; ten times as many beyond l = 11 deg."""
    rng = np.random.default_rng(1)
    l = np.concatenate([rng.uniform(10, 11, 20_000), rng.uniform(11, 12, 200_000)])
    Ks = (16.5 + np.log10(rng.random(l.size)) / 0.3).astype(np.float32)
    columns = {"J": Ks + np.float32(0.7), "H": Ks + np.float32(0.1), "Ks": Ks}
    crowd = np.where(l < 11, 2_200.0, 22_000.0)
    for band, values in columns.items():
        lost = rng.random(l.size) > twomass.completeness(values, band, crowd)
        values[lost] = np.nan
    columns |= {f"{band}_error": np.full(l.size, 0.03, np.float32) for band in ("J", "H", "Ks")}
    return Catalog(l, rng.uniform(-1, 1, l.size), columns)


@pytest.mark.parametrize("cells", [GRID, Cones(((10.5, 0.0), (11.5, 0.0)), 0.4), Healpix.within((10, 12, -1, 1), 64)])
def test_stars_are_counted_where_they_are(stars, cells):
    counted = census(stars, cells)
    cell = cells.cell_index(stars.l, stars.b)
    expected = np.bincount(cell[cell >= 0], minlength=int(np.prod(cells.shape)))
    np.testing.assert_array_equal(counted["stars"].values.ravel(), expected)
    for band in ("J", "H", "Ks"):
        seen = (cell >= 0) & np.isfinite(stars[band])
        detected = counted["detected"].sel(band=band).values.ravel()
        np.testing.assert_array_equal(detected, np.bincount(cell[seen], minlength=expected.size))
    assert counted["turnover"].dims == (*cells.dims, "band") and counted["turnover"].attrs["units"] == "mag"
    plots.census(counted)


def test_a_crowd_costs_depth(stars):
    counted = census(stars, GRID)
    accepted = (stars["J"] < 15.8) & (stars["Ks"] < 14.3) & np.isfinite(stars["H"])
    density = np.array([np.count_nonzero(accepted & (stars.l < 11)), np.count_nonzero(accepted & (stars.l >= 11))]) / 2
    np.testing.assert_allclose(counted["star_density"].mean("b"), density, rtol=0.02)
    crowding = counted["crowding"].sel(band="Ks").mean("b").values
    np.testing.assert_allclose(crowding, twomass.confusion_shift(density), atol=0.03)
    assert crowding[0] == 0 < 0.1 < crowding[1]
    half = counted["half"].sel(band="Ks").mean("b").values
    np.testing.assert_allclose(half, 15.75 - crowding, atol=0.02)
    # The catalog tells it as well: counts turn over just before half of the stars are lost.
    turnover = counted["turnover"].sel(band="Ks").mean("b").values
    np.testing.assert_allclose(turnover, half - 0.1, atol=0.5)
    assert turnover[1] < turnover[0]
    assert (counted["completeness"].sel(band="J") > 0.99).all()
    assert np.isnan(counted["completeness"].sel(band="H")).all()  # the diagram has no limit there


def test_few_stars_do_not_tell_where_they_end(stars):
    few = stars.select(slice(0, 150))
    assert np.isnan(census(few, GRID)["turnover"]).all()
