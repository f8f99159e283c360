"""Whether an observed diagram differs from the one modeled behind its predicted dust by more than is common.

Two numbers tell the difference: the logarithms of the Poisson deviance and of the stars counted over those modeled. How
large they commonly are depends on the number of stars and on the dust, so each has a mean and a spread that are
functions of both, learned from mock diagrams read by the same networks; together they make Mahalanobis's distance. Its
limit is learned from further mock diagrams, of which 1 % exceed it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Judgment"]

#: Share of mock diagrams beyond the limit, and the least difference that the spread is learned from.
_DOUBTED, _LEAST = 0.01, 1e-3


@dataclass(frozen=True, eq=False)
class Judgment:
    """What differences are common.

    Parameters
    ----------
    center, log_scale
        From 1, ln(stars), ln(1 + A_V) and its square to the mean of each difference and the logarithm of its spread:
        (4, differences).
    inverse
        Inverse covariance of what is left of them, over their spread: (differences, differences).
    limit
        Mahalanobis's distance that 1 % of the diagrams exceed: () float64.
    """

    center: np.ndarray
    log_scale: np.ndarray
    inverse: np.ndarray
    limit: np.ndarray

    @classmethod
    def of(cls, differences: np.ndarray, stars: np.ndarray, A_V: np.ndarray) -> Judgment:
        """Learn from mock diagrams, the means and spreads on every other of them, the limit on those between.

        Parameters
        ----------
        differences
            See `forward.Modeled.differences`: (n, differences).
        stars, A_V
            Stars of each diagram, and the dust predicted for it (mag): (n,).
        """
        x, first = _regressors(stars, A_V), np.arange(len(stars)) % 2 == 0
        center = np.linalg.lstsq(x[first], differences[first], rcond=None)[0]
        off = differences - x @ center
        log_scale = np.linalg.lstsq(x[first], np.log(np.abs(off[first]) + _LEAST), rcond=None)[0]
        left = (off / np.exp(x @ log_scale))[first]
        inverse = np.linalg.pinv(left.T @ left / len(left))
        raw = cls(center, log_scale, inverse, np.array(1.0))
        between = raw(differences[~first], stars[~first], A_V[~first])
        return cls(center, log_scale, inverse, np.quantile(between, 1.0 - _DOUBTED))

    def __call__(self, differences: np.ndarray, stars: np.ndarray, A_V: np.ndarray) -> np.ndarray:
        """Mahalanobis's distance over its limit: (n,)."""
        x = _regressors(stars, A_V)
        left = (differences - x @ self.center) / np.exp(x @ self.log_scale)
        return np.sqrt(np.einsum("ni,ij,nj->n", left, self.inverse, left)) / self.limit


def _regressors(stars: np.ndarray, A_V: np.ndarray) -> np.ndarray:
    dust = np.log1p(np.asarray(A_V, np.float64))
    return np.stack([np.ones(len(dust)), np.log1p(np.asarray(stars, np.float64)), dust, dust**2], axis=1)
