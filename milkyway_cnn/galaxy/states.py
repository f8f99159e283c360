"""The states that the stars of a component are in: tracks or isochrones become them, and stars are drawn from them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from milkyway_cnn.galaxy.density import Axisymmetric, Component, Triaxial
from milkyway_cnn.galaxy.evolution import PHASES
from milkyway_cnn.galaxy.stars import NEAR_INFRARED, STEEPEST, combined_magnitudes

__all__ = ["LEAST_RATIO", "STEP", "Chosen", "States", "assembled", "chosen_states", "formed", "metallicities", "scaled"]

#: Step of derivatives with respect to [Fe/H] (dex).
STEP = 0.1
#: Least mass ratio of a binary; above it all are as frequent (Raghavan et al. 2010, ApJS 190, 1, Figure 16).
LEAST_RATIO = 0.1
# States kept of a component, and metallicities among them.
_STATES, _METALLICITIES = 8192, 5
# Standard normal at the middles of as many equally likely steps, with a standard deviation of 1.
_DEVIATES = np.array([NormalDist().inv_cdf((k + 0.5) / _METALLICITIES) for k in range(_METALLICITIES)])
_DEVIATES /= _DEVIATES.std()
# Multiples of these fill the unit square evenly (Roberts 2018, the sequence R2).
_R2 = np.array((0.7548776662466927, 0.5698402909980532))
_MAIN_SEQUENCE = list(PHASES).index("main sequence")


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


def metallicities(component: Component) -> np.ndarray:
    """A few [Fe/H] that stand for those of a component, all as frequent."""
    return component.metallicity + component.metallicity_spread * _DEVIATES


def formed(age: np.ndarray, decay: float) -> np.ndarray:
    """Stars formed since `age` (Myr), of arbitrary scale, at a rate that grows as exp(decay x age in Gyr)."""
    return np.expm1(1e-3 * decay * age) / decay if decay else age


def scaled(
    component: Component,
    number: np.ndarray,
    mass: np.ndarray,
    binary_fraction: float,
    initial: np.ndarray,
    dead: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Numbers per pc^3 from those of arbitrary scale, such that the component has its density.

    Parameters
    ----------
    number, mass, initial
        Of each state: stars, or binaries, and present and initial mass (Msun) of the primary.
    dead
        Numbers of dead stars, of the same scale, and their initial masses (Msun). Where the density counts remnants,
        these have 0.109 m + 0.394 Msun (Kalirai et al. 2008, ApJ 676, 594), and 1.4 Msun from 8 Msun on [OC].
    """
    gone, born_with = dead if component.remnants else (np.zeros(0), np.zeros(0))
    if isinstance(component, Triaxial):
        return number * component.number_density / (number.sum() + gone.sum())
    assert isinstance(component, Axisymmetric)
    left = np.where(born_with < 8.0, 0.109 * born_with + 0.394, 1.4)
    both = mass + 0.5 * (1.0 + LEAST_RATIO) * binary_fraction * initial
    return number * component.mass_density / ((number * both).sum() + (gone * left).sum())


@dataclass(frozen=True)
class Chosen:
    """States that stand for all: their rows, numbers, places within them (0 to 1), and companions.

    `double` are those states with a companion, `ratio` the mass ratio of each of these.
    """

    rows: np.ndarray
    number: np.ndarray
    along: np.ndarray
    double: np.ndarray
    ratio: np.ndarray


def chosen_states(log_luminosity: np.ndarray, number: np.ndarray, binary_fraction: float) -> Chosen:
    """Choose a fixed number of states by systematic sampling that favors luminous stars, with numbers that make up."""
    order = np.argsort(log_luminosity, kind="stable")
    favor = number * 10.0 ** (0.6 * np.clip(log_luminosity, -3.0, 4.0))
    running = np.cumsum(favor[order])
    rows = order[np.searchsorted(running, (np.arange(_STATES) + 0.5) / _STATES * running[-1])]
    along, draw = (np.arange(_STATES)[:, None] * _R2 % 1.0).T
    double = np.flatnonzero(draw < binary_fraction)
    ratio = LEAST_RATIO + (1.0 - LEAST_RATIO) * draw[double] / max(binary_fraction, 1e-9)
    return Chosen(rows, number[rows] / favor[rows] * running[-1] / _STATES, along, double, ratio)


def assembled(atmosphere: np.ndarray, number: np.ndarray, near_infrared: np.ndarray | None = None, **known) -> States:
    """States from the atmospheres of both stars at [Fe/H] less `STEP`, as it is, and plus `STEP`: (3, 2, 4, states).

    Magnitudes follow from the atmospheres by the relations of `milkyway_cnn.galaxy.photometry`, unless
    `near_infrared`, absolute J, H, Ks of both stars together, (3, states), takes their place.
    """
    poorer, magnitudes, richer = np.swapaxes(combined_magnitudes(atmosphere, NEAR_INFRARED), 1, 2)
    slopes = (richer - poorer) / (2.0 * STEP)
    _, log_teff, log_g, metallicity = atmosphere[1, 0]
    return States(
        magnitudes=(magnitudes if near_infrared is None else near_infrared.T).astype(np.float32),
        # Supergiants cross the diagram within a step; what they would do over the whole disc is unknown.
        slopes=np.clip(slopes, -STEEPEST, STEEPEST).astype(np.float32),
        number=number,
        log_teff=log_teff,
        log_g=log_g,
        metallicity=metallicity,
        atmosphere=atmosphere.astype(np.float32),
        **known,
    )
