"""The stars of each component of the Galaxy at the Sun: born by the initial mass function, aged by their tracks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from statistics import NormalDist

import numpy as np

from milkyway_cnn.galaxy.corrections import bump_excess, clump_shifts
from milkyway_cnn.galaxy.density import Axisymmetric, Component, Triaxial
from milkyway_cnn.galaxy.evolution import PHASES, Tracks, tracks
from milkyway_cnn.galaxy.photometry import log_gravity
from milkyway_cnn.galaxy.stars import NEAR_INFRARED, STEEPEST, combined_magnitudes

__all__ = ["STEP", "States", "states"]

# [Fe/H] at which tracks are computed; between them they are interpolated. Z = 0.02 x 10^[Fe/H].
_NODES = np.array((-2.3, -1.9, -1.5, -1.1, -0.8, -0.5, -0.25, 0.0, 0.176))
# Edges of the bins of initial mass (Msun), from the limit of hydrogen burning on; narrowest where stars leave the
# main sequence today.
_MASS_EDGES = np.concatenate(
    (np.geomspace(0.08, 0.7, 101)[:-1], np.geomspace(0.7, 2.6, 401)[:-1], np.geomspace(2.6, 20.0, 141))
)
_MASSES = np.sqrt(_MASS_EDGES[1:] * _MASS_EDGES[:-1])
# States kept of a component, and metallicities among them.
_STATES, _METALLICITIES = 8192, 5
#: Step of derivatives with respect to [Fe/H] (dex).
STEP = 0.1
# Multiples of these fill the unit square evenly (Roberts 2018, the sequence R2).
_R2 = np.array((0.7548776662466927, 0.5698402909980532))
# Least mass ratio of a binary; above it all are as frequent (Raghavan et al. 2010, ApJS 190, 1, Figure 16).
_LEAST_RATIO = 0.1
_HELIUM, _GIANT_BRANCH, _MAIN_SEQUENCE = (
    list(PHASES).index(phase) for phase in ("core helium burning", "giant branch", "main sequence")
)


@dataclass(frozen=True)
class States:
    """Stellar states of one component and how many stars at the Sun are in each.

    Parameters
    ----------
    magnitudes
        Absolute J, H, Ks, of both stars of a binary together: (states, 3) float32.
    slopes
        Change of `magnitudes` per dex of [Fe/H]: (states, 3) float32.
    number
        Stars, or binaries, per pc^3 at the Sun, or in the center for the bulge: (states,) float64.
    initial_mass, log_teff, log_g, metallicity, phase
        Of the primary: Msun, K, cgs, [Fe/H], index into `milkyway_cnn.galaxy.evolution.PHASES`; (states,).
    mass, age
        Present mass of the primary (Msun) and age (Gyr); (states,).
    atmosphere
        As for `milkyway_cnn.galaxy.stars.StateTable`, with its `step` `STEP`: (3, 2, 4, states).
    """

    magnitudes: np.ndarray
    slopes: np.ndarray
    number: np.ndarray
    initial_mass: np.ndarray
    log_teff: np.ndarray
    log_g: np.ndarray
    metallicity: np.ndarray
    phase: np.ndarray
    mass: np.ndarray
    age: np.ndarray
    atmosphere: np.ndarray

    @property
    def luminosity_class(self) -> np.ndarray:
        """1 supergiant, 2 bright giant, 3 giant, 4 subgiant, 5 dwarf [OC]: (states,) uint8.

        Dwarfs are on the main sequence, subgiants have log g > 3.5, and the others are bright giants from 10^3 and
        supergiants from 10^4.3 solar luminosities on.
        """
        log_l = self.atmosphere[1, 0, 0]
        evolved = np.select([log_l >= 4.3, log_l >= 3.0, self.log_g > 3.5], [1, 2, 4], 3)
        return np.where(self.phase == _MAIN_SEQUENCE, 5, evolved).astype(np.uint8)


@lru_cache(maxsize=64)
def states(component: Component, binary_fraction: float = 0.0) -> States:
    """Build the states of a component from its ages, metallicities and local density.

    Stars form between the component's youngest and oldest age, with masses from 0.08 to 20 Msun. Of the many
    states of all tracks a fixed number is kept, by systematic sampling that favors luminous stars, with numbers
    that make up for it. Companions of binaries are on the main sequence; the components' mass density includes them.
    """
    metallicity, star, point, number = _alive(component, binary_fraction)
    log_l = _along_tracks("log_luminosity", metallicity, star, point + 0.5)
    order = np.argsort(log_l, kind="stable")
    favor = number * 10.0 ** (0.6 * np.clip(log_l, -3.0, 4.0))
    running = np.cumsum(favor[order])
    chosen = order[np.searchsorted(running, (np.arange(_STATES) + 0.5) / _STATES * running[-1])]
    number = number[chosen] / favor[chosen] * running[-1] / _STATES
    metallicity, star, point = metallicity[chosen], star[chosen], point[chosen]
    along, draw = (np.arange(_STATES)[:, None] * _R2 % 1.0).T
    place = point + along

    ratio = _LEAST_RATIO + (1.0 - _LEAST_RATIO) * draw / max(binary_fraction, 1e-9)
    second = np.searchsorted(_MASS_EDGES, ratio * _MASSES[star]) - 1
    double = np.flatnonzero((draw < binary_fraction) & (second >= 0))
    log_age = _along_tracks("log_time", metallicity, star, place)

    def pair(metallicity: np.ndarray) -> np.ndarray:
        stars = np.full((2, 4, _STATES), -np.inf)
        stars[0] = *_atmosphere(metallicity, star, place), metallicity
        there = _main_sequence_place(metallicity[double], second[double], log_age[double])
        stars[1][:, double] = *_atmosphere(metallicity[double], second[double], there), metallicity[double]
        return stars

    atmosphere = np.stack([pair(metallicity + change) for change in (-STEP, 0.0, STEP)])
    poorer, magnitudes, richer = np.swapaxes(combined_magnitudes(atmosphere, NEAR_INFRARED), 1, 2)
    slopes = (richer - poorer) / (2.0 * STEP)
    _, log_teff, log_g, _ = atmosphere[1, 0]
    return States(
        magnitudes.astype(np.float32),
        # Supergiants cross the diagram within a step; what they would do over the whole disc is unknown.
        np.clip(slopes, -STEEPEST, STEEPEST).astype(np.float32),
        number,
        _MASSES[star],
        log_teff,
        log_g,
        metallicity,
        _tracks(0).phase[point],
        _along_tracks("mass", metallicity, star, place).astype(np.float32),
        # A point of a track may last longer than the component formed stars.
        np.clip(1e-3 * (10.0**log_age - 1.0), *component.ages).astype(np.float32),
        atmosphere.astype(np.float32),
    )


def _alive(component: Component, binary_fraction: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find all states that a component's stars are in: [Fe/H], index of mass, point of the track, number per pc^3."""
    born = component.mass_function.number(_MASS_EDGES)[:, None]
    youngest, oldest = (1e3 * age for age in component.ages)
    deviates = np.array([NormalDist().inv_cdf((k + 0.5) / _METALLICITIES) for k in range(_METALLICITIES)])
    parts = []
    for metallicity in component.metallicity + component.metallicity_spread * deviates / deviates.std():
        lower, part = _between(np.asarray(metallicity))
        log_time = _table("log_time")
        time = 10.0 ** _mix(log_time[lower], log_time[lower + 1], part) - 1.0
        number = born * np.diff(_formed(np.clip(time, youngest, oldest), component.decay), axis=1)
        star, point = np.nonzero(number)
        parts.append((np.full(star.shape, metallicity), star, point, number[star, point]))
    metallicity, star, point, number = (np.concatenate(p) for p in zip(*parts, strict=True))
    log_l = _along_tracks("log_luminosity", metallicity, star, point + 0.5)
    number = number * np.where(_tracks(0).phase[point] == _GIANT_BRANCH, 1.0 + bump_excess(log_l, metallicity), 1.0)
    if isinstance(component, Triaxial):
        return metallicity, star, point, number * component.number_density / number.sum()
    assert isinstance(component, Axisymmetric)
    mass = _along_tracks("mass", metallicity, star, point.astype(float))
    mass = mass + 0.5 * (1.0 + _LEAST_RATIO) * binary_fraction * _MASSES[star]
    return metallicity, star, point, number * component.mass_density / (number * mass).sum()


