"""Evolution of single stars in time, with mass loss: tracks from the zero-age main sequence to the end of the AGB."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from milkyway_cnn.galaxy.giants import CoreGrowth, Giants
from milkyway_cnn.galaxy.photometry import SUN_TEFF
from milkyway_cnn.galaxy.winds import lose_mass, luminous_wind, wind

__all__ = ["PHASES", "Tracks", "tracks"]

#: Phases in their order, with the number of points each has in a track.
PHASES = {
    "main sequence": 48,
    "Hertzsprung gap": 13,
    "giant branch": 49,
    "core helium burning": 33,
    "early AGB": 25,
    "thermally pulsing AGB": 41,
}
_MS, _HG, _GB, _CHEB, _EAGB, _TPAGB = range(6)
#: Sweeps over a phase in which a star's state and its wind settle; each makes the error several times smaller.
_SWEEPS = 6


@dataclass(frozen=True)
class Tracks:
    """Tracks of stars of one metallicity; axes (stars, points), the points of a phase following one another.

    Parameters
    ----------
    initial_mass
        Msun: (stars,).
    phase
        Index into `PHASES`: (points,).
    time
        Since the zero-age main sequence (Myr). It stands still once a star has lost its envelope.
    log_luminosity, log_teff
        log10 of Lsun and of K.
    mass
        Msun, after mass loss.
    """

    initial_mass: np.ndarray
    phase: np.ndarray
    time: np.ndarray
    log_luminosity: np.ndarray
    log_teff: np.ndarray
    mass: np.ndarray


def tracks(metallicity: float, initial_mass: np.ndarray) -> Tracks:
    """Evolve stars of one metallicity Z and of the given initial masses (Msun), ascending or not.

    Winds follow Vink et al. (2001) and Nieuwenhuijzen & de Jager (1990), hot and cool, wherever stars have more than
    4000 Lsun, Reimers (1975) with a coefficient of 0.5 from the giant branch on, and Vassiliadis & Wood (1993) on the
    AGB; the strongest of them blows.
    Rotation, companions and the last thin envelopes are left out.
    """
    c = Giants(metallicity)
    m = np.asarray(initial_mass, dtype=float)
    main_sequence, epoch = _main_sequence(c, m)
    gap, epoch = _hertzsprung_gap(c, main_sequence[3][:, -1], epoch)
    parts = [main_sequence, gap]
    # No star of less than 0.6 Msun has left the main sequence yet, nor do the formulas for giants reach them.
    m = np.maximum(gap[3][:, -1], 0.6)
    parts.append(_giant_branch(c, m, epoch))
    mass = parts[-1][3][:, -1]
    # A star that flashed forgets its history: from here on it evolves as one of the mass that is left.
    born = np.where(m <= c.m_hef, mass, m)
    ignition = parts[-1][0][:, -1]
    parts.append(_core_helium_burning(c, born, mass, ignition))
    parts += _asymptotic_giant_branch(c, born, parts[-1][3][:, -1], parts[-1][0][:, -1])
    time, luminosity, radius, mass = (np.concatenate(p, axis=1) for p in zip(*parts, strict=True))
    phase = np.repeat(np.arange(len(PHASES)), list(PHASES.values())).astype(np.uint8)
    time = np.maximum.accumulate(time, axis=1)
    log_luminosity = np.log10(luminosity)
    log_teff = np.log10(SUN_TEFF) + 0.25 * (log_luminosity - 2.0 * np.log10(radius))
    return Tracks(np.asarray(initial_mass, dtype=float), phase, time, log_luminosity, log_teff, mass)


_Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _points(phase: str) -> np.ndarray:
    return np.linspace(0.0, 1.0, PHASES[phase])


def _main_sequence(c: Giants, m: np.ndarray) -> tuple[_Part, np.ndarray]:
    late = PHASES["main sequence"] // 2
    tau = np.concatenate((np.linspace(0.0, 0.9, late, endpoint=False), np.linspace(0.9, 1.0, late)))
    return _follow(c, c.main_sequence, lambda m, tau: c.t_ms(m) * tau, m, np.zeros_like(m), tau)


def _hertzsprung_gap(c: Giants, m: np.ndarray, epoch: np.ndarray) -> tuple[_Part, np.ndarray]:
    def state(m, tau):
        at_end = np.where(m <= c.m_fgb, c.l_bgb(m), c.l_hei(m))
        r_end = np.where(m <= c.m_fgb, c.r_gb(m, at_end), _r_ignition(c, m))
        start = c.main_sequence(m, np.ones_like(m))
        return tuple(x * (y / x) ** tau for x, y in zip(start, (at_end, r_end), strict=True))

    def age(m, tau):
        return c.t_ms(m) + (c.t_bgb(m) - c.t_ms(m)) * tau

    return _follow(c, state, age, m, epoch, _points("Hertzsprung gap"))


def _follow(c: Giants, state, age, born: np.ndarray, epoch: np.ndarray, tau: np.ndarray) -> tuple[_Part, np.ndarray]:
    """Follow stars through a phase before the giant branch; also tell by how much their clocks differ from their ages.

    A star that loses mass here is at all times as one born with its present mass, as far through the phase (`tau`) as
    before: its age changes, and time less age, its `epoch`, makes up for it (section 7.1).

    Parameters
    ----------
    state, age
        Luminosity and radius, and age (Myr), of stars of a mass at `tau`.
    """
    middle = 0.5 * (tau[1:] + tau[:-1])
    mass, shift = born[:, None] + np.zeros_like(tau), epoch[:, None] + np.zeros_like(tau)
    for _ in range(_SWEEPS):
        luminosity, radius = state(mass, tau)
        rate = luminous_wind(c, luminosity, radius, mass)
        if not rate.any():
            break
        span = age(mass, tau)[:, 1:] - age(mass[:, 1:], tau[:-1])
        lost = 0.5e6 * (rate[:, 1:] + rate[:, :-1]) * span
        mass = np.concatenate((born[:, None], born[:, None] - np.cumsum(lost, axis=1)), axis=1)
        older = age(mass[:, 1:], middle) - age(mass[:, :-1], middle)
        shift = epoch[:, None] - np.concatenate((np.zeros_like(born)[:, None], np.cumsum(older, axis=1)), axis=1)
    return (age(mass, tau) + shift, luminosity, radius, mass), shift[:, -1]


def _r_ignition(c: Giants, m: np.ndarray) -> np.ndarray:
    """Radius at helium ignition of stars too massive for a giant branch."""
    smallest = np.minimum(c.r_min(m), c.r_agb(m, c.l_hei(m)))
    power = np.log(np.clip(m, c.m_fgb, 12.0) / 12.0) / np.log(c.m_fgb / 12.0) if c.m_fgb < 12.0 else 0.0
    radius = smallest * (c.r_gb(m, c.l_hei(m)) / smallest) ** power
    return np.where(c.blue_fraction(m) > 0.0, radius, c.r_agb(m, c.l_hei(m)))


def _giant_branch(c: Giants, m: np.ndarray, epoch: np.ndarray) -> _Part:
    giant = CoreGrowth(c, m)
    top = np.where(m <= c.m_fgb, c.l_hei(m), 1.0)
    base = np.where(m <= c.m_fgb, c.l_bgb(m), 1.0)
    luminosity = base[:, None] * (top / base)[:, None] ** _points("giant branch")
    core = [giant.core_mass(x) for x in luminosity.T]
    time = [epoch + c.t_bgb(m) + giant.duration(giant.hydrogen, core[0], x) for x in core]
    part = lose_mass(c, np.stack(time, axis=1), luminosity, m, c.r_gb, np.minimum(core[-1], 0.9 * m), pulsating=False)
    # Beyond the last mass with a giant branch this phase has no duration; it shows the end of the gap.
    absent = (m > c.m_fgb)[:, None]
    at_end = epoch + c.t_bgb(m), c.l_hei(m), _r_ignition(c, m), m
    t, l, r, mass = (np.where(absent, x[:, None], y) for x, y in zip(at_end, part, strict=True))
    return t, l, r, mass


def _core_helium_burning(c: Giants, born: np.ndarray, mass: np.ndarray, ignition: np.ndarray) -> _Part:
    tau = _points("core helium burning")
    core = np.where(born <= c.m_hef, CoreGrowth(c, born).core_mass(c.l_hei(born)), c.mc_hei(born))
    time = ignition[:, None] + c.t_he(born, core)[:, None] * tau
    low = partial(_low_mass_helium, c, born, core)
    middle = partial(_intermediate_mass_helium, c, born)
    high = partial(_high_mass_helium, c, born)
    luminosity = np.empty_like(time)
    radius, masses = np.empty_like(time), np.empty_like(time)
    for k, now in enumerate(tau):
        if k:
            rate = wind(c, luminosity[:, k - 1], radius[:, k - 1], mass, pulsating=False)
            lost = 1e6 * rate * (time[:, k] - time[:, k - 1])
            mass = np.maximum(mass - lost, np.minimum(mass, 1.001 * core))
        states = [law(mass, now) for law in (low, middle, high)]
        choice = [born <= c.m_hef, born <= c.m_fgb]
        luminosity[:, k] = np.select(choice, [s[0] for s in states[:2]], states[2][0])
        radius[:, k] = np.select(choice, [s[1] for s in states[:2]], states[2][1])
        masses[:, k] = mass
    return time, luminosity, radius, masses


def _loop_radius(smallest, start, end, tau) -> np.ndarray:
    """Radius on a blue loop that leads from `start` through `smallest` to `end` (equation 64)."""
    smallest = np.minimum(smallest, start)
    left = np.cbrt(np.log(start / smallest))
    right = np.cbrt(np.log(np.maximum(end / smallest, 1.0)))
    return smallest * np.exp(np.abs(left * (tau - 1.0) + right * tau) ** 3)


def _low_mass_helium(c, born, core, mass, tau) -> tuple[np.ndarray, np.ndarray]:
    born = np.minimum(born, c.m_hef)
    start, end = c.l_zahb(born, core), c.l_bagb(born)
    core = core + (c.mc_bagb(born) - core) * tau
    r_start = c.r_zahb(np.minimum(mass, c.m_hef), core)
    smallest = c.r_gb(mass, start) * c.r_min_hef ** (born / c.m_hef)
    power = np.clip(smallest / r_start, 0.4, 2.5)
    radius = _loop_radius(smallest, r_start, c.r_agb(mass, end), tau)
    return start * (end / start) ** (tau**power), radius


def _intermediate_mass_helium(c, born, mass, tau) -> tuple[np.ndarray, np.ndarray]:
    born = np.clip(born, c.m_hef, c.m_fgb)
    red = 1.0 - c.blue_fraction(born)
    lowest, end = c.l_he_ratio(born) * c.l_hei(born), c.l_bagb(born)
    before = np.clip(1.0 - tau / np.maximum(red, 1e-9), 0.0, 1.0)
    on_branch = lowest * (c.l_hei(born) / lowest) ** (before**3)
    part = np.clip((tau - red) / np.maximum(1.0 - red, 1e-9), 0.0, 1.0)
    start, smallest = c.r_gb(mass, lowest), c.r_min(mass)
    power = np.clip(smallest / start, 0.4, 2.5)
    luminosity = np.where(tau < red, on_branch, lowest * (end / lowest) ** (part**power))
    radius = _loop_radius(smallest, start, c.r_agb(mass, end), part)
    return luminosity, np.where(tau < red, c.r_gb(mass, on_branch), radius)


def _high_mass_helium(c, born, mass, tau) -> tuple[np.ndarray, np.ndarray]:
    born = np.maximum(born, c.m_fgb)
    blue = c.blue_fraction(born)
    start, end = c.l_hei(born), c.l_bagb(born)
    r_start = _r_ignition(c, born)
    smallest = np.minimum(c.r_min(born), c.r_agb(mass, start))
    power = np.clip(smallest / r_start, 0.4, 2.5)
    luminosity = start * (end / start) ** (tau**power)
    at_end = start * (end / start) ** (blue**power)
    part = np.clip(tau / np.maximum(blue, 1e-9), 0.0, 1.0)
    radius = _loop_radius(smallest, r_start, c.r_agb(mass, at_end), part)
    return luminosity, np.where(tau < blue, radius, c.r_agb(mass, luminosity))


def _asymptotic_giant_branch(c: Giants, born: np.ndarray, mass: np.ndarray, start: np.ndarray) -> list[_Part]:
    giant = CoreGrowth(c, born)
    helium = c.mc_bagb(born)
    # Where the first pulse happens, and the core mass that ends it all (section 5.4 and equation 75).
    pulse = np.where((helium >= 0.8) & (helium < 2.25), 0.44 * helium + 0.448, helium)
    carbon = giant.core_mass(c.l_bagb(born))
    largest = np.maximum(np.maximum(1.44, 0.773 * helium - 0.35), 1.05 * carbon)
    top = giant.luminosity(np.minimum(pulse, largest))
    parts = []
    dredge = np.minimum(0.9, 0.3 + 0.001 * born**5)
    last = np.maximum((largest - dredge * pulse) / (1.0 - dredge), pulse)
    last = np.where(pulse < largest, giant.luminosity(last), top)
    ladders = (
        ("early AGB", c.l_bagb(born), top, CoreGrowth.HELIUM, helium),
        ("thermally pulsing AGB", top, last, CoreGrowth.BOTH, np.minimum(pulse, largest)),
    )
    for phase, bottom, ceiling, rate, core in ladders:
        luminosity = bottom[:, None] * np.maximum(ceiling / bottom, 1.0)[:, None] ** _points(phase)
        cores = [giant.core_mass(x) for x in luminosity.T]
        time = np.stack([start + giant.duration(rate, cores[0], x) for x in cores], axis=1)
        part = lose_mass(c, time, luminosity, mass, c.r_agb, np.minimum(core, mass), pulsating=True)
        # A star that lost its envelope earlier has no further phase.
        over = (mass <= core)[:, None]
        parts.append((np.where(over, start[:, None], part[0]), *part[1:]))
        start, mass = parts[-1][0][:, -1], part[3][:, -1]
    return parts
