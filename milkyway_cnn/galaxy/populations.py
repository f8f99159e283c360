"""The stars of each component of the Galaxy at the Sun: born by the initial mass function, aged by their tracks."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from milkyway_cnn.galaxy.corrections import clump_mass, clump_shifts, cool_dwarf_shift, pace
from milkyway_cnn.galaxy.density import Component
from milkyway_cnn.galaxy.evolution import PHASES, Tracks, tracks
from milkyway_cnn.galaxy.isochrones import states_of_isochrones
from milkyway_cnn.galaxy.photometry import log_gravity
from milkyway_cnn.galaxy.states import STEP, States, assembled, chosen_states, formed, metallicities, scaled
from milkyway_cnn.galaxy.tables import stored

__all__ = ["states"]

# [Fe/H] at which tracks are computed; between them they are interpolated. Z = 0.02 x 10^[Fe/H].
_NODES = np.array((-2.3, -1.9, -1.5, -1.1, -0.8, -0.5, -0.25, 0.0, 0.176))
# Edges of the bins of initial mass (Msun), from the limit of hydrogen burning on; narrowest where stars leave the
# main sequence today.
_MASS_EDGES = np.concatenate(
    (np.geomspace(0.08, 0.7, 101)[:-1], np.geomspace(0.7, 2.6, 401)[:-1], np.geomspace(2.6, 20.0, 141))
)
_MASSES = np.sqrt(_MASS_EDGES[1:] * _MASS_EDGES[:-1])
_HELIUM, _GIANT_BRANCH, _MAIN_SEQUENCE = (
    list(PHASES).index(phase) for phase in ("core helium burning", "giant branch", "main sequence")
)


@lru_cache(maxsize=64)
def states(component: Component, binary_fraction: float = 0.0, isochrones: tuple[str, ...] = ()) -> States:
    """States of a component, from its ages, metallicities and local density.

    Stars form between the component's youngest and oldest age, with masses from 0.08 to 20 Msun, and evolve along the
    tracks of `milkyway_cnn.galaxy.evolution`, or as files of `isochrones` say. Of the many states a fixed number is
    kept, luminous ones more often. Companions of binaries are on the main sequence; the components' mass density
    includes them. What has been made once is kept on disk.

    Raises
    ------
    InputError
        When an isochrone file cannot be used, or none has the ages of the component.
    """
    if isochrones:
        return stored(states_of_isochrones, component, binary_fraction, isochrones)
    return stored(_states_of_tracks, component, binary_fraction)


def _states_of_tracks(component: Component, binary_fraction: float) -> States:
    metallicity, star, point, number = _alive(component, binary_fraction)
    chosen = chosen_states(_along_tracks("log_luminosity", metallicity, star, point + 0.5), number, binary_fraction)
    metallicity, star, point = metallicity[chosen.rows], star[chosen.rows], point[chosen.rows]
    place = point + chosen.along
    second = np.searchsorted(_MASS_EDGES, chosen.ratio * _MASSES[star[chosen.double]]) - 1
    double, second = chosen.double[second >= 0], second[second >= 0]
    log_age = _along_tracks("log_time", metallicity, star, place)

    def pair(metallicity: np.ndarray) -> np.ndarray:
        stars = np.full((2, 4, star.size), -np.inf)
        stars[0] = *_atmosphere(metallicity, star, place), metallicity
        there = _main_sequence_place(metallicity[double], second, log_age[double])
        stars[1][:, double] = *_atmosphere(metallicity[double], second, there), metallicity[double]
        return stars

    return assembled(
        np.stack([pair(metallicity + change) for change in (-STEP, 0.0, STEP)]),
        chosen.number,
        initial_mass=_MASSES[star],
        phase=_tracks(0).phase[point],
        mass=_along_tracks("mass", metallicity, star, place).astype(np.float32),
        # A point of a track may last longer than the component formed stars.
        age=np.clip(1e-3 * (10.0**log_age - 1.0), *component.ages).astype(np.float32),
    )


def _alive(component: Component, binary_fraction: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find all states that a component's stars are in: [Fe/H], index of mass, point of the track, number per pc^3."""
    born = component.mass_function.number(_MASS_EDGES)[:, None]
    youngest, oldest = (1e3 * age for age in component.ages)
    parts = []
    for metallicity in metallicities(component):
        lower, part = _between(np.asarray(metallicity))
        log_time = _table("log_time")
        time = 10.0 ** _mix(log_time[lower], log_time[lower + 1], part) - 1.0
        number = born * np.diff(formed(np.clip(time, youngest, oldest), component.decay), axis=1)
        star, point = np.nonzero(number)
        parts.append((np.full(star.shape, metallicity), star, point, number[star, point]))
    metallicity, star, point, number = (np.concatenate(p) for p in zip(*parts, strict=True))
    log_l = _along_tracks("log_luminosity", metallicity, star, point + 0.5)
    giant = _tracks(0).phase[point] == _GIANT_BRANCH
    number = number * np.where(giant, pace(log_l, _MASSES[star], metallicity), 1.0)
    mass = _along_tracks("mass", metallicity, star, point.astype(float))
    span = np.diff(formed(np.array((youngest, oldest)), component.decay))
    gone = np.maximum(len(parts) * span * born[:, 0] - np.bincount(star, number, born.size), 0.0)
    return metallicity, star, point, scaled(component, number, mass, binary_fraction, _MASSES[star], (gone, _MASSES))


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
    """Log L, log Teff and log g, the red clump and cool dwarfs corrected."""
    phase = _tracks(0).phase
    burning = phase[place.astype(int)] == _HELIUM
    # Stars of the clump are as others of more mass.
    like = np.where(burning, np.searchsorted(_MASSES, clump_mass(_MASSES))[star], star)
    log_l, log_teff = (_along_tracks(name, metallicity, like, place) for name in ("log_luminosity", "log_teff"))
    middle = float(np.flatnonzero(phase == _HELIUM)[PHASES["core helium burning"] // 3])
    typical = _along_tracks("log_luminosity", metallicity, like, np.full(star.shape, middle))
    shifts = clump_shifts(log_l - typical, _MASSES[star], metallicity)
    log_l, log_teff = log_l + burning * shifts[0], log_teff + burning * shifts[1]
    log_teff = log_teff + (phase[place.astype(int)] == _MAIN_SEQUENCE) * cool_dwarf_shift(log_l)
    return log_l, log_teff, log_gravity(_along_tracks("mass", metallicity, star, place), log_l, log_teff)
