"""The forward model against what stars, screens and chance are known to make."""

import numpy as np
import pytest

from milkyway_cnn.expected import bare_of, behind
from milkyway_cnn.extinction.law import ratio
from milkyway_cnn.forward import Modeled, deviance
from milkyway_cnn.galaxy.models import EMBEDDED
from milkyway_cnn.judgment import Judgment
from milkyway_cnn.sightlines import distance_edges
from milkyway_cnn.surveys.diagrams import DIAGRAMS

KIND, EDGES, AREA = DIAGRAMS["2mass"], distance_edges(40, 0.25), 0.25


@pytest.fixture(scope="module")
def modeled():
    return Modeled.towards([KIND], 285.0, 1.0, EDGES, "RL85", 3.1, 1, EMBEDDED, 1.0)


def screen(distance: float, A_V: float) -> np.ndarray:
    profile = np.zeros(len(EDGES) - 1, np.float32)
    profile[np.searchsorted(EDGES, distance) - 1] = A_V
    return profile


def test_the_deviance_of_chance_is_about_one_a_pixel():
    random = np.random.default_rng(1)
    expected = np.full((400, 400), 30.0)
    assert deviance(random.poisson(expected), expected) == pytest.approx(1.0, abs=0.02)
    counts = np.array([[0, 3], [1, 2]])
    by_hand = [2 * 1.5, 2 * (3 * np.log(3 / 2.0) - 1.0), 0.0, 2 * (2 * np.log(2 / 4.0) + 2.0)]
    assert deviance(counts, np.array([[1.5, 2.0], [1.0, 4.0]])) == pytest.approx(np.mean(by_hand))


def test_the_same_stars_make_the_bare_diagram(modeled):
    np.testing.assert_array_equal(modeled.bare[0], bare_of(KIND, 285.0, 1.0, 1.0, seed=1))


def test_nothing_is_told_of_what_lies_behind_a_wall(modeled):
    free, thin, wall = modeled.horizons(np.stack([screen(2.1, A_V) for A_V in (0.0, 3.0, 300.0)]), AREA)
    # The wall is in the bin from 2 kpc on; the last stars seen are in the one before, and tell up to its near edge.
    assert wall == pytest.approx(1.75) and wall < thin <= free == pytest.approx(10.0)
    fewer = modeled.horizons(screen(2.1, 3.0)[None], AREA / 50)
    assert fewer[0] < thin


def test_the_dust_that_made_a_diagram_deviates_least(modeled):
    true = screen(1.1, 4.0)
    other = Modeled.towards([KIND], 285.0, 1.0, EDGES, "RL85", 3.1, 2, EMBEDDED, 1.0)
    stars, area = other.stars[0], other.area[0]
    image = behind(KIND, stars, stars.behind(EDGES, true, 0.2, seed=5), area, seed=5) * AREA
    counts = np.random.default_rng(1).poisson(image)
    found = [modeled.differences(counts, profile, AREA) for profile in (true, screen(1.1, 2.5), screen(4.1, 4.0))]
    deviances, excesses = np.exp(found).T
    assert deviances[0] < 0.9 * deviances[1] and deviances[0] < 0.9 * deviances[2]
    assert excesses[0] == pytest.approx(1.0, abs=0.03) and excesses[1] < 0.95 * excesses[0]


def test_colors_off_by_three_tenths_of_a_magnitude_are_doubted_and_honest_ones_are_not(modeled):
    """Read with errors of 5 %, and, where colors are off, with the near dust that a network would take them for."""
    rng = np.random.default_rng(2)
    other = Modeled.towards([KIND], 285.0, 1.0, EDGES, "RL85", 3.1, 3, EMBEDDED, 1.0)
    stars, pixels = other.stars[0], round(0.3 / 0.1)
    near = 0.3 / (ratio("J") - ratio("Ks"))

    def judged(count: int, shift: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found, counted, dust = np.empty((count, 2)), np.empty(count), np.empty(count)
        for number in range(count):
            true = (rng.gamma(0.5, 0.2, 40) * rng.uniform(0.3, 2.0)).astype(np.float32)
            A_V = stars.behind(EDGES, true, 0.2, seed=number)
            image = rng.poisson(behind(KIND, stars, A_V, other.area[0], seed=number) * AREA)
            image = np.roll(image, shift, axis=1)
            read = true * rng.lognormal(0.0, 0.05)
            read[0] = max(read[0] + np.sign(shift) * near, 0.0)
            found[number] = modeled.differences(image, read, AREA)
            counted[number], dust[number] = image.sum(), read.sum()
        return found, counted, dust

    judgment = Judgment.of(*judged(160))
    assert np.mean(judgment(*judged(60)) > 1) < 0.05
    for shift in (-pixels, pixels):
        assert np.mean(judgment(*judged(20, shift)) > 1) > 0.7
