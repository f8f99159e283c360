"""A Galaxy as frozen data, and its space densities: thin disc in ages, thick disc, spheroid, bulge, warp and flare.

The laws here, and the numbers that are their defaults, are those of the Besancon model of 2003 (Robin et al. 2003,
A&A 409, 523); `milkyway_cnn.galaxy.gums` has those of the Gaia universe model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from milkyway_cnn.constants import R_EDGE, R_SUN, Z_SUN

__all__ = [
    "Axisymmetric",
    "Bulge",
    "Component",
    "Disc",
    "GalaxyModel",
    "MassFunction",
    "Spheroid",
    "ThickDisc",
    "ThinDisc",
    "Triaxial",
    "Warp",
    "density",
]


@dataclass(frozen=True)
class MassFunction:
    """Stars born per unit of initial mass: dN/dm = m^-slope, with one slope more than there are breaks (Msun)."""

    slopes: tuple[float, ...]
    breaks: tuple[float, ...] = ()

    def number(self, edges: np.ndarray) -> np.ndarray:
        """Stars born between neighboring masses of `edges` (Msun, ascending), of arbitrary scale: (edges - 1,)."""
        total, scale, low = np.zeros(len(edges)), 1.0, 0.0
        for k, slope in enumerate(self.slopes):
            if k:
                low = self.breaks[k - 1]
                scale *= low ** (slope - self.slopes[k - 1])
            high = self.breaks[k] if k < len(self.breaks) else np.inf
            m = np.clip(edges, low, high)
            total += scale * (np.log(m) if slope == 1.0 else m ** (1.0 - slope) / (1.0 - slope))
        return np.diff(total)


@dataclass(frozen=True)
class Warp:
    """The disc's middle plane is raised by slope (R - start) cos(theta - node) beyond the radius `start` (kpc).

    theta (rad) is counted from the Sun towards l = 90 deg. The slope is `north` where the plane rises and `south`
    where it sinks.
    """

    start: float = 8.4
    north: float = 0.18
    south: float = 0.18
    node: float = np.pi / 2

    def height(self, radius: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """Height of the middle plane (kpc) at Galactocentric radius (kpc) and azimuth (rad)."""
        side = np.cos(theta - self.node)
        return np.where(side > 0.0, self.north, self.south) * side * np.maximum(radius - self.start, 0.0)


@dataclass(frozen=True, kw_only=True)
class Component:
    """What every component of a Galaxy has.

    Parameters
    ----------
    ages
        Youngest and oldest stars (Gyr); a burst is taken to last 2 Gyr [OC].
    metallicity, metallicity_spread
        Mean and standard deviation of [Fe/H] at the Sun (dex).
    mass_function
        Initial mass function: Robin et al. 2003, Table 1, and the header of the model's output.
    decay
        Stars formed at a rate that grows as exp(decay x age) into the past (1 / Gyr).
    remnants
        Whether the density counts what is left of dead stars, and not living ones alone.
    """

    ages: tuple[float, float]
    metallicity: float
    metallicity_spread: float
    mass_function: MassFunction
    decay: float = 0.0
    remnants: bool = False


@dataclass(frozen=True, kw_only=True)
class Axisymmetric(Component):
    """A component around the axis of rotation; `mass_density` is that at the Sun (Msun / pc^3)."""

    mass_density: float

    def profile(self, radius: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Density, of arbitrary scale, at Galactocentric radius and height (kpc)."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Triaxial(Component):
    """A component in the middle of the Galaxy; `number_density` is that of the stars in its center (pc^-3)."""

    number_density: float

    def profile(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Density relative to the center's at Galactocentric x, y, z (kpc)."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Disc(Axisymmetric):
    """A disc, with a `warp` of its own where that differs from the model's."""

    warp: Warp | None = None


