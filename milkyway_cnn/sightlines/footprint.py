"""How far a map reaches on the sky and from the Sun."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["Footprint"]


@dataclass(frozen=True)
class Footprint:
    """Borders of a map.

    Parameters
    ----------
    name
        Of the map.
    l, b
        Corners of its border on the sky (deg), to be joined by straight lines in l and b; none for the whole sky.
    plane
        Longitudes (deg) from and to which it covers the Galactic plane, the first the lower one.
    reach
        Distance at which it ends (kpc); inf for a map without distances.
    """

    name: str
    l: tuple[float, ...]
    b: tuple[float, ...]
    plane: tuple[float, float]
    reach: float = np.inf

    @classmethod
    def of_region(cls, name: str, region: tuple[float, float, float, float], reach: float = np.inf) -> Footprint:
        """Border of l_min, l_max, b_min, b_max (deg)."""
        l_min, l_max, b_min, b_max = region
        return cls(
            name, (l_min, l_max, l_max, l_min, l_min), (b_min, b_min, b_max, b_max, b_min), (l_min, l_max), reach
        )

    def outline(self, step: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
        """Places l, b (deg) along the border, at most `step` apart in either."""
        parts = []
        for start, end in pairwise(zip(self.l, self.b, strict=True)):
            steps = max(int(np.ceil(max(abs(end[0] - start[0]), abs(end[1] - start[1])) / step)), 1)
            parts.append(np.linspace(start, end, steps, endpoint=False))
        points = np.concatenate([*parts, [(self.l[-1], self.b[-1])]]) if self.l else np.empty((0, 2))
        return points[:, 0], points[:, 1]
