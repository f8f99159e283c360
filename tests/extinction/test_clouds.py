from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from milkyway_cnn.extinction.clouds import Clouds


@pytest.fixture(scope="module")
def clouds():
    return Clouds(seed=3, shape=(128, 128, 64))


def test_the_density_is_log_normal_of_mean_one(clouds):
    logarithm = np.log(clouds.density)
    assert clouds.density.dtype == np.float32
    assert clouds.density.mean(dtype=float) == pytest.approx(1, abs=1e-5)
    assert logarithm.std() == pytest.approx(clouds.contrast, rel=1e-3)
    assert np.mean(((logarithm - logarithm.mean()) / logarithm.std()) ** 3) == pytest.approx(0, abs=0.2)


def test_the_spectrum_is_that_of_kolmogorov_below_the_outer_scale(clouds):
    power = np.abs(np.fft.rfftn(np.log(clouds.density))) ** 2
    kx, ky = (np.fft.fftfreq(n, clouds.voxel) for n in clouds.shape[:2])
    k = np.sqrt(kx[:, None, None] ** 2 + ky[:, None] ** 2 + np.fft.rfftfreq(clouds.shape[2], clouds.voxel) ** 2)
    edges = np.array([4.0, 6.0, 9.0, 13.0])
    mean = [power[(k >= low) & (k < high)].mean() for low, high in pairwise(edges)]
    slope = np.polyfit(np.log(np.sqrt(edges[:-1] * edges[1:])), np.log(mean), 1)[0]
    expected = np.polyfit(np.log(edges), -11 / 6 * np.log(edges**2 + clouds.outer_scale**-2), 1)[0]
    assert slope == pytest.approx(expected, abs=0.1)
    assert power[(k > 0) & (k < 1)].mean() < 8 * power[(k >= 1) & (k < 2)].mean()  # flat above the outer scale


def test_the_density_is_trilinear_and_repeats_itself(clouds):
    h = clouds.voxel
    assert clouds(5 * h, 7 * h, -3 * h) == pytest.approx(clouds.density[5, 7, -3], rel=1e-5)
    middle = clouds.density[5:7, 7:9, 3:5].mean()
    assert clouds(5.5 * h, 7.5 * h, 3.5 * h) == pytest.approx(middle, rel=1e-5)
    across = (clouds.density[127, 0, 0] + clouds.density[0, 0, 0]) / 2
    assert clouds(-0.5 * h, 0.0, 128 * h) == pytest.approx(across, rel=1e-4)
    assert clouds(np.zeros((3, 1)), np.zeros(4), 0.0).shape == (3, 4)


def test_the_seed_is_all():
    small = {"shape": (16, 16, 8)}
    np.testing.assert_array_equal(Clouds(5, **small).density, Clouds(5, **small).density)
    assert (Clouds(5, **small).density != Clouds(6, **small).density).all()