@dataclass(frozen=True, kw_only=True)
class ThinDisc(Disc):
    """One age class of the thin disc: Einasto ellipsoids of the given axis ratio.

    `scale_length` and `hole` shape the older classes (kpc); the one from age 0 on has a wider profile of its own.
    """

    axis_ratio: float
    mass_function: MassFunction = MassFunction((1.6, 3.0), (1.0,))
    scale_length: float = 2.53
    hole: float = 1.32

    def profile(self, radius: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Density, of arbitrary scale, at Galactocentric radius and height (kpc).

        exp(-(a/5)^2) - exp(-(a/3)^2) for the young class and exp(-sqrt(1/4 + (a/scale_length)^2)) -
        exp(-sqrt(1/4 + (a/hole)^2)) for the others, with a^2 = R^2 + (z / axis_ratio)^2: Robin et al. 2003, Table 3,
        with the scale lengths of the model's own output.
        """
        square = np.square(radius) + np.square(z / self.axis_ratio)
        if self.ages[0] == 0.0:
            return np.exp(-square / 5.0**2) - np.exp(-square / 3.0**2)
        return np.exp(-np.sqrt(0.25 + square / self.scale_length**2)) - np.exp(-np.sqrt(0.25 + square / self.hole**2))


@dataclass(frozen=True, kw_only=True)
class ThickDisc(Disc):
    """The thick disc: exponential in radius, a parabola near the plane that joins an exponential in height (kpc)."""

    ages: tuple[float, float] = (10.0, 12.0)
    metallicity: float = -0.78
    metallicity_spread: float = 0.30
    mass_function: MassFunction = MassFunction((0.5,))
    mass_density: float = 1.34e-3
    scale_length: float = 2.5
    scale_height: float = 0.8
    junction: float = 0.4

    def profile(self, radius: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Density, of arbitrary scale, at Galactocentric radius and height (kpc): Robin et al. 2003, Table 3."""
        height, h, x = np.abs(z), self.scale_height, self.junction
        near = 1.0 - np.square(z) / (x * (2.0 * h + x))
        far = np.exp((x - height) / h) / (1.0 + x / (2.0 * h))
        return np.exp(-radius / self.scale_length) * np.where(height <= x, near, far)


@dataclass(frozen=True, kw_only=True)
class Spheroid(Axisymmetric):
    """The stellar halo: a power law of the ellipsoidal radius, constant within `core` (kpc)."""

    ages: tuple[float, float] = (13.0, 15.0)
    metallicity: float = -1.78
    metallicity_spread: float = 0.50
    mass_function: MassFunction = MassFunction((0.5,))
    mass_density: float = 9.32e-6
    axis_ratio: float = 0.76
    exponent: float = -2.44
    core: float = 0.5

    def profile(self, radius: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Density, of arbitrary scale, at Galactocentric radius and height (kpc): Robin et al. 2003, Table 3."""
        return np.maximum(np.hypot(radius, z / self.axis_ratio), self.core) ** self.exponent


@dataclass(frozen=True, kw_only=True)
class Bulge(Triaxial):
    """The bulge: a triaxial bar in the plane, its near end at positive longitudes.

    Parameters
    ----------
    axes
        Scale lengths along the bar, across it and in height (kpc).
    cutoff
        Distance from the axis of rotation at which a Gaussian end sets in (kpc).
    angle
        Between the bar and the direction to the Sun (deg).
    """

    ages: tuple[float, float] = (9.0, 11.0)
    metallicity: float = 0.0
    metallicity_spread: float = 0.40
    mass_function: MassFunction = MassFunction((2.35,))
    number_density: float = 13.7
    axes: tuple[float, float, float] = (1.59, 0.424, 0.42)
    cutoff: float = 2.54
    angle: float = 11.1

    def profile(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Density relative to the center's at Galactocentric x, y, z (kpc).

        exp(-r^2 / 2) with r^4 = ((x / x0)^2 + (y / y0)^2)^2 + (z / z0)^4 in the frame of the bar: the model G2 of
        Dwek et al. 1995, ApJ 445, 716, with the numbers of the Besancon model's output.
        """
        turn = np.radians(self.angle)
        along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        plane = np.square(along / self.axes[0]) + np.square(across / self.axes[1])
        end = np.maximum(np.hypot(x, y) - self.cutoff, 0.0)
        return np.exp(-0.5 * np.sqrt(np.square(plane) + (z / self.axes[2]) ** 4) - 2.0 * np.square(end))


@dataclass(frozen=True)
class GalaxyModel:
    """The components of a Galaxy, the shape of its disc and the place of the Sun; lengths in kpc.

    It is frozen data: `dataclasses.replace` makes another one; `milkyway_cnn.galaxy.models` knows those with names
    and writes them into products.

    Parameters
    ----------
    name
        Under which products cite the model.
    thin, thick, spheroid, bulge
        The components.
    warp
        Of all discs that have none of their own.
    flare_start, flare_slope
        Beyond the start the discs are thicker by 1 + slope (R - start).
    edge
        Radius at which the discs end.
    metallicity_gradient
        Of the thin disc along the Galactocentric radius (dex / kpc).
    binary_fraction
        Part of the stars that have a companion too close to be seen apart.
    r_sun, z_sun
        Galactocentric radius of the Sun and its height above the plane. Local densities stay those at the Sun.
    isochrones
        Files in place of the tracks of `milkyway_cnn.galaxy.evolution`: see `milkyway_cnn.galaxy.isochrones`.
    """

    name: str
    thin: tuple[ThinDisc, ...]
    thick: tuple[Disc, ...] = (ThickDisc(),)
    spheroid: Axisymmetric = Spheroid()
    bulge: Triaxial = Bulge()
    warp: Warp = Warp()
    flare_start: float = 9.5
    flare_slope: float = 5.45e-4
    edge: float = R_EDGE
    metallicity_gradient: float = -0.07
    binary_fraction: float = 0.0
    r_sun: float = R_SUN
    z_sun: float = Z_SUN
    isochrones: tuple[str, ...] = ()

    @property
    def components(self) -> tuple[Component, ...]:
        """All components, in the order of `numbers`."""
        return (*self.thin, *self.thick, self.spheroid, self.bulge)

    @property
    def numbers(self) -> tuple[int, ...]:
        """What a star's `component` says: 1 to 7 for the thin disc, 8 for any thick disc, 9 spheroid, 10 bulge."""
        return (*range(1, len(self.thin) + 1), *(8 for _ in self.thick), 9, 10)


def density(model: GalaxyModel, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Density of each component relative to that at the Sun, or in the center for the bulge: (components, ...) float64.

    Parameters
    ----------
    model
        The Galaxy.
    x, y, z
        Galactocentric coordinates (kpc) as from `milkyway_cnn.sightlines.galactocentric`, with the model's place of
        the Sun; they broadcast.
    """
    radius, theta = np.hypot(x, y), np.arctan2(y, x)
    flare = 1.0 + model.flare_slope * np.maximum(radius - model.flare_start, 0.0)
    inside = radius < model.edge
    discs = (*model.thin, *model.thick)
    heights = {warp: (z - warp.height(radius, theta)) / flare for warp in {disc.warp or model.warp for disc in discs}}
    parts = []
    for disc in discs:
        profile = disc.profile(radius, heights[disc.warp or model.warp])
        parts.append(np.where(inside, profile / _at_sun(disc, model.r_sun, model.z_sun), 0.0))
    spheroid = model.spheroid.profile(radius, z) / _at_sun(model.spheroid, model.r_sun, model.z_sun)
    return np.stack(np.broadcast_arrays(*parts, spheroid, model.bulge.profile(x, y, z)))


@cache
def _at_sun(component: Axisymmetric, r_sun: float, z_sun: float) -> np.ndarray:
    return component.profile(np.asarray(r_sun), np.asarray(z_sun))
