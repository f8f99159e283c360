"""Known dust, through the counts that it makes, back to the dust."""

import numpy as np
import pytest

from milkyway_cnn.ensemble import Read
from milkyway_cnn.expected import behind
from milkyway_cnn.extinction.profiles import MockProfiles, ProfilePrior
from milkyway_cnn.forward import Modeled
from milkyway_cnn.galaxy.models import EMBEDDED
from milkyway_cnn.kernels import draws
from milkyway_cnn.refinement import LogDensity, Refinement
from milkyway_cnn.samples import Randomization
from milkyway_cnn.sightlines import distance_edges
from milkyway_cnn.surveys.diagrams import DIAGRAMS

KIND, EDGES, AREA, BINS = DIAGRAMS["2mass"], distance_edges(100, 0.1), 0.25, 100
PRIOR = ProfilePrior(contrast=(1.0, 1.2), scatter=0.2, free_share=0.0, clouds=0.0, empty=0.0)


@pytest.fixture(scope="module")
def modeled():
    return Modeled.towards([KIND], 285.0, 1.0, EDGES, "RL85", 3.1, 1, EMBEDDED, 4.0)


@pytest.fixture(scope="module")
def skies():
    """True profiles, and what one sees through them of stars that the model does not hold."""
    profiles = MockProfiles([(285.0, 1.0)], EDGES, PRIOR).draw(draws.keys(3, np.arange(24)), np.zeros(24, np.int64))
    other = Modeled.towards([KIND], 285.0, 1.0, EDGES, "RL85", 3.1, 2, EMBEDDED, 8.0)
    stars, random, images = other.stars[0], np.random.default_rng(1), []
    for number, profile in enumerate(profiles[:, :BINS]):
        A_V = stars.behind(EDGES, profile, 0.2, seed=number)
        images.append(random.poisson(behind(KIND, stars, A_V, other.area[0], seed=number) * AREA))
    return profiles[:, :BINS], np.array(images)


def read(profiles):
    spread = np.zeros((len(profiles), BINS), np.float32)
    return Read(
        profiles.astype(np.float32),
        spread,
        spread,
        np.ones((len(profiles), 3)),
        np.empty((len(profiles), 0)),
        spread[:, :0],
    )


def test_dust_is_found_again_within_the_errors_that_are_told(modeled, skies):
    true, images = skies
    begun = read(true * np.random.default_rng(2).lognormal(0.0, 0.15, (24, 1)))  # off by 10 %, as a hasty network is
    found = Refinement(10, PRIOR, Randomization()).towards(modeled)(images, begun, AREA, 400)
    at = [19, 39, 59]
    total, own = np.cumsum(true, axis=1), np.cumsum(found.delta_A_V, axis=1)
    before, after = (np.abs(np.cumsum(each.delta_A_V, axis=1) - total)[:, at] / total[:, at] for each in (begun, found))
    assert (np.median(after, axis=0) < [0.05, 0.03, 0.025]).all() and np.median(after) < 0.4 * np.median(before)
    off = (own - total)[:, at] / np.sqrt(found.A_V_variance[:, at])
    assert 0.6 < np.sqrt(np.mean(off**2)) < 1.6
    # Draws scatter as the variance says.
    assert found.A_V_draws.shape == (24, 400, BINS)
    scattered = found.A_V_draws.std(axis=1)[:, at] / np.sqrt(found.A_V_variance[:, at])
    assert 0.95 < np.median(scattered) < 1.05


def test_without_stars_the_prior_is_left(modeled):
    density = LogDensity.towards(285.0, 1.0, EDGES, PRIOR, 1)
    begun = read(np.full((1, BINS), 0.4))
    found = Refinement(10, PRIOR, Randomization()).towards(modeled)(np.zeros((1, 64, 64), np.uint16), begun, 1e-6)
    np.testing.assert_allclose(np.log(found.delta_A_V[0]), density.mean[:BINS], atol=0.1)


def test_a_refinement_goes_through_json():
    own = Refinement(7, PRIOR, Randomization(beam=0.3))
    told = own.describe()
    assert Refinement.of(told["steps"], told) == own
