"""Mock profiles: reproducible, positive, under their envelope, and as often empty or free as asked."""

import numpy as np
import pytest

from milkyway_cnn.extinction.diffuse import LOCAL_GRADIENT, diffuse_dust
from milkyway_cnn.extinction.profiles import ProfilePrior, cumulative, draw_profiles, envelope
from milkyway_cnn.kernels import draws, fields
from milkyway_cnn.sightlines import distance_edges, galactocentric

EDGES = distance_edges()
MODES = fields.basis(EDGES.size - 1)


def _draw(n, prior=None, first=0, l=280.0, b=0.0):
    row = envelope(l, b, EDGES)
    keys = draws.keys(1, np.arange(first, first + n))
    return draw_profiles(keys, np.tile(row, (n, 1)), EDGES, prior or ProfilePrior(), MODES)


# Integrated A_V that the Besancon model prints in the headers of its own output.
@pytest.mark.parametrize(("l", "b", "reach", "published"), [(30.0, 0.0, 27.85, 13.651), (10.62, -0.38, 48.0, 11.8)])
def test_the_diffuse_dust_integrates_to_the_besancon_models_extinction(l, b, reach, published):
    distance = (np.arange(10_000) + 0.5) * reach / 10_000
    total = diffuse_dust(*galactocentric(l, b, distance)).sum() * reach / 10_000
    assert total == pytest.approx(published, rel=0.01)


def test_the_envelope_starts_with_the_local_gradient_and_sums_to_the_integral():
    row = envelope(280.0, 0.0, EDGES)
    assert row[0] == pytest.approx(LOCAL_GRADIENT * 0.1, rel=0.02)
    assert row.sum() == pytest.approx(6.2, rel=0.02)


def test_a_profile_depends_on_its_number_alone():
    np.testing.assert_array_equal(_draw(20)[5:9], _draw(4, first=5))


def test_profiles_are_finite_float32_and_never_negative():
    profiles = _draw(2000)
    assert profiles.dtype == np.float32
    assert np.isfinite(profiles).all()
    assert profiles.min() == 0.0


def test_the_asked_share_is_exactly_empty():
    n = 20_000
    empty = np.count_nonzero(_draw(n, ProfilePrior(empty=0.1)).sum(axis=1) == 0.0)
    assert empty / n == pytest.approx(0.1, abs=0.01)


def test_totals_follow_the_prior():
    physical = _draw(4000, ProfilePrior(free_share=0.0, clouds=0.0, empty=0.0, scatter=0.3)).sum(axis=1)
    log = np.log10(physical / envelope(280.0, 0.0, EDGES).sum())
    assert log.min() == pytest.approx(-0.3, abs=0.01)
    assert log.max() == pytest.approx(0.3, abs=0.01)
    free = _draw(4000, ProfilePrior(free_share=1.0, clouds=0.0, empty=0.0, free_total=(0.5, 30.0))).sum(axis=1)
    assert np.median(free) == pytest.approx(np.sqrt(0.5 * 30.0), rel=0.1)


def test_clouds_come_in_the_asked_number_and_place():
    prior = ProfilePrior(free_share=0.0, clouds=1.0, cloud_A_V=(1e4, 1.0001e4), cloud_distance=(3.0, 3.01), empty=0.0)
    profiles = _draw(5000, prior)
    number = np.rint(profiles.sum(axis=1) / 1e4)
    assert number.mean() == pytest.approx(1.0, abs=0.05)
    assert np.all(np.isin(profiles[number > 0].argmax(axis=1), (29, 30)))


def test_cumulative_starts_at_the_sun_and_ends_with_the_total():
    profiles = _draw(10)
    edges = cumulative(profiles)
    assert edges.shape == (10, EDGES.size)
    assert not edges[:, 0].any()
    np.testing.assert_allclose(edges[:, -1], profiles.sum(axis=1), rtol=1e-5)
