"""How 2MASS sees a star behind dust: the scalar bodies that all loops over its stars share.

The arguments that describe the survey are plain numbers:

bands
    (3, 3) float32, one row for J, H, Ks: extinction per A_V, magnitude of S/N 10, faintest accepted magnitude.
half
    Magnitude of 50 % completeness of each band: (3,) float32, one row a sightline.
noise
    (smallest magnitude error, width of the completeness curve) float32.
"""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels import binning, draws, photometry
from milkyway_cnn.kernels._elementary import exponential
from milkyway_cnn.kernels._twin import exact

__all__ = ["CHANCE", "LOST", "beam", "chance", "limits", "measured_pixel", "reddened"]

_ONE, _HALF = np.float32(1.0), np.float32(0.5)
#: In place of a pixel: the star is not found, or not accepted.
LOST = np.int32(-2)
#: Uses of the four parts of a star's random bits; the last decides whether it is found.
_ERROR_J, _ERROR_KS, _BEAM, CHANCE = range(4)


@exact
def limits(bands, half, depth, noise, axes):
    """What the survey's bodies compare with, as a tuple of numbers: arrays would be read anew for each star."""
    return (
        bands[0, 1], bands[2, 1], bands[0, 2], bands[2, 2], half[0] + depth, half[1] + depth, half[2] + depth,
        noise[0], noise[1], axes[0], axes[1], axes[2], axes[3],
    )  # fmt: skip


@exact
def beam(A_V, spread, word):
    """A_V towards one star: log-normal with the mean A_V, its logarithm scatters by `spread`."""
    return A_V * exponential(spread * (draws.rough_normal(word, _BEAM) - _HALF * spread))


@exact
def reddened(J, H, Ks, A_V, per_A_V, fainter):
    """Magnitudes behind an extinction: `per_A_V` in each band; J has an offset of its own."""
    return (
        J + (A_V * per_A_V[0] + fainter[0]),
        H + (A_V * per_A_V[1] + fainter[1]),
        Ks + (A_V * per_A_V[2] + fainter[1]),
    )


@exact
def chance(J, H, Ks, uniform, limits):
    """Uniform draw over the completeness of these magnitudes, the product of three: below 1, the star is found."""
    _, _, _, _, half_J, half_H, half_Ks, _, width, _, _, _, _ = limits
    stars = photometry.stars_per_found(J, half_J, width) * photometry.stars_per_found(H, half_H, width)
    return uniform * (stars * photometry.stars_per_found(Ks, half_Ks, width))


@exact
def measured_pixel(J, Ks, chance, word, limits, pixels):
    """Pixel of a star of these magnitudes as it is measured; -1 off the diagram, -2 when not found or not accepted."""
    ten_sigma_J, ten_sigma_Ks, cut_J, cut_Ks, _, _, _, floor, _, color, per_color, magnitude, per_magnitude = limits
    J += draws.rough_normal(word, _ERROR_J) * photometry.magnitude_error(J, ten_sigma_J, floor)
    Ks += draws.rough_normal(word, _ERROR_KS) * photometry.magnitude_error(Ks, ten_sigma_Ks, floor)
    p = binning.pixel(J - Ks, Ks, (color, per_color, magnitude, per_magnitude), pixels)
    return p if (chance < _ONE) & (cut_J > J) & (cut_Ks > Ks) else LOST
