from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.kernels.photometry import completeness, magnitude_error


@pytest.mark.parametrize("magnitude", [8.0, 12.5, 14.3, 16.0])
def test_error_is_the_floor_and_the_background_added_in_quadrature(magnitude):
    expected = np.sqrt(0.02**2 + (0.109 * 10 ** (0.4 * (magnitude - 14.3))) ** 2)
    error = magnitude_error(np.float32(magnitude), np.float32(14.3), np.float32(0.02))
    assert error == pytest.approx(expected, rel=1e-5)


def test_completeness_is_half_at_its_magnitude_and_falls():
    arguments = np.float32(15.2), np.float32(0.15)
    assert completeness(np.float32(15.2), *arguments) == pytest.approx(0.5)
    assert completeness(np.float32(14.3), *arguments) == pytest.approx(1 / (1 + np.exp(-6)), rel=1e-5)
    assert completeness(np.float32(19.0), *arguments) < 1e-6
