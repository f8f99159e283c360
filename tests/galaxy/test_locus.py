from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.galaxy.locus import R_I, panstarrs_magnitude

# r-i, g-r, i-z, z-y, z-J of the knots of Tonry et al. 2012 that are used.
KNOTS = [
    (-0.2, -0.19, -0.110, -0.050, 0.48),
    (0.0, 0.15, -0.030, -0.025, 0.70),
    (0.4, 0.97, 0.200, 0.095, 1.14),
    (0.6, 1.16, 0.295, 0.140, 1.22),
]


@pytest.mark.parametrize(("r_i", "g_r", "i_z", "z_y", "z_J"), KNOTS)
def test_locus_goes_through_its_knots(r_i, g_r, i_z, z_y, z_J):
    g, r, i, z, y = (float(panstarrs_magnitude(band, 10.0, r_i)) for band in "grizy")
    assert [g - r, r - i, i - z, z - y, z - 10.0] == pytest.approx([g_r, r_i, i_z, z_y, z_J], abs=1e-9)


def test_stars_beyond_the_locus_are_put_on_its_ends():
    for band in "grizy":
        blue, red = (panstarrs_magnitude(band, 10.0, end) for end in R_I)
        np.testing.assert_array_equal(panstarrs_magnitude(band, 10.0, np.array([-1.0, 3.0])), [blue, red])
