"""Extinction at a star's distance, from the cumulative profile of its sightline."""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._twin import exact

__all__ = ["extinction_at"]

_ONE = np.uintp(1)


@exact
def extinction_at(cumulative, bins_per_kpc, distance):
    """A_V (mag) at `distance` (kpc), linear between the bin edges and constant beyond the last.

    `cumulative` is A_V at the edges of equal bins from the Sun outwards: (bins + 1,).
    """
    bins = np.int32(cumulative.size - 1)
    x = min(distance * bins_per_kpc, np.float32(bins))
    k = min(np.int32(x), np.int32(bins - 1))
    near = cumulative[np.uintp(k)]
    return near + (x - np.float32(k)) * (cumulative[np.uintp(k) + _ONE] - near)
