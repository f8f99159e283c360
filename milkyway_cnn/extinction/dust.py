"""A mock Galaxy's dust in three dimensions: the diffuse disc, gathered into spiral arms and torn into clouds."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from milkyway_cnn.extinction.arms import arm_weight
from milkyway_cnn.extinction.clouds import Clouds
from milkyway_cnn.extinction.diffuse import diffuse_dust
from milkyway_cnn.sightlines import galactocentric

__all__ = ["MockDust"]

#: Longest step of an integration along a ray (kpc), and rays handled at once.
_STEP, _RAYS = 0.0125, 128


@dataclass(frozen=True)
class MockDust:
    """Dust of a mock Galaxy: the truth that a map of its mock sky is compared with.

    Extinction per kpc is that of the Besancon model's diffuse disc times (between_arms + in_arms w), with w the
    `arm_weight`, times the relative density of random clouds.

    Parameters
    ----------
    seed
        Of the clouds.
    between_arms, in_arms
        Factors on the diffuse disc [OC]; with the defaults their mean over the disc from 5 to 11 kpc is 1.1.
    contrast
        Standard deviation of the clouds' ln(density); 0 for no clouds.
    """

    seed: int = 0
    between_arms: float = 0.65
    in_arms: float = 2.0
    contrast: float = 1.5

    @cached_property
    def clouds(self) -> Clouds:
        """The random clouds, made when first asked for."""
        return Clouds(self.seed, self.contrast)

    def smooth_density(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Extinction per kpc (mag / kpc of A_V) without clouds at Galactocentric x, y, z (kpc)."""
        return diffuse_dust(x, y, z) * (self.between_arms + self.in_arms * arm_weight(x, y))

    def density(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Extinction per kpc (mag / kpc of A_V) at Galactocentric x, y, z (kpc)."""
        return self.smooth_density(x, y, z) * self.clouds(x, y, z)

    def integrate(self, l: np.ndarray, b: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Extinction that each distance bin adds along rays (mag of A_V): (n, bins) float32.

        Midpoint rule with steps of at most 12.5 pc.

        Parameters
        ----------
        l, b
            Directions (deg): (n,).
        edges
            Distance bin edges (kpc): (bins + 1,).
        """
        width = np.diff(edges).astype(np.float32)
        steps = int(np.ceil(width.max() / _STEP - 1e-4))
        middles = (edges[:-1, None] + width[:, None] * ((np.arange(steps) + 0.5) / steps)).astype(np.float32).ravel()
        delta_A_V = np.empty((len(l), len(width)), np.float32)

        def rays(start: int) -> None:
            some = slice(start, start + _RAYS)
            l_rays, b_rays = (np.asarray(angle[some], np.float32)[:, None] for angle in (l, b))
            density = self.density(*galactocentric(l_rays, b_rays, middles))
            delta_A_V[some] = density.reshape(len(l_rays), len(width), steps).mean(axis=2) * width

        _ = self.clouds  # made before threads ask for it
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(rays, range(0, len(l), _RAYS)))
        return delta_A_V
