"""Extinction at a star's distance, from the cumulative profile of its sightline."""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._twin import body

__all__ = ["extinction_at"]


@body
def extinction_at(cumulative, bins_per_kpc, distance):
    """A_V (mag) at `distance` (kpc), linear between the bin edges and constant beyond the last.

    `cumulative` is A_V at the edges of equal bins from the Sun outwards: (bins + 1,).
    """
    x = distance * bins_per_kpc
    last = cumulative.size - 1
    if x >= np.float32(last):
        return cumulative[last]
    k = int(x)
    return cumulative[k] + (x - np.float32(k)) * (cumulative[k + 1] - cumulative[k])
