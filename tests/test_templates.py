"""Expected diagrams and their derivatives against stars that are dimmed one by one, and against finite differences."""

import numpy as np
import pytest

from milkyway_cnn.expected import behind
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.surveys.diagrams import DIAGRAMS
from milkyway_cnn.templates import Ranked

AREA, EDGES = 2.0, np.arange(0, 81) * 0.1
A_V = np.interp(EDGES, [0, 2, 8], [0, 2.0, 4.0])
LAW = {"law": "RL85", "R_V": 3.1}


@pytest.fixture(scope="module")
def stars():
    return synthesize(285.0, 1.0, AREA, seed=1)


@pytest.fixture(scope="module")
def made(stars):
    return Ranked.of(DIAGRAMS["2mass"], stars, AREA, seed=1, **LAW).templates(EDGES, np.stack([0.4 * A_V, 3 * A_V + 1]))


def whole(made, part):
    image = np.zeros(made.axes.pixels**2)
    image[made.pixels] = part
    return image.reshape(made.axes.pixels, -1)


@pytest.mark.parametrize("scatter", [0.0, 0.3])
def test_the_diagram_behind_a_profile_is_that_of_stars_dimmed_one_by_one(made, stars, scatter):
    told = made.behind(np.interp(made.distance, EDGES, A_V), scatter)
    dimmed = stars.behind(EDGES, np.diff(A_V).astype(np.float32), scatter, seed=3)
    image = behind(DIAGRAMS["2mass"], stars, dimmed, AREA, seed=3)
    assert told.mean.sum() == pytest.approx(image.sum(), rel=0.01)
    # Coarser pixels, in which chance is small beside what the dust does.
    coarse = [each.reshape(16, 4, 16, 4).sum(axis=(1, 3)) for each in (whole(made, told.mean), image)]
    off = (coarse[0] - coarse[1])[coarse[1] > 50] * AREA / np.sqrt(coarse[1][coarse[1] > 50] * AREA)
    assert np.sqrt(np.mean(off**2)) < 2.0


def test_derivatives_are_those_of_finite_differences(made):
    at, step = np.interp(made.distance, EDGES, A_V), made.spacing
    told = made.behind(at, 0.2)
    for n in (12, 25, 40):
        moved = [made.behind(at + sign * step * (np.arange(len(at)) == n), 0.2).mean for sign in (1, -1)]
        found = (moved[0] - moved[1]) / (2 * step)
        assert np.corrcoef(found, told.by_A_V[n])[0, 1] > 0.97
    wider, narrower = (made.behind(at, scatter).mean for scatter in (0.25, 0.15))
    assert np.corrcoef((wider - narrower) / 0.1, told.by_scatter)[0, 1] > 0.97
    moved = np.roll(whole(made, told.mean), 1, axis=1) - np.roll(whole(made, told.mean), -1, axis=1)
    width = made.axes.centers()["color"][1] - made.axes.centers()["color"][0]
    inside = (made.pixels % 64 > 0) & (made.pixels % 64 < 63)
    expected = (moved / (2 * width)).ravel()[made.pixels]
    np.testing.assert_allclose(told.by_color[inside], expected[inside], rtol=1e-4, atol=1e-2)


def test_another_survey_has_templates_too():
    kind = DIAGRAMS["gaia"] if "gaia" in DIAGRAMS else next(k for name, k in DIAGRAMS.items() if name != "2mass")
    stars = synthesize(285.0, 1.0, 0.02, seed=1, faintest=dict(kind.faintest))
    some = np.interp(EDGES, [0, 8], [0, 1.0])
    made = Ranked.of(kind, stars, 0.02, seed=1, **LAW).templates(EDGES, np.stack([0.9 * some, 1.1 * some]))
    told = made.behind(np.interp(made.distance, EDGES, some), 0.0)
    dimmed = stars.behind(EDGES, np.diff(some).astype(np.float32), 0.0, seed=3)
    assert told.mean.sum() == pytest.approx(behind(kind, stars, dimmed, 0.02, seed=3).sum(), rel=0.05)
