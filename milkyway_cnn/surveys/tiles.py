"""Cut a region of the sky into tiles that each star is in exactly one of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.normalize import Region

__all__ = ["Tile", "parse_region", "polygon", "tiles"]

#: Margin of the polygon around its tile (deg), for what is lost by writing its corners with seven decimals.
_MARGIN = 1e-5
#: No tile spans more longitude than this (deg): a polygon's sides must stay short of half a circle.
_WIDEST = 45.0


@dataclass(frozen=True)
class Tile:
    """A cell in Galactic longitude and latitude (deg), without its upper edges; 0 <= l_min < l_max <= 360."""

    l_min: float
    l_max: float
    b_min: float
    b_max: float

    @property
    def area(self) -> float:
        """Square degrees."""
        height = math.sin(math.radians(self.b_max)) - math.sin(math.radians(self.b_min))
        return math.degrees(math.radians(self.l_max - self.l_min) * height) * math.degrees(1.0)

    def contains(self, l: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Tell which positions (deg, 0 <= l < 360) lie within: bool, as l."""
        top = (b < self.b_max) | (self.b_max == 90.0)  # the pole itself belongs to somebody
        return (l >= self.l_min) & (l < self.l_max) & (b >= self.b_min) & top

    def quarters(self) -> tuple[Tile, Tile, Tile, Tile]:
        """Split the tile at the middles of its sides."""
        l, b = (self.l_min + self.l_max) / 2, (self.b_min + self.b_max) / 2
        return (
            Tile(self.l_min, l, self.b_min, b),
            Tile(l, self.l_max, self.b_min, b),
            Tile(self.l_min, l, b, self.b_max),
            Tile(l, self.l_max, b, self.b_max),
        )

    def __str__(self) -> str:
        return f"l {self.l_min:.6g} to {self.l_max:.6g}, b {self.b_min:.6g} to {self.b_max:.6g} deg"


def parse_region(text: str) -> Region:
    """Read a region from ``l_min,l_max,b_min,b_max``.

    Raises
    ------
    InputError
        When it is not four numbers, or not a region of the sky.
    """
    msg = f"region {text!r} must be l_min,l_max,b_min,b_max in degrees, such as 257,303,-5,5"
    try:
        l_min, l_max, b_min, b_max = (float(word) for word in text.split(","))
    except ValueError:
        raise InputError(msg) from None
    if not (l_min < l_max <= l_min + 360 and abs(l_min) <= 360 and -90 <= b_min < b_max <= 90):
        msg += "; l must grow by at most 360 and b from at least -90 to at most 90"
        raise InputError(msg)
    return l_min, l_max, b_min, b_max


def tiles(region: Region, side: float) -> Iterator[Tile]:
    """Yield the tiles of a region, row by row.

    Parameters
    ----------
    region
        l_min, l_max, b_min, b_max (deg).
    side
        Of a tile (deg); towards the poles it spans 2, 4, 8 ... times as much longitude.

    Notes
    -----
    The grid is the same for every region, which only clips it, so that regions that overlap share their tiles.
    """
    l_min, l_max, b_min, b_max = region
    for low, high in _steps(b_min, b_max, side):
        row = math.floor((low + high) / 2 / side) * side
        equatorward = min(abs(row), abs(row + side)) if row * (row + side) > 0 else 0.0
        wider = 1.0 / max(math.cos(math.radians(equatorward)), 1e-9)
        width = min(side * 2.0 ** math.floor(math.log2(wider)), max(_WIDEST, side))
        for left, right in _steps(l_min, l_max, width):
            turns = 360.0 * math.floor((left + right) / 2 / 360.0)
            yield Tile(left - turns, right - turns, low, high)


def _steps(start: float, stop: float, step: float) -> Iterator[tuple[float, float]]:
    """Cut an interval at all multiples of a step and of 360."""
    inner = {k * step for k in range(math.floor(start / step), math.ceil(stop / step) + 1)} | {0.0, 360.0}
    edges = [start, *sorted(edge for edge in inner if start < edge < stop), stop]
    yield from pairwise(edges)


def polygon(tile: Tile) -> list[tuple[float, float]]:
    """Return the corners (deg, ICRS) of a spherical polygon that holds a tile.

    Notes
    -----
    The sides of a polygon are great circles, which bend away from the equator between their ends. On the side of
    the equator they would cut into the tile, so its corners are moved to the latitude b' with
    tan b' = tan b cos(w / 2), w the width: from there the great circle just touches latitude b.
    """
    from astropy.coordinates import SkyCoord

    aside = _MARGIN / max(math.cos(math.radians(max(abs(tile.b_min), abs(tile.b_max)))), 1e-2)
    left, right = tile.l_min - aside, tile.l_max + aside
    half = math.cos(math.radians(right - left) / 2)
    low = math.degrees(math.atan(math.tan(math.radians(tile.b_min)) * half)) if tile.b_min > 0 else tile.b_min
    high = math.degrees(math.atan(math.tan(math.radians(tile.b_max)) * half)) if tile.b_max < 0 else tile.b_max
    low, high = max(low - _MARGIN, -90.0), min(high + _MARGIN, 90.0)
    corners = [(left, low), (right, low), (right, high), (left, high)]
    # At a pole two corners are one.
    corners = [corner for k, corner in enumerate(corners) if not (abs(corner[1]) == 90.0 and k in (1, 3))]
    icrs = SkyCoord(*np.transpose(corners), unit="deg", frame="galactic").icrs
    return [(float(ra), float(dec)) for ra, dec in zip(icrs.ra.deg, icrs.dec.deg, strict=True)]
