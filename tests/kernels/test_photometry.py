from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.kernels.photometry import magnitude_error, stars_per_found


@pytest.mark.parametrize("magnitude", [8.0, 12.5, 14.3, 16.0])
def test_error_is_the_floor_and_the_background_added_in_quadrature(magnitude):
    expected = np.sqrt(0.02**2 + (0.109 * 10 ** (0.4 * (magnitude - 14.3))) ** 2)
    error = magnitude_error(np.float32(magnitude), np.float32(14.3), np.float32(0.02))
    assert error == pytest.approx(expected, rel=1e-5)


def test_half_of_the_stars_are_found_at_their_magnitude_and_nearly_all_well_above():
    arguments = np.float32(15.2), np.float32(0.15)
    assert stars_per_found(np.float32(15.2), *arguments) == 2.0
    assert stars_per_found(np.float32(14.3), *arguments) == pytest.approx(1 + np.exp(-6), rel=1e-5)
    assert stars_per_found(np.float32(19.0), *arguments) > 1e6
