"""Cones: circles on the sky around given directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines.geometry import SQUARE_DEGREE

__all__ = ["Cones"]


@dataclass(frozen=True)
class Cones:
    """Circles of one radius around directions.

    Parameters
    ----------
    directions
        Galactic (l, b) of each (deg).
    radius
        Radius of all (deg).

    Raises
    ------
    InputError
        When there is no direction, one is off the sky, or two cones overlap: their stars would be counted twice.
    """

    directions: tuple[tuple[float, float], ...]
    radius: float

    #: Parts of equal area, three rings of eight, whose filling tells how much of a cone a catalog covers.
    rings, sectors = 3, 8

    def __post_init__(self) -> None:
        directions = tuple((float(l), float(b)) for l, b in self.directions)
        object.__setattr__(self, "directions", directions)
        if not directions or not 0 < self.radius < 90:
            msg = f"{len(directions)} cones of radius {self.radius:g} deg hold no sky; give a direction and 0 < radius"
            raise InputError(msg)
        for l, b in directions:
            if not (np.isfinite(l) and abs(b) <= 90):
                msg = f"the direction l={l:g}, b={b:g} deg is not on the sky; give a finite l and -90 <= b <= 90"
                raise InputError(msg)
        pairs = self._tree().query_pairs(_chord(2 * self.radius) * (1 - 1e-12), output_type="ndarray")
        if len(pairs):
            first, second = (directions[n] for n in pairs[0])
            msg = (
                f"the cones of {self.radius:g} deg around {first} and {second} overlap, and their stars would count"
                " twice; make them smaller or farther apart"
            )
            raise InputError(msg)

    @property
    def shape(self) -> tuple[int]:
        """Number of cones."""
        return (len(self.directions),)

    @property
    def dims(self) -> tuple[str, ...]:
        """Dimension along which the cones lie, in products."""
        return ("sightline",)

    @property
    def l(self) -> np.ndarray:
        """Longitudes of the axes (deg)."""
        return np.array([l for l, _ in self.directions])

    @property
    def b(self) -> np.ndarray:
        """Latitudes of the axes (deg)."""
        return np.array([b for _, b in self.directions])

    @property
    def parts(self) -> int:
        """Number of parts of a cone."""
        return self.rings * self.sectors

    @property
    def solid_angle(self) -> np.ndarray:
        """Solid angle of each cone (square degrees): 2 pi (1 - cos radius)."""
        return np.full(self.shape, 2 * np.pi * (1 - np.cos(np.radians(self.radius))) / SQUARE_DEGREE)

    def areas(self) -> tuple[str, np.ndarray]:
        """Solid angles (square degrees), with the dimension along which they change."""
        return "sightline", self.solid_angle

    def coordinates(self) -> dict[str, tuple[str, np.ndarray]]:
        """Directions of the cones (deg)."""
        return {"l": ("sightline", self.l), "b": ("sightline", self.b)}

    def outlines(self) -> np.ndarray:
        """Points around each cone, l and b (deg): (cones, 36, 2)."""
        from astropy import units as u
        from astropy.coordinates import SkyCoord

        angle = np.arange(0, 360, 10)
        centers = SkyCoord(self.l[:, None], self.b[:, None], unit="deg")
        around = centers.directional_offset_by(angle[None, :] * u.deg, self.radius * u.deg)
        return np.stack([_beside(around.ra.deg, self.l), around.dec.deg], axis=-1)

    def description(self) -> dict[str, list]:
        """Plain values of which `cells_of` makes these cones again."""
        return {"cones": [self.radius, *(value for direction in self.directions for value in direction)]}

    def cell_index(self, l: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Find the cone that holds each position (deg), or -1; (n,) int32."""
        return self.cells_and_parts(l, b)[0]

    def cells_and_parts(self, l: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the cone of each position, or -1, and the part of it: both (n,) int32."""
        l, b = np.asarray(l, float), np.asarray(b, float)
        valid = np.isfinite(l) & np.isfinite(b)
        points = _vectors(np.where(valid, l, 0.0), np.where(valid, b, 0.0))
        chord, cell = self._tree().query(points, distance_upper_bound=_chord(self.radius) * (1 + 1e-12))
        inside = valid & (cell < len(self.directions))
        cell = np.where(inside, cell, 0)
        # 1 - cos(angle) = chord^2 / 2 is proportional to the area within.
        share = np.where(inside, chord, 0.0) ** 2 / _chord(self.radius) ** 2
        ring = np.minimum((share * self.rings).astype(np.int32), self.rings - 1)
        axis_l, axis_b = np.radians(self.l[cell]), np.radians(self.b[cell])
        east = points[:, 1] * np.cos(axis_l) - points[:, 0] * np.sin(axis_l)
        outward = points[:, 0] * np.cos(axis_l) + points[:, 1] * np.sin(axis_l)
        north = points[:, 2] * np.cos(axis_b) - outward * np.sin(axis_b)
        angle = np.arctan2(east, north) / (2 * np.pi) % 1.0
        sector = np.minimum((angle * self.sectors).astype(np.int32), self.sectors - 1)
        return np.where(inside, cell, -1).astype(np.int32), ring * self.sectors + sector

    def _tree(self) -> cKDTree:
        return cKDTree(_vectors(self.l, self.b))


def _beside(l: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Longitudes within 180 deg of the center of their row."""
    return center[:, None] + (l - center[:, None] + 180.0) % 360.0 - 180.0


def _chord(angle: float) -> float:
    """Length of the chord of an angle (deg) on the unit sphere."""
    return 2.0 * np.sin(np.radians(angle) / 2)


def _vectors(l: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Unit vectors of directions (deg): (n, 3)."""
    l, b = np.radians(l), np.radians(b)
    return np.stack([np.cos(b) * np.cos(l), np.cos(b) * np.sin(l), np.sin(b)], axis=-1)
