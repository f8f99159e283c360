from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.kernels.roots import where_polynomial_falls_to


def falling(rng, shape):
    """Coefficients of polynomials that fall for positive x."""
    return np.stack([rng.uniform(5, 9, shape), *(-rng.uniform(0.1, 1, (4, *shape)))])


@pytest.mark.parametrize("shape", [(), (300,), (20, 30)])
def test_polynomials_take_their_values_at_the_roots(shape):
    a = falling(np.random.default_rng(1), shape)
    x = np.random.default_rng(2).uniform(0.3, 1.4, shape)
    value = np.asarray(a[0] + a[1] * x + a[2] * x**2 + a[3] * x**3 + a[4] * x**5)
    np.testing.assert_allclose(where_polynomial_falls_to(value, a, (0.2, 1.5), 40), x, atol=1e-9)
    np.testing.assert_allclose(where_polynomial_falls_to(value, a, (0.2, 1.5)), x, atol=1.3 / 2**20)


def test_what_is_not_reached_gives_the_nearer_end():
    a = falling(np.random.default_rng(1), (2,))
    np.testing.assert_allclose(where_polynomial_falls_to(np.array([1e3, -1e3]), a, (0.2, 1.5)), [0.2, 1.5], atol=1e-5)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="must hold 5 numbers for each element"):
        where_polynomial_falls_to(np.ones(3), np.ones((4, 3)), (0.0, 1.0))
