"""The information horizon: the distance behind which too few stars are seen to tell of dust there.

Our choice: a star is seen while its true magnitudes, dimmed, are brighter than the limits of the diagram; noise and
incompleteness are left out, and so is chance: what counts is the number of stars that is expected.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from milkyway_cnn.backend import HOST, home
from milkyway_cnn.kernels import profiles as kernel

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
    least: float = LEAST_STARS,
    *,
    brightening: np.ndarray | None = None,
    reach: np.ndarray | None = None,
) -> np.ndarray:
    """Distance (kpc) of the far edge of the last bin behind which at least so many stars are seen; 0 if of none.

    Parameters
    ----------
    A_V
        Extinction at the bin edges: (n, bins + 1), on the host or on a card.
    visible, sightline
        `visible_stars` of sightlines, (sightlines, bins, levels), and which of them each row belongs to, (n,).
    edges
        (bins + 1,).
    least
        Stars.
    brightening
        Factor of the number of stars of each row: (n,) float32.
    reach
        Distances (n,) float32 that are raised where these are farther, and returned.

    Returns
    -------
    (n,) float32. Stars in the last bin count as behind it.
    """
    place = home(A_V)
    if reach is None:
        reach = place.zeros((len(A_V),), np.float32)
    if brightening is None:
        brightening = np.ones(len(A_V), np.float32)
    if place is HOST:
        A_V, visible, edges = (np.ascontiguousarray(array, np.float32) for array in (A_V, visible, edges))
    kernel.horizon(A_V, place.keep(visible), sightline, place.keep(edges), LEVELS[1], least, brightening, reach)
    return reach
