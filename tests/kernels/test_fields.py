"""Gaussian fields against a plain Fourier sum, and their spectrum."""

import numpy as np
import pytest

from milkyway_cnn.kernels import draws, fields


@pytest.mark.parametrize("ring", [32, 45])
def test_a_field_is_the_sum_of_its_modes(ring):
    points, slope = 16, 1.7
    keys = draws.keys(9, np.arange(3))
    out = np.empty((3, points), np.float32)
    fields.gaussian_fields(keys, 4, np.full(3, slope, np.float32), ring, out)
    k = np.arange(1, (ring - 1) // 2 + 1)
    for row, key in zip(out, keys, strict=True):
        forked = np.uint64(draws.fork(key, np.uint64(4)))
        a = np.array([draws.normal(np.uint64(draws.bits(forked, np.uint64(mode)))) for mode in range(k.size)])
        phase = 2 * np.pi * np.outer(np.arange(points), k) / ring
        amplitude = k ** (-slope / 2)
        expected = (np.cos(phase) * amplitude * a[:, 0] + np.sin(phase) * amplitude * a[:, 1]).sum(axis=1)
        np.testing.assert_allclose(row, expected / np.sqrt(np.sum(amplitude**2)), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("ring", [256, 250, 194])
def test_a_field_is_the_same_to_the_bit_in_any_batch(ring):
    keys, slope = draws.keys(2, np.arange(65)), np.linspace(1.0, 2.5, 65, dtype=np.float32)
    together = np.empty((65, 90), np.float32)
    fields.gaussian_fields(keys, 0, slope, ring, together)
    for part in (slice(7, 8), slice(20, 41)):
        alone = np.empty_like(together[part])
        fields.gaussian_fields(keys[part], 0, slope[part], ring, alone)
        np.testing.assert_array_equal(alone, together[part])


@pytest.mark.parametrize("slope", [1.0, 5 / 3, 2.5])
def test_the_ensemble_has_unit_variance_and_the_asked_slope(slope):
    points, rows = 128, 4000
    out = np.empty((rows, points), np.float32)
    fields.gaussian_fields(draws.keys(1, np.arange(rows)), 0, np.full(rows, slope, np.float32), 2 * points, out)
    assert abs(out.mean()) < 0.05
    assert out.var() == pytest.approx(1.0, abs=0.05)
    # Differences over a lag grow as the structure function of the asked spectrum predicts.
    k = np.arange(1, points)
    power = k**-slope / np.sum(k**-slope)
    for lag in (1, 4, 16):
        expected = 2 * np.sum(power * (1 - np.cos(np.pi * k * lag / points)))
        assert np.mean((out[:, lag:] - out[:, :-lag]) ** 2) == pytest.approx(expected, rel=0.05)


def test_a_misfit_is_refused_before_work():
    with pytest.raises(ValueError, match="do not fit out"):
        fields.gaussian_fields(np.zeros(2, np.uint64), 0, np.zeros(2, np.float32), 8, np.empty((2, 16), np.float32))
