"""Clouds: a log-normal random field with the correlations of interstellar turbulence, in three dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import fft, ndimage

__all__ = ["Clouds"]


@dataclass(frozen=True)
class Clouds:
    """Density relative to its mean, exp(s g - s^2 / 2), on a grid that repeats itself in space.

    g is a Gaussian random field of zero mean and unit variance with the spectrum (k^2 + k0^2)^(-11/6): the k^-11/3
    of Kolmogorov turbulence below the outer scale 2 pi / k0. The same seed gives the same clouds.

    Parameters
    ----------
    seed
        Of the field.
    contrast
        s, the standard deviation of ln(density) [OC].
    outer_scale
        Size of the largest clouds (kpc) [OC].
    voxel
        Spacing of the grid (kpc); between its points the density is trilinear.
    shape
        Grid points along Galactocentric x, y, z; the default is 12.5 x 12.5 x 2 kpc, in 41 MB.
    """

    seed: int
    contrast: float = 1.5
    outer_scale: float = 0.5
    voxel: float = 1 / 32
    shape: tuple[int, int, int] = (400, 400, 64)
    density: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        white = np.random.default_rng(self.seed).standard_normal(self.shape, dtype=np.float32)
        spectrum = fft.rfftn(white)
        kx, ky = (fft.fftfreq(n, self.voxel).astype(np.float32) for n in self.shape[:2])
        kz = fft.rfftfreq(self.shape[2], self.voxel).astype(np.float32)
        k_square = kx[:, None, None] ** 2 + ky[:, None] ** 2 + kz**2
        spectrum *= (k_square + self.outer_scale**-2) ** np.float32(-11 / 12)
        spectrum[0, 0, 0] = 0.0
        g = fft.irfftn(spectrum, self.shape)
        g *= self.contrast / math.sqrt(np.mean(np.square(g), dtype=float))
        np.exp(g, out=g)
        g /= g.mean(dtype=float)
        object.__setattr__(self, "density", g)

    def __call__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Density relative to the mean at Galactocentric x, y, z (kpc), float32; the arguments broadcast."""
        points = np.stack(np.broadcast_arrays(*(np.asarray(a, np.float32)[..., None] for a in (x, y, z))))
        points /= np.float32(self.voxel)
        return ndimage.map_coordinates(self.density, points, order=1, mode="grid-wrap", prefilter=False)[..., 0]
