"""The rivals: a screen found by colors, a linear map found by regression, scores beside the map's."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from milkyway_cnn import cube, diagrams, samples
from milkyway_cnn.comparison import rivals
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid, distance_edges, solid_angle
from milkyway_cnn.surveys.read import read_catalog
from milkyway_cnn.validation import observe_mock_sky

EDGES = distance_edges()
GRID = Grid(284.0, 285.0, -0.5, 0.5, 0.5)


class Wall:
    """Dust of so many magnitudes at one distance (kpc)."""

    def __init__(self, A_V: float, distance: float):
        self.A_V, self.distance = A_V, distance

    def integrate(self, l: np.ndarray, b: np.ndarray, edges: np.ndarray) -> np.ndarray:
        delta = np.zeros((len(l), len(edges) - 1), np.float32)
        delta[:, np.searchsorted(edges, self.distance, side="right") - 1] = self.A_V
        return delta


@pytest.fixture(scope="module")
def wall(tmp_path_factory) -> xr.Dataset:
    path = tmp_path_factory.mktemp("wall") / "sky.fits"
    observe_mock_sky(GRID, path, seed=1, dust=Wall(4.0, 2.05))
    return diagrams.observe_cells(read_catalog(path), GRID)


def test_colors_find_how_much_dust_there_is_and_where(wall) -> None:
    observed = wall
    done: list[int] = []
    cells = np.array([[True, False], [True, True]])
    found = rivals.match_colors(observed, EDGES, seed=1, cells=cells, on_cell=done.append)
    assert sum(done) == 3 and np.isnan(found[0, 1]).all()
    A_V = found[cells].cumsum(axis=1)
    assert np.all(found[cells] >= 0)
    np.testing.assert_allclose(A_V[:, 59], 4.0, atol=0.4)
    assert np.all(A_V[:, 9] < 0.6)  # before the wall
    half = EDGES[1:][(A_V < 2.0).sum(axis=1)]
    np.testing.assert_allclose(half, 2.05, atol=0.4)
    np.testing.assert_array_equal(rivals.match_colors(observed, EDGES, seed=1, cells=cells), found)


def test_without_stars_or_the_right_diagram_colors_tell_nothing(wall) -> None:
    observed = wall
    assert np.isnan(rivals.match_colors(observed * 0, EDGES, seed=1)).all()
    with pytest.raises(InputError, match="the diagram 2mass, which is not among gaia"):
        rivals.match_colors(observed.assign_attrs(diagrams=["gaia"]), EDGES, seed=1)


@pytest.fixture(scope="module")
def stream() -> samples.Stream:
    return samples.Stream([(285.0, 0.0)], solid_angle(0.5, np.array([-0.25]), np.array([0.25])), EDGES, seed=1)


def test_the_regression_is_the_weighted_least_squares_with_a_penalty(stream, tmp_path) -> None:
    samples.store(stream, "validation", 32, tmp_path / "v.zarr")
    validation = samples.load(tmp_path / "v.zarr")
    fit = rivals.fit_ridge(stream, validation, 512, penalties=[100.0])
    made = stream.examples(0, 512)
    images = np.stack([made.diagrams, made.bare], axis=1).reshape(512, 2, 16, 4, 16, 4)
    X = np.sqrt(images.sum(axis=(3, 5), dtype=float).reshape(512, -1))
    y = made.delta_A_V.astype(float)
    root = np.sqrt(1 / (1 + y.sum(axis=1, keepdims=True)))
    middle, mean = ((root**2 * each).sum(axis=0) / (root**2).sum() for each in (X, y))
    rows = np.vstack([root * (X - middle), np.sqrt(100.0) * np.eye(X.shape[1])])
    expected = np.linalg.lstsq(rows, np.vstack([root * (y - mean), np.zeros((X.shape[1], y.shape[1]))]))[0]
    found = fit.predict(made.diagrams, made.bare)
    np.testing.assert_allclose(found, mean + (X - middle) @ expected, atol=2e-3)


def test_the_penalty_is_the_one_that_the_validation_sample_likes_best(stream, tmp_path) -> None:
    samples.store(stream, "validation", 64, tmp_path / "v.zarr")
    validation = samples.load(tmp_path / "v.zarr")
    losses = {penalty: rivals.fit_ridge(stream, validation, 256, penalties=[penalty]).loss for penalty in (1.0, 1e4)}
    best = rivals.fit_ridge(stream, validation, 256, penalties=list(losses))
    assert best.loss == pytest.approx(min(losses.values())) and losses[best.penalty] == pytest.approx(best.loss)


def test_the_map_is_scored_on_the_cells_of_each_rival(carina: xr.Dataset) -> None:
    edges = carina["distance_edges"].values
    half = carina["delta_A_V"].values * 1.2
    half[:, ::2] = np.nan
    grid = Grid(257, 303, -5, 5, 1.0)
    ours = cube.build(carina["delta_A_V"].values * 1.1, grid, edges)
    scores = rivals.beside_rivals(ours, carina, {"colors": cube.build(half, grid, edges)})
    assert scores["map_to_colors_4kpc"]["value"] == pytest.approx(0.5, rel=1e-3)
    assert scores["colors_relative_error_4kpc"]["value"] == pytest.approx(0.2, rel=1e-3)
    assert scores["colors_cells"]["value"] == 230
    assert scores["colors_relative_error_4kpc"]["meaning"].startswith("colors: median over cells")


def test_cells_are_spread_evenly() -> None:
    chosen = rivals.spread_cells((20, 92))
    assert 150 < chosen.sum() <= 240 and chosen.any(axis=1).sum() >= 6
    assert rivals.spread_cells((2, 4)).all()