def _formed(age: np.ndarray, decay: float) -> np.ndarray:
    """Stars formed since `age` (Myr), of arbitrary scale, at a rate that grows as exp(decay x age in Gyr)."""
    return np.expm1(1e-3 * decay * age) / decay if decay else age


@cache
def _tracks(node: int) -> Tracks:
    return tracks(0.02 * 10.0 ** _NODES[node], _MASSES)


@cache
def _table(name: str) -> np.ndarray:
    """One quantity of all tracks: (metallicities, masses, points)."""
    if name == "log_time":
        return np.log10(np.stack([_tracks(node).time for node in range(_NODES.size)]) + 1.0)
    return np.stack([getattr(_tracks(node), name) for node in range(_NODES.size)])


def _mix(a: np.ndarray, b: np.ndarray, part: np.ndarray | float) -> np.ndarray:
    return a + part * (b - a)


def _between(metallicity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Node below each [Fe/H] and how far (0 to 1) it lies on the way to the next; clipped to the nodes."""
    position = np.interp(metallicity, _NODES, np.arange(_NODES.size))
    lower = np.minimum(position.astype(int), _NODES.size - 2)
    return lower, position - lower


def _along_tracks(name: str, metallicity: np.ndarray, star: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Interpolate one quantity in [Fe/H] and along tracks, `place` counting points from the first on."""
    table = _table(name)
    lower, part = _between(metallicity)
    point = np.minimum(place.astype(int), table.shape[2] - 2)
    low, high = (
        _mix(table[node, star, point], table[node, star, point + 1], place - point) for node in (lower, lower + 1)
    )
    return _mix(low, high, part)


def _main_sequence_place(metallicity: np.ndarray, star: np.ndarray, log_age: np.ndarray) -> np.ndarray:
    """Place on the track of a star on the main sequence of this age, at most its end."""
    last = PHASES["main sequence"] - 1
    time = _tracks(0).time[0, : last + 1]
    end = 10.0 ** _along_tracks("log_time", metallicity, star, np.full(star.shape, float(last))) - 1.0
    return np.interp((10.0**log_age - 1.0) / end, time / time[-1], np.arange(last + 1.0))


def _atmosphere(metallicity: np.ndarray, star: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, ...]:
    """Log L, log Teff and log g, the red clump corrected."""
    log_l, log_teff, mass = (
        _along_tracks(name, metallicity, star, place) for name in ("log_luminosity", "log_teff", "mass")
    )
    phase = _tracks(0).phase
    clump = (phase[place.astype(int)] == _HELIUM) * np.clip((2.4 - _MASSES[star]) / 0.2, 0.0, 1.0)
    middle = float(np.flatnonzero(phase == _HELIUM)[PHASES["core helium burning"] // 3])
    typical = _along_tracks("log_luminosity", metallicity, star, np.full(star.shape, middle))
    shifts = clump_shifts(log_l - typical, metallicity)
    log_l, log_teff = log_l + clump * shifts[0], log_teff + clump * shifts[1]
    return log_l, log_teff, log_gravity(mass, log_l, log_teff)
