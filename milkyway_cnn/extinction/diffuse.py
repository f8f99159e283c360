"""The smooth dust disc of the Besancon model: extinction per kpc anywhere in the Galaxy."""

from __future__ import annotations

import numpy as np

from milkyway_cnn.constants import R_EDGE, R_SUN, Z_SUN

__all__ = ["LOCAL_GRADIENT", "diffuse_dust"]

#: Visual extinction per kpc in the plane at the Sun (mag / kpc); default of the Besancon model.
LOCAL_GRADIENT = 0.7
#: Scale lengths of the disc and of its central hole (kpc), and axis ratio of its Einasto ellipsoids.
_OUTER, _INNER, _EPSILON = 7.222, 5.777, 0.014


def _einasto(radius: np.ndarray | float, z: np.ndarray | float) -> np.ndarray | float:
    square = np.square(radius) + np.square(np.divide(z, _EPSILON))
    return np.exp(-square / _OUTER**2) - np.exp(-square / _INNER**2)


def diffuse_dust(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Visual extinction per kpc (mag / kpc) of the diffuse medium at Galactocentric x, y, z (kpc).

    rho ~ exp(-(a / 7.222)^2) - exp(-(a / 5.777)^2) with a^2 = R^2 + (z / 0.014)^2, cut off at R = 14 kpc and
    scaled to 0.7 mag / kpc at the Sun: the header of Besancon model output (2003), whose integrated
    extinction it reproduces (13.62 against 13.65 mag at l = 30 deg, b = 0).
    """
    radius = np.hypot(x, y)
    density = float(LOCAL_GRADIENT / _einasto(R_SUN, Z_SUN)) * _einasto(radius, z)
    return np.where(radius < R_EDGE, np.maximum(density, 0.0), 0.0)
