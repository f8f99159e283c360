"""Winds of single stars: how much mass they lose, and what becomes of giants that do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from milkyway_cnn.galaxy.giants import Giants
from milkyway_cnn.galaxy.photometry import SUN_TEFF

__all__ = ["lose_mass", "luminous_wind", "wind"]

#: Reimers' coefficient of mass loss: section 7.1 of Hurley, Pols & Tout 2000.
_ETA = 0.5


def luminous_wind(c: Giants, luminosity: np.ndarray, radius: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Mass loss (Msun / yr) of stars of any kind from 4000 Lsun on; it sets in over 500 Lsun.

    Vink, de Koter & Lamers 2001, A&A 369, 574, equations 24 and 25, where Teff is 12,500 to 50,000 K, the two laws
    meeting at 25,000 K; they were made for 10^4.5 Lsun or more and are extrapolated below. Nieuwenhuijzen & de Jager
    1990 with a factor of (Z / 0.02)^0.5 elsewhere.
    """
    onset = np.clip((luminosity - 4000.0) / 500.0, 0.0, 1.0)
    cool = 9.6e-15 * np.sqrt(c.z / 0.02) * radius**0.81 * luminosity**1.24 * mass**0.16
    log_l, log_m = np.log10(luminosity / 1e5), np.log10(mass / 30.0)
    teff = SUN_TEFF * (luminosity / radius**2) ** 0.25
    t = np.log10(teff / 4e4)
    # The winds end at 2.6 times the escape velocity above the jump and at 1.3 times below.
    above = -6.697 + 2.194 * log_l - 1.313 * log_m - 1.226 * np.log10(2.6 / 2.0) + 0.933 * t - 10.92 * t**2
    below = -6.688 + 2.210 * log_l - 1.339 * log_m - 1.601 * np.log10(1.3 / 2.0) + 1.07 * np.log10(teff / 2e4)
    hot = (c.z / 0.02) ** 0.85 * 10.0 ** np.where(teff > 25000.0, above, below)
    return onset * np.where((teff > 12500.0) & (teff <= 50000.0), hot, cool)


def wind(c: Giants, luminosity: np.ndarray, radius: np.ndarray, mass: np.ndarray, *, pulsating: bool) -> np.ndarray:
    """Mass loss (Msun / yr) of giants of a luminosity and radius (solar) and mass (Msun), pulsating on the AGB or not.

    Reimers 1975 and, where they pulsate, Vassiliadis & Wood 1993, or `luminous_wind` where that is stronger.
    """
    rate = np.maximum(4e-13 * _ETA * luminosity * radius / mass, luminous_wind(c, luminosity, radius, mass))
    if not pulsating:
        return rate
    period = np.minimum(1995.0, 8.51e-3 * radius**1.94 / mass**0.9)
    log_rate = -11.4 + 0.0125 * (period - 100.0 * np.maximum(mass - 2.5, 0.0))
    return np.maximum(rate, np.minimum(10.0**log_rate, 1.36e-9 * luminosity))


def lose_mass(
    c: Giants,
    time: np.ndarray,
    luminosity: np.ndarray,
    mass: np.ndarray,
    radius_of: Callable[[np.ndarray, np.ndarray], np.ndarray],
    core: np.ndarray,
    *,
    pulsating: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Follow the wind along given times and luminosities; a star without envelope (mass <= core) stops.

    Parameters
    ----------
    c
        Formulas of the metallicity.
    time, luminosity
        Myr, Lsun: (stars, points).
    mass, core
        At the first point, and of what the wind leaves (Msun): (stars,).
    radius_of
        Radius (Rsun) at a mass and a luminosity.
    pulsating
        As for `wind`.

    Returns
    -------
    tuple
        Time, luminosity, radius and mass: (stars, points) each.
    """
    out_time, out_radius, out_mass = (np.empty_like(time) for _ in range(3))
    now, alive = time[:, 0], np.ones(mass.shape, bool)
    for k in range(time.shape[1]):
        if k:
            span = np.where(alive, time[:, k] - time[:, k - 1], 0.0)
            middle = np.sqrt(luminosity[:, k] * luminosity[:, k - 1])
            rate = wind(c, middle, radius_of(mass, middle), mass, pulsating=pulsating)
            # Half the loss, then the rate again at the mass of the middle of the step.
            half = np.maximum(mass - 0.5e6 * rate * span, 0.9 * core + 0.05)
            lost = 1e6 * span * wind(c, middle, radius_of(half, middle), half, pulsating=pulsating)
            kept = np.minimum(1.0, (mass - core) / np.maximum(lost, 1e-30))
            now = now + span * kept
            mass = mass - lost * kept
            alive = alive & (kept >= 1.0)
        out_time[:, k], out_mass[:, k] = now, mass
        out_radius[:, k] = radius_of(mass, luminosity[:, k])
    return out_time, luminosity, out_radius, out_mass
