"""Diagrams of observed and modeled stars."""

import numpy as np
import pytest

from milkyway_cnn import diagrams
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.sightlines import Grid
from milkyway_cnn.surveys.read import Catalog


@pytest.fixture
def catalog():
    rng = np.random.default_rng(1)
    n = 20_000
    magnitudes = {band: rng.uniform(5, 17, n).astype(np.float32) for band in ("J", "H", "Ks")}
    magnitudes["H"][::10] = np.nan
    errors = {f"{band}_error": np.full(n, 0.03, np.float32) for band in ("J", "H", "Ks")}
    return Catalog(rng.uniform(279.5, 282.5, n), rng.uniform(-1.0, 0.4, n), magnitudes | errors)


def test_every_star_of_a_cell_is_accounted_for(catalog):
    grid = Grid(280.0, 282.0, -1.0, 0.0, 0.5)
    observed = diagrams.observe_cells(catalog, grid)
    on_grid = (catalog.l >= 280) & (catalog.l < 282) & (catalog.b >= -1) & (catalog.b < 0)
    total = observed["stars"] + observed["outside"] + observed["faint"]
    assert int(total.sum()) == np.count_nonzero(on_grid)
    assert observed["diagram"].dims == ("b", "l", "magnitude", "color")
    assert observed["diagram"].dtype == np.uint16
    assert int(observed["diagram"].sum()) == int(observed["stars"].sum())

    i, j = 1, 2
    here = on_grid & (np.floor((catalog.l - 280) / 0.5) == j) & (np.floor((catalog.b + 1) / 0.5) == i)
    safe = here & (catalog["J"] < 15.8) & (catalog["Ks"] < 14.3) & np.isfinite(catalog["H"])
    assert int(observed["stars"][i, j] + observed["outside"][i, j]) == np.count_nonzero(safe)


def test_coverage_is_the_share_of_filled_parts(catalog):
    grid = Grid(279.0, 283.0, -1.0, 0.5, 0.5)
    coverage = diagrams.observe_cells(catalog, grid)["coverage"]
    np.testing.assert_allclose(coverage.sel(l=279.25), 0.0)
    np.testing.assert_allclose(coverage.sel(l=280.25, b=[-0.75, -0.25]), 1.0)
    assert coverage.sel(l=280.25, b=0.25).item() == pytest.approx(0.8)  # the stars end at b = 0.4


def test_a_star_lands_in_the_pixel_of_its_color_and_magnitude():
    star = {"J": 10.75, "H": 10.3, "Ks": 10.0}
    values = {name: np.array([value], np.float32) for name, value in star.items()}
    values |= {f"{name}_error": np.array([0.03], np.float32) for name in star}
    catalog = Catalog(np.array([10.1]), np.array([0.1]), values)
    observed = diagrams.observe_cells(catalog, Grid(10.0, 10.5, 0.0, 0.5, 0.5))
    pixel = observed["diagram"].sel(color=0.75, magnitude=10.0, method="nearest")
    assert pixel.item() == 1


def test_the_bare_diagram_holds_the_model_stars():
    area = 0.5
    stars = synthesize(280.0, 2.0, area, seed=1)
    image = diagrams.bare_diagram(stars, area, seed=1)
    assert image.shape == (64, 64)
    assert image.sum() == pytest.approx(diagrams.star_density(stars, area), rel=0.05)


def test_crowding_ends_the_survey_earlier():
    _, half, _ = diagrams.survey_parameters(np.array([1_000.0, 100_000.0]))
    np.testing.assert_allclose(half[0] - half[1], 1.0, atol=1e-5)


def test_what_was_saved_is_read_when_it_is_needed_and_without_dask(catalog, tmp_path):
    observed = diagrams.observe_cells(catalog, Grid(280.0, 281.0, -1.0, 0.0, 0.5))
    diagrams.save(observed, tmp_path / "diagrams.zarr")
    loaded = diagrams.load(tmp_path / "diagrams.zarr")
    assert loaded.chunks == {}
    assert loaded["stars"].sum().item() == observed["stars"].sum().item()
