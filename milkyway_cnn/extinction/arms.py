"""Spiral arms: where the Galaxy's dust is gathered, seen from above."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["ARMS", "SpiralArm", "arm_weight", "trace"]

#: Standard deviation of the dust across an arm (kpc) [OC]; the arms' masers scatter by 0.2 to 0.35 kpc
#: (Reid et al. 2019, ApJ 885, 131, Table 2).
ARM_WIDTH = 0.25


@dataclass(frozen=True)
class SpiralArm:
    """A logarithmic spiral r = scale exp(slope phi) in the plane.

    phi is the Galactocentric azimuth (radians) that grows against the direction of l = 90 deg and is 90 deg at the
    Sun; slope is the tangent of the pitch angle.

    Parameters
    ----------
    name
        The arm's name where it passes the Sun's azimuth.
    scale, slope
        The spiral; scale in kpc.
    middle, extent
        The arm fades as a Gaussian of standard deviation `extent` in azimuth around `middle` (deg).
    """

    name: str
    scale: float
    slope: float
    middle: float = 90.0
    extent: float = math.inf


#: Steiman-Cameron et al. 2010 (ApJ 722, 1460), who take R_sun = 8.5 kpc; their table gives the last two numbers
#: of pairs under each other's name when judged by the arm that passes 2.7 kpc outside the Sun. The Local arm
#: is that of Reid et al. 2019 (R = 8.26 kpc at 8.9 deg, pitch 11.4 deg) scaled from their R_sun = 8.15 kpc, and
#: fades on a scale of our choice.
ARMS = (
    SpiralArm("Sagittarius-Carina", 0.246, 0.242),
    SpiralArm("Scutum-Crux", 0.608, 0.279),
    SpiralArm("Perseus", 0.378, 0.240),
    SpiralArm("Norma-Cygnus", 0.449, 0.249),
    SpiralArm("Local", 8.26 * 8.5 / 8.15 * math.exp(-0.2016 * math.radians(81.1)), 0.2016, middle=87.0, extent=20.0),
)


def trace(arm: SpiralArm, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Galactocentric x, y (kpc) of an arm at the given radii (kpc); NaN beyond two `extent` of its middle."""
    phi = np.log(radius / arm.scale) / arm.slope
    off = np.abs((np.degrees(phi) - arm.middle + 180) % 360 - 180)
    radius = np.where(off <= 2 * arm.extent, radius, np.nan)
    return radius * np.sin(phi), radius * np.cos(phi)


def arm_weight(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sum of the arms' Gaussian profiles at Galactocentric x, y (kpc): 1 on the ridge of an arm, 0 between arms.

    The distance from an arm is that to its nearest turn at the same azimuth, times the cosine of the pitch.
    """
    radius = np.sqrt(np.square(x) + np.square(y))
    logarithm = np.log(np.maximum(radius, 1e-3))
    phi = math.pi / 2 - np.arctan2(y, x)
    weight = np.zeros_like(radius)
    for arm in ARMS:
        ahead = (logarithm - math.log(arm.scale)) / arm.slope - phi
        ahead -= 2 * math.pi * np.rint(ahead / (2 * math.pi))
        across = radius * ahead * (arm.slope / math.hypot(1.0, arm.slope) / ARM_WIDTH)
        along = (phi - math.radians(arm.middle)) / math.radians(arm.extent) if math.isfinite(arm.extent) else 0.0
        weight += np.exp(-0.5 * (np.square(across) + np.square(along)))
    return weight
