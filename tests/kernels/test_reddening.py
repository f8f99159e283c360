"""Extinction at a distance against linear interpolation."""

import numpy as np
import pytest

from milkyway_cnn.kernels import reddening


@pytest.mark.parametrize("distance", [0.0, 0.05, 0.1, 0.37, 1.0, 3.0, 99.0])
def test_extinction_is_linear_between_edges_and_constant_beyond(distance):
    edges = np.arange(11) * 0.1
    A_V = np.array([0, 0, 1, 1.5, 1.5, 2, 4, 4.5, 7, 7, 8], np.float32)
    found = reddening.extinction_at(A_V, np.float32(10.0), np.float32(distance))
    assert found == pytest.approx(np.interp(distance, edges, A_V), abs=1e-5)
