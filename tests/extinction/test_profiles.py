"""Mock profiles: reproducible, positive, under their envelope, and as often empty or free as asked."""

import numpy as np
import pytest

from milkyway_cnn.extinction.arms import arm_weight
from milkyway_cnn.extinction.diffuse import LOCAL_GRADIENT, diffuse_dust
from milkyway_cnn.extinction.profiles import (
    MockProfiles,
    ProfilePrior,
    cumulative,
    envelope,
    gaussian_cloud,
    through_knots,
)
from milkyway_cnn.kernels import draws
from milkyway_cnn.sightlines import distance_edges, galactocentric

EDGES = distance_edges()


def _draw(n, prior=None, first=0, l=280.0, b=0.0):
    mock = MockProfiles([(l, b)], EDGES, prior or ProfilePrior())
    return mock.draw(draws.keys(1, np.arange(first, first + n)), np.zeros(n, int))[:, : mock.bins]


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


def test_dust_goes_on_behind_the_last_bin_to_the_edge_of_the_galaxy():
    prior = ProfilePrior(free_share=0.0, clouds=0.0, empty=0.0, scatter=0.0)
    mock = MockProfiles([(280.0, 0.0), (280.0, 5.0)], distance_edges(40, 0.1), prior)
    assert mock.bins == 40
    assert mock.all_edges[-1] == pytest.approx(12.5, abs=0.3)
    profiles = mock.draw(draws.keys(1, np.arange(4000)), np.arange(4000) % 2)
    assert profiles.shape == (4000, mock.all_edges.size - 1)
    near = profiles[:, :40].sum(axis=1)
    np.testing.assert_allclose(near, mock.envelopes[np.arange(4000) % 2, :40].sum(axis=1), rtol=1e-4)
    # Behind the bins there is as much dust as the smooth disc holds, within what structure does to a mean of ratios.
    smooth = mock.envelopes[0, 40:].sum() / mock.envelopes[0, :40].sum()
    assert np.median(profiles[::2, 40:].sum(axis=1) / near[::2]) == pytest.approx(smooth, rel=0.2)
    # Latitude 5 deg leaves the dust within the bins.
    assert mock.envelopes[1, 40:].sum() < 0.01


@pytest.mark.parametrize(("bins", "width"), [(8, 1.0), (31, 0.37), (1024, 0.0125)])
def test_any_number_and_width_of_bins(bins, width):
    edges = distance_edges(bins, width)
    mock = MockProfiles([(290.0, 0.0)], edges, ProfilePrior(free_share=0.0, clouds=0.0, empty=0.0, scatter=0.0))
    profiles = mock.draw(draws.keys(1, np.arange(50)), np.zeros(50, int))
    np.testing.assert_allclose(profiles[:, :bins].sum(axis=1), envelope(290.0, 0.0, edges).sum(), rtol=1e-3)


def test_clouds_lie_on_arms_when_asked():
    l, b = 300.0, 0.0
    on_arms = {}
    for share in (0.0, 1.0):
        prior = ProfilePrior(clouds=5.0, cloud_A_V=(1e4, 1.1e4), cloud_arms=share, empty=0.0)
        profiles = _draw(2000, prior, l=l, b=b)
        middle = 0.5 * (EDGES[:-1] + EDGES[1:])
        x, y, _ = galactocentric(l, b, middle)
        on_arms[share] = np.average(arm_weight(x, y), weights=profiles.sum(axis=0))
    assert on_arms[1.0] > 1.5 * on_arms[0.0]


def test_a_cloud_holds_its_extinction_where_it_is() -> None:
    edges = distance_edges(64, 0.1)
    made = gaussian_cloud(edges, 2.05, 0.05, 3.0)
    assert made.dtype == np.float32 and made.sum() == pytest.approx(3.0, rel=1e-4) and made.argmax() == 20


def test_knots_are_joined_by_lines_in_any_order() -> None:
    edges = distance_edges(10, 1.0)
    np.testing.assert_allclose(
        through_knots(edges, np.array([4.0, 0.0]), np.array([4.0, 0.0])), [0.5, 1.5, 2.5, 3.5] + [4.0] * 6
    )
    between = through_knots(edges, np.array([2.5, 3.5, 4.5]), np.array([0.0, 1.0, -1.0]))  # a triangle within the bins
    np.testing.assert_allclose(between[[2, 3, 4]], [0.125, 0.75, 0.125], atol=1e-6)
    assert between.sum() == pytest.approx(1.0)
