"""The information horizon: the distance behind which too few stars are seen to tell of dust there.

Our choice: a star is seen while its true magnitudes, dimmed, are brighter than the limits of the diagram; noise and
incompleteness are left out, and so is chance: what counts is the number of stars that is expected.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["LEAST_STARS", "LEVELS", "horizon", "tolerance", "visible_stars"]

#: With fewer stars behind a bin its dust is not told.
LEAST_STARS = 20
#: Extinctions A_V (mag) for which `visible_stars` counts.
LEVELS = np.arange(0.0, 60.0, 0.25)


def tolerance(magnitudes: Mapping[str, np.ndarray], faintest: Mapping[str, float], per_A_V: Mapping[str, float]):
    """Largest A_V (mag) behind which each star is brighter than all limits; negative where it never is: (stars,).

    Parameters
    ----------
    magnitudes
        Without dust, by band: (stars,).
    faintest
        Limiting magnitudes of the bands that decide.
    per_A_V
        A_band / A_V.
    """
    return np.min([(limit - magnitudes[band]) / per_A_V[band] for band, limit in faintest.items()], axis=0)


def visible_stars(distance: np.ndarray, tolerated: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Count the stars in each bin that are seen behind each of `LEVELS`: (bins, levels) float32.

    Parameters
    ----------
    distance, tolerated
        Distance (kpc) and `tolerance` of stars: (stars,). Those behind the last edge count into the last bin.
    edges
        Edges of the distance bins (kpc): (bins + 1,).
    """
    place = np.minimum(np.searchsorted(edges, distance, side="right"), edges.size - 1) - 1
    level = np.searchsorted(LEVELS, tolerated, side="right")  # LEVELS[:level] are tolerated
    shape = edges.size - 1, LEVELS.size + 1
    counts = np.bincount(place * shape[1] + level, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float32)
    return np.ascontiguousarray(np.cumsum(counts[:, ::-1], axis=1)[:, -2::-1])


def horizon(
    A_V: np.ndarray,
    visible: np.ndarray,
    sightline: np.ndarray,
    edges: np.ndarray,
    least: float | np.ndarray = LEAST_STARS,
) -> np.ndarray:
    """Distance (kpc) of the far edge of the last bin behind which at least so many stars are seen; 0 if of none.

    Parameters
    ----------
    A_V
        Extinction at the bin edges: (n, bins + 1).
    visible, sightline
        `visible_stars` of sightlines, (sightlines, bins, levels), and which of them each row belongs to, (n,).
    edges
        (bins + 1,).
    least
        Stars, one number or one a row.

    Returns
    -------
    (n,) float32. Stars in the last bin count as behind it.
    """
    middle = np.clip(0.5 * (A_V[:, :-1] + A_V[:, 1:]) / LEVELS[1], 0.0, LEVELS.size - 1.001)
    level = middle.astype(np.int64)
    place = sightline[:, None], np.arange(edges.size - 1)
    low, high = visible[*place, level], visible[*place, level + 1]
    stars = low + (middle - level) * (high - low)
    behind = np.cumsum(stars[:, ::-1], axis=1)[:, ::-1]  # in this bin or farther
    behind = np.concatenate([behind[:, 1:], behind[:, -1:]], axis=1)  # behind its far edge
    informed = np.count_nonzero(behind >= np.reshape(least, (-1, 1)), axis=1)
    return np.asarray(edges, np.float32)[informed]
