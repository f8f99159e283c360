"""Lengths, angles and areas: the grid of distances, solid angles, and places in the Galaxy."""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.constants import R_SUN, Z_SUN

__all__ = ["SQUARE_DEGREE", "distance_edges", "galactocentric", "solid_angle", "spaced"]

#: One square degree in steradians.
SQUARE_DEGREE = (np.pi / 180.0) ** 2


def distance_edges(bins: int = 128, width: float = 0.1) -> np.ndarray:
    """Edges of the distance bins from the Sun outwards, in kpc: (bins + 1,) float32."""
    return (np.arange(bins + 1) * width).astype(np.float32)


def solid_angle(l_width: float, b_low: np.ndarray | float, b_high: np.ndarray | float) -> np.ndarray | float:
    """Solid angle of a cell, in square degrees.

    Parameters
    ----------
    l_width
        Width in Galactic longitude (deg).
    b_low, b_high
        Lower and upper latitude (deg).
    """
    sines = np.sin(np.radians(b_high)) - np.sin(np.radians(b_low))
    return np.radians(l_width) * sines / SQUARE_DEGREE


def galactocentric(
    l: np.ndarray | float,
    b: np.ndarray | float,
    distance: np.ndarray | float,
    r_sun: float = R_SUN,
    z_sun: float = Z_SUN,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Galactocentric x, y, z (kpc) of points at Galactic (l, b) in deg and distance in kpc; left-handed.

    x points from the center to the Sun, y to the direction of l = 90 deg as the Sun sees it, z to the
    North Galactic Pole; the Sun is at (`r_sun`, 0, `z_sun`). The arguments broadcast.
    """
    l, b = np.radians(l), np.radians(b)
    x = r_sun - distance * np.cos(b) * np.cos(l)
    y = distance * np.cos(b) * np.sin(l)
    z = distance * np.sin(b) + z_sun
    return x, y, z


def spaced(longitudes: np.ndarray, step: float) -> np.ndarray:
    """Equally spaced longitudes over those of a row of cells, at most `step` apart and no more than there are (deg)."""
    count = min(len(longitudes), math.ceil(np.ptp(longitudes) / step) + 1)
    return np.linspace(longitudes[0], longitudes[-1], count)
