from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.extinction.diffuse import diffuse_dust
from milkyway_cnn.extinction.dust import MockDust
from milkyway_cnn.sightlines import distance_edges, galactocentric

EDGES = distance_edges()


@pytest.fixture(scope="module")
def dust():
    return MockDust(seed=1)


def test_without_arms_and_clouds_it_is_the_diffuse_disc():
    dust = MockDust(between_arms=1.0, in_arms=0.0, contrast=0.0)
    fine = (np.arange(12_800) + 0.5) * 1e-3
    expected = diffuse_dust(*galactocentric(30.0, 0.5, fine)).reshape(128, 100).sum(axis=1) * 1e-3
    delta_A_V = dust.integrate(np.array([30.0]), np.array([0.5]), EDGES)
    np.testing.assert_allclose(delta_A_V[0], expected, rtol=2e-3, atol=1e-4)


def test_rays_agree_with_a_plain_sum_of_the_density(dust):
    l, b = np.array([257.3, 284.4, 303.0]), np.array([-1.0, 0.1, 4.9])
    fine = (np.arange(128 * 200) + 0.5) * 5e-4
    delta_A_V = dust.integrate(l, b, EDGES)
    for n in range(3):
        density = dust.density(*galactocentric(l[n], b[n], fine))
        expected = density.reshape(128, 200).mean(axis=1) * 0.1
        np.testing.assert_allclose(delta_A_V[n], expected, rtol=0.1, atol=1e-3)
        np.testing.assert_allclose(delta_A_V[n].cumsum()[4::5], expected.cumsum()[4::5], rtol=0.02)


def test_a_ray_does_not_know_its_neighbors(dust):
    l, b = np.linspace(257, 303, 300), np.linspace(-5, 5, 300)
    all_at_once = dust.integrate(l, b, EDGES)
    assert all_at_once.shape == (300, 128) and all_at_once.dtype == np.float32 and (all_at_once >= 0).all()
    np.testing.assert_array_equal(dust.integrate(l[150:155], b[150:155], EDGES), all_at_once[150:155])
    np.testing.assert_array_equal(MockDust(seed=1).integrate(l[:5], b[:5], EDGES), all_at_once[:5])


def test_coarse_bins_add_up_fine_ones(dust):
    l, b = np.array([270.0, 290.0]), np.array([0.0, 1.0])
    coarse = dust.integrate(l, b, EDGES[::4])
    np.testing.assert_allclose(coarse, dust.integrate(l, b, EDGES).reshape(2, 32, 4).sum(axis=2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_extinction_of_the_carina_field_is_realistic(seed):
    # The diffuse disc alone gives 6.2 mag to the edge at l = 280, b = 0, and 0.7 and 1.0 at b = +5 and -5.
    dust = MockDust(seed)
    l, b = (grid.ravel() for grid in np.meshgrid(np.linspace(277.5, 282.5, 20), np.linspace(-0.5, 0.5, 10)))
    assert 4.5 < dust.integrate(l, b, EDGES)[:, :100].sum(axis=1).mean() < 9
    l = np.linspace(257, 303, 92)
    above, below = (dust.integrate(l, np.full(92, b), EDGES)[:, :100].sum(axis=1).mean() for b in (5.0, -5.0))
    assert 0.4 < above < 1.2 and 0.5 < below < 2.0


def test_the_carina_arm_stands_out(dust):
    # Between its two crossings at l = 290, at 2.2 and 7.8 kpc, there is less dust than on them.
    l, b = (grid.ravel() for grid in np.meshgrid(np.linspace(289, 291, 21), np.linspace(-0.3, 0.3, 7)))
    profile = dust.integrate(l, b, EDGES).mean(axis=0)
    assert profile[18:27].mean() > 2 * profile[38:60].mean()
    assert profile[70:85].mean() > 1.5 * profile[38:60].mean()
