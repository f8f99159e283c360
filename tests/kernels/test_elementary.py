"""Elementary functions by arithmetic alone against those of NumPy and SciPy."""

import numpy as np
from numba import njit
from scipy import special, stats

from milkyway_cnn.kernels import draws
from milkyway_cnn.kernels._elementary import exponential, normal_quantile


@njit
def _each(function, x, out):
    for i in range(x.size):
        out[i] = function(x[i])


def each(function, x):
    out = np.empty(x.size, np.float32)
    _each(function, x, out)
    return out.astype(float)


def test_the_exponential_is_that_of_numpy():
    x = np.linspace(-85.0, 85.0, 200_001).astype(np.float32)
    relative = np.abs(each(exponential, x) / np.exp(x.astype(float)) - 1.0)
    assert relative.max() < 5e-6
    assert relative[np.abs(x) < 20.0].max() < 2e-6
    assert exponential(np.float32(0.0)) == 1.0
    assert 0.0 < exponential(np.float32(-1e30)) < 1e-37
    assert 1e37 < exponential(np.float32(1e30)) < np.inf


def test_the_normal_quantile_is_that_of_scipy():
    x = ((np.arange(65536) + 0.5) / 32768 - 1.0).astype(np.float32)
    z, expected = each(normal_quantile, x), special.ndtri((1.0 + x.astype(float)) / 2.0)
    assert np.abs(special.ndtr(z) - (1.0 + x.astype(float)) / 2.0).max() < 5e-5
    assert np.abs(z - expected)[np.abs(expected) < 3.0].max() < 0.007
    assert np.abs(z - expected).max() < 0.02
    assert (np.diff(z) > 0.0).all()
    np.testing.assert_array_equal(z, -z[::-1])


def test_the_four_parts_of_a_word_are_independent_normals():
    words = [np.uint64(draws.bits(np.uint64(3), np.uint64(i))) for i in range(40_000)]
    z = np.array([[draws.rough_normal(word, place) for place in range(4)] for word in words])
    assert all(stats.kstest(column, "norm").pvalue > 1e-3 for column in z.T)
    assert np.abs(np.corrcoef(z.T) - np.eye(4)).max() < 0.02
    assert np.abs(np.corrcoef((z**2).T) - np.eye(4)).max() < 0.02
