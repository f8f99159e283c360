"""The mock sky against the star lists and the dust that it was made from."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import pytest

from milkyway_cnn import cube
from milkyway_cnn.extinction.dust import MockDust
from milkyway_cnn.extinction.law import A_J, A_KS
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.sightlines import Grid, distance_edges
from milkyway_cnn.surveys import twomass
from milkyway_cnn.surveys.read import read_catalog
from milkyway_cnn.validation import observe_mock_sky, star_seed

GRID = Grid(284.0, 285.0, -0.5, 0.5, 0.5)
REGION = (284.0, 285.0, -0.5, 0.5)


@dataclass
class Screen:
    """A dust model with one sheet at 50 pc, of A_V = `near` in the lower half of every degree in l, else `far`."""

    near: float
    far: float

    def integrate(self, l, b, edges):
        delta_A_V = np.zeros((len(l), len(edges) - 1), np.float32)
        delta_A_V[:, 0] = np.where(l % 1 < 0.5, self.near, self.far)
        return delta_A_V


def observe(tmp_path, near=0.0, far=0.0, **options):
    truth = observe_mock_sky(GRID, tmp_path / "sky.fits", seed=1, dust=Screen(near, far), **options)
    return read_catalog(tmp_path / "sky.fits", region=REGION), truth


def stars_of(grid):
    """The stars of a grid as the Galaxy has them."""
    lists = [
        synthesize(l, b, area, seed=star_seed(1, column, row), faintest_J=16.0, faintest_Ks=14.5)
        for row, (b, area) in enumerate(zip(grid.b, grid.solid_angle, strict=True))
        for column, l in enumerate(grid.l)
    ]
    return {band: np.concatenate([getattr(stars, band) for stars in lists]) for band in ("J", "H", "Ks")}


def test_the_same_seed_writes_the_same_bytes_on_any_number_of_threads(tmp_path, monkeypatch):
    truth = observe_mock_sky(GRID, tmp_path / "first.fits", seed=7)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    again = observe_mock_sky(GRID, tmp_path / "second.fits", seed=7)
    other = observe_mock_sky(GRID, tmp_path / "third.fits", seed=8)
    assert (tmp_path / "first.fits").read_bytes() == (tmp_path / "second.fits").read_bytes()
    assert truth.identical(again)
    assert not truth.equals(other)


def test_the_sky_does_not_hold_the_stars_that_the_chain_models_with_the_same_seed():
    seed, l, b = 1, GRID.l[0], GRID.b[0]
    sky = synthesize(l, b, 0.25, seed=star_seed(seed, 0, 0))
    model = synthesize(l, b, 0.25, seed=seed)
    assert np.intersect1d(sky.distance, model.distance).size < 0.01 * len(sky)


def test_the_truth_is_the_mean_over_the_rays_of_a_cell(tmp_path):
    dust, edges = MockDust(seed=3), distance_edges()
    truth = observe_mock_sky(GRID, tmp_path / "sky.fits", seed=1, dust=dust, rays=2)
    l, b = np.meshgrid([284.625, 284.875], [-0.375, -0.125])
    expected = dust.integrate(l.ravel(), b.ravel(), edges).mean(axis=0)
    cell = truth.sel(l=284.75, b=-0.25)
    np.testing.assert_allclose(cell["delta_A_V"], expected, rtol=1e-5)
    np.testing.assert_allclose(cell["A_V"], expected.cumsum(), rtol=1e-5)
    assert truth["A_V"].dims == ("b", "l", "distance") and truth["A_V"].attrs["units"] == "mag"
    assert truth.attrs["seed"] == 1 and "MockDust(seed=3" in truth.attrs["dust"]
    cube.save(truth, tmp_path / "truth.zarr")
    assert cube.load(tmp_path / "truth.zarr").identical(truth)


def test_without_dust_the_catalog_holds_the_stars_as_complete_as_the_survey(tmp_path):
    catalog, truth = observe(tmp_path)
    assert not truth["A_V"].values.any()
    stars = stars_of(GRID)
    density = np.count_nonzero((stars["J"] < 15.8) & (stars["Ks"] < 14.3)) / GRID.solid_angle.sum() / 2
    for band, faint in (("J", 15.5), ("H", 15.0), ("Ks", 14.3)):
        expected = twomass.completeness(stars[band][stars[band] < faint], band, density).sum()
        found = np.count_nonzero(catalog[band] < faint)
        assert found == pytest.approx(expected, abs=4 * np.sqrt(expected))
        bright = catalog[band] < 12
        np.testing.assert_allclose(catalog[f"{band}_error"][bright], 0.022, atol=0.003)


def test_errors_are_those_of_the_survey(tmp_path):
    catalog, _ = observe(tmp_path)
    stars = stars_of(GRID)
    order, true_order = np.argsort(catalog["Ks"]), np.argsort(stars["Ks"])
    # Counts between bright limits change only by noise: the two distributions agree to a hundredth of a magnitude.
    observed, true = catalog["Ks"][order], stars["Ks"][true_order]
    for quantile in (0.01, 0.05, 0.2):
        n = int(quantile * len(true))
        assert observed[n] == pytest.approx(true[n], abs=0.05)
    np.testing.assert_allclose(catalog["J_error"], twomass.magnitude_error(catalog["J"], "J"), rtol=0.5)


def test_positions_fill_the_cells_evenly(tmp_path):
    catalog, _ = observe(tmp_path)
    counts, _, _ = np.histogram2d(catalog.l, catalog.b, bins=10, range=[REGION[:2], REGION[2:]])
    assert counts.sum() == len(catalog) == catalog.report.rows
    expected = counts.mean(axis=0)
    assert ((counts - expected) ** 2 / expected).sum() < 90 + 5 * np.sqrt(180)
    first_half = catalog.l[: len(catalog) // 4] < 284.25  # of a strip: rows are in no order
    assert first_half.mean() == pytest.approx(0.5, abs=0.05)


def test_extinction_dims_and_reddens_each_half_of_a_cell_by_its_own_rays(tmp_path):
    grid = Grid(284.25, 284.75, -0.25, 0.25, 0.5)
    truth = observe_mock_sky(grid, tmp_path / "sky.fits", seed=1, dust=Screen(0.0, 5.0))
    assert truth["A_V"].isel(distance=-1).item() == pytest.approx(2.5)
    catalog = read_catalog(tmp_path / "sky.fits")
    stars = stars_of(grid)
    assert catalog.report.masked["J"]["upper limit"] > 10
    assert not any(masks["missing"] for masks in catalog.report.masked.values())
    color = catalog["J"] - catalog["Ks"]
    true_color = stars["J"] - stars["Ks"]
    near = catalog.l < 284.5
    bright = np.median(color[near & (catalog["Ks"] < 12)])
    assert bright == pytest.approx(np.median(true_color[stars["Ks"] < 12]), abs=0.02)
    reddened = np.median(color[~near & (catalog["Ks"] < 12 + 5 * A_KS)])
    assert reddened - bright == pytest.approx(5 * (A_J - A_KS), abs=0.03)
    ratio = np.count_nonzero(near & (catalog["Ks"] < 12)) / np.count_nonzero(~near & (catalog["Ks"] < 12 + 5 * A_KS))
    assert ratio == pytest.approx(1, abs=0.15)


def test_a_grid_across_zero_is_written_from_0_to_360(tmp_path):
    grid = Grid(359.5, 360.5, 4.5, 5.0, 0.5)
    observe_mock_sky(grid, tmp_path / "sky.fits", seed=1, dust=Screen(1.0, 1.0), faintest_J=13.0, faintest_Ks=12.0)
    catalog = read_catalog(tmp_path / "sky.fits")
    assert ((catalog.l >= 0) & (catalog.l < 360)).all()
    assert ((catalog.l > 359.5) | (catalog.l < 0.5)).all()
    assert len(read_catalog(tmp_path / "sky.fits", region=(359.5, 360.5, 4.5, 5.0))) == len(catalog)


def test_progress_counts_cells_and_an_interrupt_leaves_nothing(tmp_path):
    done: list[int] = []
    observe(tmp_path, faintest_J=12.0, faintest_Ks=11.0, on_cells=done.append)
    assert sum(done) == 4

    def interrupt(cells):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        observe_mock_sky(GRID, tmp_path / "other.fits", seed=1, dust=Screen(0, 0), on_cells=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["sky.fits"]


def test_the_law_of_the_dust_is_a_choice(tmp_path):
    colors = {}
    for law in ("RL85", "F04"):
        seen, _ = observe(tmp_path, 4.0, 4.0, law=law)
        colors[law] = np.nanmedian(seen["J"] - seen["Ks"])
    assert colors["F04"] - colors["RL85"] == pytest.approx(4.0 * (0.1556 - (A_J - A_KS)), abs=0.02)


def test_the_sky_may_be_that_of_an_output_of_the_besancon_model(tmp_path, besancon_output):
    grid = Grid(280.0, 280.5, 0.0, 0.5, 0.5)
    for name, options in (("own", {}), ("other", {"galaxy": str(besancon_output)})):
        observe_mock_sky(grid, tmp_path / f"{name}.fits", seed=1, dust=Screen(0.0, 0.0), **options)
    own, other = (read_catalog(tmp_path / f"{name}.fits") for name in ("own", "other"))
    assert len(other) == pytest.approx(2 * len(own), rel=0.1)  # it holds twice as many stars
