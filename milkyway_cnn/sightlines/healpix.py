"""HEALPix pixels: cells of equal area in Galactic coordinates, in nested order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines.geometry import SQUARE_DEGREE

__all__ = ["Healpix"]

#: Each pixel is divided twice in four to find how much of it a catalog covers.
_PARTS = 16


@dataclass(frozen=True)
class Healpix:
    """Pixels of a HEALPix tessellation (Gorski et al. 2005), by their nested numbers.

    Parameters
    ----------
    nside
        Resolution, a power of two: 12 nside^2 pixels on the sky.
    pixels
        Numbers of the pixels, ascending and without repetition.

    Raises
    ------
    InputError
        When nside is no power of two up to 2^24, or the pixels are none, out of range or out of order.
    """

    nside: int
    pixels: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.nside < 1 or self.nside > 1 << 24 or self.nside & (self.nside - 1):
            msg = f"nside (={self.nside}) must be a power of two up to 2^24; 128 has pixels of 0.46 deg"
            raise InputError(msg)
        object.__setattr__(self, "pixels", tuple(int(pixel) for pixel in self.pixels))
        numbers = np.array(self.pixels, np.int64)
        last = 12 * self.nside**2
        if not numbers.size or (np.diff(numbers) <= 0).any() or numbers[0] < 0 or numbers[-1] >= last:
            msg = f"pixels of nside {self.nside} must be ascending numbers from 0 to {last - 1}, at least one"
            raise InputError(msg)

    @classmethod
    def within(cls, region: tuple[float, float, float, float], nside: int) -> Healpix:
        """Pixels whose centers lie within l_min, l_max, b_min, b_max (deg).

        Raises
        ------
        InputError
            When there is none, or `nside` is unusable.
        """
        l, b = _healpix(cls(nside, (0,)).nside).healpix_to_lonlat(np.arange(12 * nside**2))
        l_min, l_max, b_min, b_max = region
        east = (l.deg - l_min) % 360.0
        inside = (east <= l_max - l_min) & (b.deg >= b_min) & (b.deg <= b_max)
        if not inside.any():
            msg = (
                f"no HEALPix pixel of nside {nside} has its center within l {l_min:g} to {l_max:g}, b {b_min:g} to"
                f" {b_max:g} deg; enlarge the region or nside"
            )
            raise InputError(msg)
        return cls(nside, tuple(np.flatnonzero(inside)))

    @property
    def shape(self) -> tuple[int]:
        """Number of pixels."""
        return (len(self.pixels),)

    @property
    def dims(self) -> tuple[str, ...]:
        """Dimension along which the pixels lie, in products."""
        return ("sightline",)

    @property
    def l(self) -> np.ndarray:
        """Longitudes of the centers (deg)."""
        return np.array(_healpix(self.nside).healpix_to_lonlat(np.array(self.pixels))[0].deg)

    @property
    def b(self) -> np.ndarray:
        """Latitudes of the centers (deg)."""
        return np.array(_healpix(self.nside).healpix_to_lonlat(np.array(self.pixels))[1].deg)

    @property
    def parts(self) -> int:
        """Number of parts of a pixel."""
        return _PARTS

    @property
    def solid_angle(self) -> np.ndarray:
        """Solid angle of each pixel (square degrees): 4 pi / (12 nside^2)."""
        return np.full(self.shape, 4 * np.pi / (12 * self.nside**2) / SQUARE_DEGREE)

    def areas(self) -> tuple[str, np.ndarray]:
        """Solid angles (square degrees), with the dimension along which they change."""
        return "sightline", self.solid_angle

    def coordinates(self) -> dict[str, tuple[str, np.ndarray]]:
        """Centers of the pixels (deg), and their numbers."""
        numbers = np.array(self.pixels, np.int64)
        return {"l": ("sightline", self.l), "b": ("sightline", self.b), "pixel": ("sightline", numbers)}

    def description(self) -> dict[str, list]:
        """Plain values of which `cells_of` makes these pixels again."""
        return {"healpix": [self.nside, *self.pixels]}

    def outlines(self) -> np.ndarray:
        """Corners of each pixel, l and b (deg): (pixels, 4, 2)."""
        l, b = _healpix(self.nside).boundaries_lonlat(np.array(self.pixels), 1)
        center = self.l[:, None]
        # Beside the center, and all on one side of the sky where the pixels cross l = 0.
        across = np.ptp(self.l) > np.ptp((self.l + 180.0) % 360.0)
        center = (center + 180.0) % 360.0 - 180.0 if across else center
        return np.stack([center + (l.deg - center + 180.0) % 360.0 - 180.0, b.deg], axis=-1)

    def cell_index(self, l: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Find the place in `pixels` of each position (deg), or -1; (n,) int32."""
        return self.cells_and_parts(l, b)[0]

    def cells_and_parts(self, l: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the pixel of each position, or -1, and the part of it: both (n,) int32."""
        from astropy import units as u

        l, b = np.asarray(l, float), np.asarray(b, float)
        valid = np.isfinite(l) & (np.abs(b) <= 90)
        fine = _healpix(4 * self.nside).lonlat_to_healpix(np.where(valid, l, 0) * u.deg, np.where(valid, b, 0) * u.deg)
        numbers = np.array(self.pixels, np.int64)
        pixel, part = np.divmod(fine, _PARTS)
        place = np.minimum(np.searchsorted(numbers, pixel), numbers.size - 1)
        inside = valid & (numbers[place] == pixel)
        return np.where(inside, place, -1).astype(np.int32), part.astype(np.int32)


def _healpix(nside: int) -> Any:
    from astropy_healpix import HEALPix

    return HEALPix(nside, order="nested")
