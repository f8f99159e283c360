from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, replace

import numpy as np
import pytest

from milkyway_cnn.constants import R_SUN, Z_SUN
from milkyway_cnn.galaxy.density import Warp, density
from milkyway_cnn.galaxy.models import BESANCON_2003


def test_every_component_is_one_at_the_sun():
    np.testing.assert_allclose(density(BESANCON_2003, R_SUN, 0.0, Z_SUN)[:9], np.ones(9), rtol=1e-2)
    flat = replace(BESANCON_2003, warp=Warp(north=0.0, south=0.0))
    np.testing.assert_allclose(density(flat, R_SUN, 0.0, Z_SUN)[:9], np.ones(9), rtol=1e-12)


def test_local_mass_is_the_published_sum():
    assert sum(disc.mass_density for disc in BESANCON_2003.thin) == pytest.approx(0.039477, abs=1e-6)


def test_discs_end_and_the_spheroid_goes_on():
    beyond = density(BESANCON_2003, 14.5, 0.0, 0.0)
    assert (beyond[:8] == 0).all()
    assert beyond[8] > 0


def test_older_classes_are_thicker():
    flat = replace(BESANCON_2003, warp=Warp(north=0.0, south=0.0))
    heights = density(flat, R_SUN, 0.0, np.array([0.0, 0.5]))
    assert (np.diff(heights[:8, 1] / heights[:8, 0]) > 0).all()


def test_thick_disc_is_smooth_at_its_junction():
    (thick,) = BESANCON_2003.thick
    below, at, above = thick.profile(R_SUN, np.array([0.3999, 0.4, 0.4001]))
    assert below - at == pytest.approx(at - above, rel=1e-3)


def test_warp_rises_towards_l_90_and_sinks_towards_l_270():
    height = np.linspace(-1.5, 1.5, 301)
    north = density(BESANCON_2003, 0.0, 12.0, height)[3]
    south = density(BESANCON_2003, 0.0, -12.0, height)[3]
    assert height[north.argmax()] == pytest.approx(0.18 * 3.6, abs=0.01)
    assert height[south.argmax()] == pytest.approx(-0.18 * 3.6, abs=0.01)


def test_shapes_broadcast():
    assert density(BESANCON_2003, np.zeros((4, 1)), np.ones(3), 0.0).shape == (10, 4, 3)


def test_model_is_frozen_data():
    assert asdict(BESANCON_2003)["thin"][6]["axis_ratio"] == 0.0791
    with pytest.raises(FrozenInstanceError):
        BESANCON_2003.edge = 15.0


def test_bulge_is_densest_in_the_center_and_its_near_end_is_at_positive_longitudes():
    at = np.array([0.0, 1.0])
    center, along = density(BESANCON_2003, at * np.cos(0.1937), at * np.sin(0.1937), 0.0)[9]
    across = density(BESANCON_2003, at * np.cos(0.1937), -at * np.sin(0.1937), 0.0)[9, 1]
    assert center == 1.0
    assert along == pytest.approx(np.exp(-0.5 / 1.59**2), rel=1e-3)
    assert across < along
    assert density(BESANCON_2003, R_SUN, 0.0, Z_SUN)[9] < 1e-12
