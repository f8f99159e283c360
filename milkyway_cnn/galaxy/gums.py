"""The Galaxy of the Gaia universe model (GUMS, Gaia DR3): density laws that differ from those of 2003, and the numbers.

The model's numbers are those that the package SynthPop (Kluter et al. 2025, AJ 169, 317) codes as `GUMS_dr3`, with the
local densities of Mor et al. 2018. What SynthPop does not say is marked [OC]: the densities are taken to count dead
stars too, for with their flat mass functions the old components would otherwise hold several times the stars seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from milkyway_cnn.galaxy.density import Axisymmetric, Disc, GalaxyModel, MassFunction, ThinDisc, Triaxial, Warp

__all__ = ["GUMS_DR3", "Bar", "Halo", "SechDisc"]


@dataclass(frozen=True, kw_only=True)
class SechDisc(Disc):
    """A thick disc: exponential in radius, sech^2(z / (2 scale_height)) in height (kpc)."""

    metallicity_spread: float = 0.30
    mass_function: MassFunction = MassFunction((1.0,))
    remnants: bool = True
    warp: Warp | None = Warp(north=0.0, south=0.0)
    scale_length: float
    scale_height: float

    def profile(self, radius: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Density, of arbitrary scale, at Galactocentric radius and height (kpc)."""
        return np.exp(-radius / self.scale_length) / np.cosh(0.5 * z / self.scale_height) ** 2


@dataclass(frozen=True, kw_only=True)
class Halo(Axisymmetric):
    """The stellar halo: a^-inner (core + a)^-outer in the ellipsoidal radius a (kpc)."""

    ages: tuple[float, float] = (13.0, 15.0)
    metallicity: float = -1.5
    metallicity_spread: float = 0.5
    mass_function: MassFunction = MassFunction((0.5,))
    remnants: bool = True
    mass_density: float = 4.1e-5
    axis_ratio: float = 0.774
    inner: float = 1.0
    outer: float = 2.777231
    core: float = 2.175827881

    def profile(self, radius: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Density, of arbitrary scale, at Galactocentric radius and height (kpc)."""
        a = np.hypot(radius, z / self.axis_ratio)
        return a**-self.inner * (self.core + a) ** -self.outer


@dataclass(frozen=True, kw_only=True)
class Bar(Triaxial):
    """The bar, a boxy sech^2 that is thicker at its ends; its near end is at positive longitudes; see `Bulge`.

    `powers` shape its outline in the plane and in height, `bone` thickens it by 1 + bone sin(abs(x) / bone_length).
    """

    ages: tuple[float, float] = (9.0, 11.0)
    metallicity: float = 0.20
    metallicity_spread: float = 0.20
    mass_function: MassFunction = MassFunction((0.5,))
    remnants: bool = True
    number_density: float = 45.08
    axes: tuple[float, float, float] = (1.076, 0.49, 0.3)
    powers: tuple[float, float] = (3.329, 3.007)
    bone: float = 0.534
    bone_length: float = 0.870
    cutoff: float = 4.19555
    angle: float = 29.16

    def profile(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Density relative to the center's at Galactocentric x, y, z (kpc)."""
        turn, (plane, upright) = np.radians(self.angle), self.powers
        along, across = np.abs(x * np.cos(turn) + y * np.sin(turn)), np.abs(y * np.cos(turn) - x * np.sin(turn))
        outline = ((along / self.axes[0]) ** plane + (across / self.axes[1]) ** plane) ** (upright / plane)
        thickness = self.axes[2] * (1.0 + self.bone * np.sin(along / self.bone_length))
        scaled = (outline + np.abs(z / thickness) ** upright) ** (1.0 / upright)
        # The end is all but a step; beyond ten scale lengths sech^2 is nothing, and cosh would overflow.
        return np.where(np.hypot(x, y) < self.cutoff, 1.0 / np.cosh(np.minimum(scaled, 20.0)) ** 2, 0.0)


def _thin(ages, axis_ratio, mass_density, metallicity, spread, start, north, south, node) -> ThinDisc:
    return ThinDisc(
        ages=ages,
        axis_ratio=axis_ratio,
        mass_density=mass_density,
        metallicity=metallicity,
        metallicity_spread=spread,
        mass_function=MassFunction((0.5, 2.1, 2.9), (0.5, 1.53)),
        decay=0.14,
        remnants=True,
        scale_length=2.011,
        hole=1.310,
        warp=Warp(start, north, south, node + np.pi / 2),
    )


#: Gaia universe model of DR3. Its thick discs are taken not to warp, and the Sun to lie at 8.178 kpc (GRAVITY
#: Collaboration 2019) and 17 pc above the plane, as by default in SynthPop [OC].
GUMS_DR3 = GalaxyModel(
    name="GUMS DR3",
    thin=(
        _thin((0.0, 0.15), 0.0140, 0.0015, +0.01, 0.10, 10.169875, 1.00652, 0.06815, -0.2360536732),
        _thin((0.15, 1.0), 0.0268, 0.0069, 0.00, 0.11, 10.042375, 0.84525, 0.10915, -0.2070536732),
        _thin((1.0, 2.0), 0.0375, 0.0055, -0.02, 0.12, 9.8065, 0.61675, 0.18500, -0.1570536732),
        _thin((2.0, 3.0), 0.0555, 0.0037, -0.03, 0.125, 9.5515, 0.47175, 0.26700, -0.0954036732),
        _thin((3.0, 5.0), 0.0703, 0.0061, -0.03, 0.135, 9.169, 0.45300, 0.39000, -0.0084036732),
        _thin((5.0, 7.0), 0.0794, 0.0060, -0.09, 0.16, 8.659, 0.45300, 0.39000, 0.1075963268),
        _thin((7.0, 10.0), 0.0799, 0.0103, -0.12, 0.18, 8.0215, 0.45300, 0.39000, 0.2525963268),
    ),
    thick=(
        SechDisc(ages=(9.0, 11.0), mass_density=0.0036, scale_length=2.040, scale_height=0.400, metallicity=-0.5),
        SechDisc(ages=(11.0, 13.0), mass_density=0.0005, scale_length=2.919, scale_height=0.795, metallicity=-0.8),
    ),
    spheroid=Halo(),
    bulge=Bar(),
    flare_start=10.0,
    flare_slope=1e-4,
    edge=100.0,
    r_sun=8.178,
    z_sun=0.017,
)
