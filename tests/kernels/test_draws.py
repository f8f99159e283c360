"""The counter-based draws: known answers, distributions, and independence of order."""

import numpy as np
import pytest
from scipy import stats

from milkyway_cnn.kernels import draws


def test_bits_are_those_of_splitmix64():
    # First outputs of SplitMix64 from state 1234567 (Vigna's reference program): the state advances before use.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [int(draws.bits(np.uint64(1234567), np.uint64(n + 1))) for n in range(4)] == expected


def test_uniforms_fill_the_open_interval_evenly():
    u = draws.uniforms(draws.keys(1, np.arange(1000)), 0, 100)
    assert u.dtype == np.float32
    assert u.min() > 0.0
    assert u.max() < 1.0
    assert stats.kstest(u.ravel().astype(float), "uniform").pvalue > 1e-3


def test_normals_are_standard_and_their_pair_independent():
    key = np.uint64(5)
    z = np.array([draws.normal(np.uint64(draws.bits(key, np.uint64(i)))) for i in range(50_000)])
    assert stats.kstest(z[:, 0], "norm").pvalue > 1e-3
    assert stats.kstest(z[:, 1], "norm").pvalue > 1e-3
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.02


@pytest.mark.parametrize("mean", [0.0, 0.3, 4.0, 29.0, 31.0, 5000.0])
def test_poisson_has_its_mean_and_variance(mean):
    out = np.array([draws.poisson(mean, key) for key in draws.keys(7, np.arange(30_000))])
    error = np.sqrt(max(mean, 1e-9) / out.size)
    assert out.min() >= 0
    assert abs(out.mean() - mean) <= 5 * error
    assert out.var() == pytest.approx(mean, rel=0.05, abs=1e-9)


def test_a_key_depends_on_its_whole_path_and_not_on_the_batch():
    numbers = np.arange(50)
    keys = draws.keys(3, 1, 2, numbers)
    assert np.array_equal(keys[10:20], draws.keys(3, 1, 2, numbers[10:20]))
    for other in (draws.keys(4, 1, 2, numbers), draws.keys(3, 0, 2, numbers), draws.keys(3, 1, 0, numbers)):
        assert not np.intersect1d(keys, other).size
