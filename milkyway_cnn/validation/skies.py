"""Dust of the mock skies; all have the `integrate` of `extinction.dust.MockDust`, as `observe_mock_sky` wants it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import xarray as xr

from milkyway_cnn.cube import CubeQuery
from milkyway_cnn.extinction.dust import MockDust

__all__ = ["SKIES", "Checkerboard", "CubeDust", "Dust", "Screen"]


class Dust(Protocol):
    """What a mock sky is seen through."""

    def integrate(self, l: np.ndarray, b: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Extinction that each distance bin adds along rays (mag of A_V): (n, bins) float32."""


@dataclass(frozen=True)
class Screen:
    """One thin screen over all the sky, and nothing else; the defaults are in the manner of the Coalsack.

    Parameters
    ----------
    A_V
        Its extinction (mag); 0 for an empty sky.
    distance
        kpc.
    """

    A_V: float = 3.0
    distance: float = 0.2

    def integrate(self, l: np.ndarray, b: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """All of it in the bin that holds its distance."""
        added = np.zeros((len(l), len(edges) - 1), np.float32)
        added[:, np.searchsorted(edges, self.distance, side="right") - 1] = self.A_V
        return added


@dataclass(frozen=True)
class Checkerboard:
    """The smooth disc, stronger and weaker in turn from square to square: it shows what spills over to neighbors.

    Parameters
    ----------
    side
        Of a square (deg).
    factors
        On the disc's dust, in even and in odd squares.
    """

    side: float = 1.0
    factors: tuple[float, float] = (0.5, 1.5)
    disc: MockDust = field(default_factory=lambda: MockDust(contrast=0.0))

    def odd(self, l: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Whether positions (deg) lie in odd squares."""
        return (np.floor(np.asarray(l) / self.side) + np.floor(np.asarray(b) / self.side)) % 2 > 0

    def integrate(self, l: np.ndarray, b: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """The disc's, times the factor of each ray's square."""
        factor = np.where(self.odd(l, b), self.factors[1], self.factors[0]).astype(np.float32)
        return self.disc.integrate(l, b, edges) * factor[:, None]


@dataclass(frozen=True)
class CubeDust:
    """The dust of a cube, such as another map's; there is none where the cube has no value.

    Parameters
    ----------
    cube
        As `cube.build` makes it.
    """

    cube: xr.Dataset

    def __repr__(self) -> str:
        return f"CubeDust({self.cube.attrs.get('title', 'a cube')})"

    def integrate(self, l: np.ndarray, b: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Steps of the cube's A_V between the edges, along the cell of each ray."""
        from astropy import units as u
        from astropy.coordinates import SkyCoord

        rays = [np.asarray(angle, float)[:, None] * u.deg for angle in (l, b)]
        at = np.maximum(np.asarray(edges, float), 1e-6)[None, :] * u.kpc
        l_rays, b_rays, distance = np.broadcast_arrays(*rays, at, subok=True)
        places = SkyCoord(l_rays, b_rays, distance=distance, frame="galactic")
        A_V = np.nan_to_num(np.asarray(CubeQuery(self.cube)(places)))
        return np.diff(A_V, axis=1).astype(np.float32)


#: Skies by name: each makes its dust of a seed.
SKIES: dict[str, Callable[[int], Dust]] = {
    "disc": MockDust,
    "screen": lambda seed: Screen(),
    "empty": lambda seed: Screen(0.0),
    "checkerboard": lambda seed: Checkerboard(),
}
