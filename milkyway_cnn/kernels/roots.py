"""Where falling polynomials take given values: bisection, element by element."""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._twin import Twin, cuda, each, exact, exact_loop, prange

__all__ = ["where_polynomial_falls_to"]


@exact
def _root(coefficients, i, value, left, right, halvings):
    a0, a1, a2 = coefficients[0, i], coefficients[1, i], coefficients[2, i]
    a3, a5 = coefficients[3, i], coefficients[4, i]
    for _ in range(halvings):
        x = 0.5 * (left + right)
        if a0 + x * (a1 + x * (a2 + x * (a3 + x * x * a5))) > value:
            left = x
        else:
            right = x
    return 0.5 * (left + right)


@exact_loop
def _bisect_cpu(coefficients, value, low, high, halvings, out):
    for i in prange(out.size):
        out[i] = _root(coefficients, i, value[i], low, high, halvings)


def _bisect_cuda(coefficients, value, low, high, halvings, out):
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = _root(coefficients, i, value[i], low, high, halvings)


_bisect = Twin(_bisect_cpu, _bisect_cuda, lambda *arguments: each(arguments[-1].size))


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
    _bisect(coefficients.reshape(5, -1), value.ravel(), *between, halvings, out)
    return out.reshape(value.shape)
