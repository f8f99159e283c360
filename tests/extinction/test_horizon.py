"""The information horizon against a star-by-star count."""

import numpy as np
import pytest

from milkyway_cnn.extinction.horizon import LEVELS, horizon, tolerance, visible_stars
from milkyway_cnn.sightlines import distance_edges

EDGES = distance_edges(20, 0.5)


@pytest.fixture
def stars():
    rng = np.random.default_rng(1)
    distance = rng.uniform(0.0, 12.0, 3000)
    Ks = rng.uniform(8.0, 14.8, 3000)
    return distance, {"J": Ks + rng.normal(0.6, 0.2, 3000), "Ks": Ks}


def test_a_star_tolerates_what_brings_it_to_the_first_limit():
    magnitudes = {"J": np.array([15.0, 15.0, 16.0]), "Ks": np.array([14.2, 10.0, 10.0])}
    tolerated = tolerance(magnitudes, {"J": 15.8, "Ks": 14.3}, {"J": 0.28, "Ks": 0.11})
    np.testing.assert_allclose(tolerated, [0.1 / 0.11, 0.8 / 0.28, -0.2 / 0.28])


def test_the_horizon_is_where_a_count_of_stars_puts_it(stars):
    distance, magnitudes = stars
    limits, per_A_V = {"J": 15.8, "Ks": 14.3}, {"J": 0.28, "Ks": 0.11}
    tolerated = tolerance(magnitudes, limits, per_A_V)
    visible = visible_stars(distance, tolerated, EDGES)
    assert visible.shape == (20, LEVELS.size)
    assert visible[:, 0].sum() == np.count_nonzero(tolerated >= 0.0)
    gradient = np.array([0.0, 0.4, 1.0, 3.0, 30.0])
    found = horizon(gradient[:, None] * EDGES, visible[None], np.zeros(5, int), EDGES, 50)
    for one, at in zip(gradient, found, strict=True):
        seen = tolerated >= one * distance
        behind = [np.count_nonzero(seen & (distance >= edge)) for edge in EDGES]
        # To a bin: the table knows extinctions at the middles of bins.
        expected = EDGES[max(np.flatnonzero(np.array(behind) >= 50), default=0)]
        assert at == pytest.approx(expected, abs=0.51)
    assert found[0] == 10.0
    assert np.all(np.diff(found) <= 0.0)
    assert found[-1] < 1.0


def test_nothing_is_told_where_no_star_is_seen(stars):
    distance, _ = stars
    visible = visible_stars(distance, np.full(3000, -1.0), EDGES)
    np.testing.assert_array_equal(horizon(np.zeros((2, 21)), visible[None], np.zeros(2, int), EDGES), [0.0, 0.0])
