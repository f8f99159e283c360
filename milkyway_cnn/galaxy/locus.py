"""Pan-STARRS magnitudes (AB) of stars from J and r-i, along the stellar locus of the survey."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.interpolate import CubicSpline

__all__ = ["R_I", "panstarrs_magnitude"]

# Knots of natural cubic splines in r-i, as the Bayestar maps were made with: Tonry et al. 2012, ApJ 750, 99; J is that
# of 2MASS (Vega).
_R_I = np.array([-0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 1.0, 2.0])
_KNOTS = {
    "g-r": (-0.50, -0.19, 0.15, 0.55, 0.97, 1.16, 1.20, 1.26),
    "i-z": (-0.290, -0.110, -0.030, 0.090, 0.200, 0.295, 0.470, 0.940),
    "z-y": (-0.210, -0.050, -0.025, 0.035, 0.095, 0.140, 0.195, 0.470),
    # The last two are ours [OC]: the published ones, 1.31 and 1.23, turn back where M dwarfs go on reddening. Stars
    # around l = 204.7, b = -19.2 have, less the reddening of A_V = 0.4 mag there, 1.37 to 1.42 at r-i = 1 and 1.65 at
    # 1.7. Elsewhere the published knots of z-J are bluer than these stars by up to 0.07 mag.
    "z-J": (0.12, 0.48, 0.70, 0.89, 1.14, 1.22, 1.39, 1.72),
}
#: Range of r-i (mag) in which the locus is known; bluer and redder stars are put on its ends.
R_I = float(_R_I[0]), float(_R_I[-1])


@cache
def _spline(color: str) -> CubicSpline:
    return CubicSpline(_R_I, _KNOTS[color], bc_type="natural")


def panstarrs_magnitude(band: str, J: np.ndarray, r_i: np.ndarray) -> np.ndarray:
    """Magnitude in g, r, i, z or y of stars of magnitude J and color r-i (mag), the locus's width left out."""
    r_i = np.clip(r_i, *R_I)
    z = J + _spline("z-J")(r_i)
    if band == "z":
        return z
    if band == "y":
        return z - _spline("z-y")(r_i)
    i = z + _spline("i-z")(r_i)
    if band == "i":
        return i
    r = i + r_i
    return r if band == "r" else r + _spline("g-r")(r_i)
