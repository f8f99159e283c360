from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.galaxy.corrections import clump_mass, clump_shifts, pace

LOG_L = np.linspace(0.5, 3.4, 2901)


def at(mass, metallicity=0.0):
    return pace(LOG_L, np.full(LOG_L.shape, mass), np.full(LOG_L.shape, metallicity))


@pytest.mark.parametrize("metallicity", [-0.8, 0.0])
def test_low_masses_only_linger_at_the_bump(metallicity):
    found = at(1.1, metallicity)
    assert LOG_L[found.argmax()] == pytest.approx(1.55 - 0.30 * metallicity, abs=0.001)
    assert np.trapezoid(found - 1.0, LOG_L) == pytest.approx(0.25, abs=1e-3)


def test_massive_giants_are_fast_before_a_higher_bump_and_slow_beyond():
    found = at(1.7)
    assert found[0] == pytest.approx(0.22, abs=0.01)
    assert found[-1] == pytest.approx(2.5, abs=0.01)
    assert LOG_L[found.argmax()] > 1.75


def test_nothing_jumps_with_the_mass():
    masses = np.arange(1.3, 2.0, 0.005)
    assert np.abs(np.diff([at(m) for m in masses], axis=0)).max() < 0.25


def test_the_clump_is_that_of_heavier_stars_where_helium_may_or_may_not_flash():
    np.testing.assert_allclose(clump_mass(np.array([1.0, 1.9, 3.0])), [1.0, 2.0, 3.0])


def test_clump_shifts_fade_with_the_mass():
    mass = np.array([1.2, 2.0, 4.0])
    fainter, hotter = clump_shifts(np.zeros(3), mass, np.zeros(3))
    np.testing.assert_allclose(fainter, [-0.1, -0.055, 0.0])
    np.testing.assert_allclose(hotter, [0.012, 0.012, 0.0])
    narrower, _ = clump_shifts(np.full(3, 0.2), mass, np.zeros(3))
    np.testing.assert_allclose(narrower - fainter, [-0.15, -0.15, 0.0])
