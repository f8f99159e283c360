"""Where falling polynomials take given values: bisection, element by element."""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._twin import exact_loop, prange

__all__ = ["where_polynomial_falls_to"]


@exact_loop
def _bisect_cpu(coefficients, value, low, high, halvings, out):
    for i in prange(out.size):
        a0, a1, a2, a3, a5 = coefficients[:, i]
        left, right = low, high
        for _ in range(halvings):
            x = 0.5 * (left + right)
            if a0 + x * (a1 + x * (a2 + x * (a3 + x * x * a5))) > value[i]:
                left = x
            else:
                right = x
        out[i] = 0.5 * (left + right)


def where_polynomial_falls_to(
    value: np.ndarray, coefficients: np.ndarray, between: tuple[float, float], halvings: int = 20
) -> np.ndarray:
    """Find x between two ends at which a0 + a1 x + a2 x^2 + a3 x^3 + a5 x^5 falls to `value`.

    Parameters
    ----------
    value
        Any shape, float64.
    coefficients
        a0, a1, a2, a3, a5 of each element: (5, *value.shape) float64.
    between
        Ends of the search; where the polynomial does not reach the value between them, the nearer end comes out.
    halvings
        Of the search, so that x is wrong by at most the width / 2^(halvings + 1).

    Returns
    -------
    x, of the shape of `value`, float64.
    """
    if coefficients.shape != (5, *value.shape):
        msg = f"coefficients {coefficients.shape} must hold 5 numbers for each element of value {value.shape}"
        raise ValueError(msg)
    out = np.empty(value.size)
    _bisect_cpu(coefficients.reshape(5, -1), value.ravel(), *between, halvings, out)
    return out.reshape(value.shape)
