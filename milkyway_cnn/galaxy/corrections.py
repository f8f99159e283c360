"""Where stars differ from their tracks: the red clump, the pace of the giant branch, and cool dwarfs [OC].

What is known of giants is read off PARSEC isochrones (1.2S, CMD 3.9; those of the tests, and the tables of [Fe/H] =
-0.5, -0.25, 0 and 0.25 in genulens 2.0.0a4), whose mean magnitudes it reproduces.

The formulas of Hurley et al. make the clump too wide and, where metals are many, too luminous and too cool; corrected
by isochrones of 2.5 to 12 Gyr, the mean of the disc's clump is M_Ks = -1.606 (Ruiz-Dern et al. 2018) within 0.05. In
PARSEC, which mixes more of the core, helium ignites without a flash, and the clump is faintest, at masses 0.10 Msun
lower, and more massive stars need about half the correction: both are fitted to isochrones of 1 and 2 Gyr, and of 1.5
Gyr at -0.25 and 0.25. Those of 0.6 and 1.5 Gyr at 0, which showed what form to fit but were not fitted, agree within
0.02 mag, but at [Fe/H] = -0.5 the clump of 1.5 Gyr, in PARSEC still one of stars that flashed, is 0.3 mag too faint,
and that of 1 Gyr 0.08.

The formulas know no bump of the giant branch; its place and size are those in isochrones of 4 to 12 Gyr. Stars of
more than 1.4 Msun leave the main sequence with a convective core, and in PARSEC run through the lower giant branch in
a quarter of the formulas' time, linger at a bump that lies the higher the more massive they are, and take 2.5 times
as long beyond it. How they do is fitted to isochrones of 2 Gyr ([Fe/H] = -0.5 to 0.25), 3 Gyr (-0.25 to 0.25), 1.5
Gyr (-0.5, -0.25 and 0.25), 4 and 6 Gyr (0). The time before the bump was held to at least 0.22 of the formulas', as
it is 0.2 to 0.5 in the isochrones: left free it is 0.04, for the bump's wing stands in. Those of 0.6, 1.5 and 2.5 Gyr
at 0, which the fit did not see, have the same mean M_Ks within 0.05 mag; but that limit was chosen among three with
their agreement in view (0.33 leaves 0.12, 0.03 and 0.06 mag, no limit 0.42, 0.06 and 0.11).

Dwarfs of 0.2 to 0.6 solar masses come out up to 160 K too hot for their luminosity, and 0.8 mag too faint in G for
their color; the mean dwarf table says how hot they are.
"""

from __future__ import annotations

import numpy as np

__all__ = ["clump_mass", "clump_shifts", "cool_dwarf_shift", "pace"]

# Of the clump: [Fe/H], what is added to M_bol (mag) and to log Teff (dex), and how much of a star's own change in
# luminosity is kept; initial masses (Msun), by how much heavier the tracks are, and parts of what is added to M_bol, to
# log Teff and taken from the change.
_METALLICITY = (-0.8, -0.5, -0.25, 0.0, 0.25)
_FAINTER, _HOTTER = (-0.06, 0.21, 0.26, 0.25, 0.25), (-0.0128, -0.0155, 0.0015, 0.0120, 0.0210)
_KEPT = 0.25
_HEAVIER = (1.5, 1.7, 2.2, 2.5), (0.0, 0.10, 0.10, 0.0)
_PART_FAINTER = (1.6, 1.9, 2.8, 3.4), (1.0, 0.55, 0.55, 0.0)
_PART_HOTTER, _PART_CHANGED = ((2.8, 3.4), (1.0, 0.0)), ((2.2, 2.4), (1.0, 0.0))
# Of the bump: log L at [Fe/H] = 0 and its change per dex, width (dex), and the dex of log L elsewhere for which giants
# take as long as they linger there.
_BUMP, _BUMP_SLOPE, _BUMP_WIDTH, _BUMP_WORTH = 1.55, -0.30, 0.05, 0.25
# The same of massive giants; how their bump rises with the mass (dex / Msun) beyond a mass (Msun); and the time they
# take before and after it over that of the tracks. Between the two masses the one kind becomes the other.
_MASSIVE, _MASSIVE_WIDTH, _MASSIVE_WORTH = (1.36, 1.525), 0.15, 0.65
_RISE, _RISES_FROM, _BEFORE, _AFTER = 0.93, 1.42, 0.22, 2.5
# Of cool dwarfs: log L, and log Teff of the mean dwarf table of Pecaut & Mamajek (version 2022.04.16) less that of
# the tracks at Z = 0.02.
_DWARF_LOG_L = (-2.6, -2.4, -2.2, -2.0, -1.8, -1.6, -1.4, -1.2, -1.0, -0.8)
_DWARF_LOG_TEFF = (0.0, -0.007, -0.016, -0.021, -0.019, -0.020, -0.013, -0.011, -0.003, 0.0)


def cool_dwarf_shift(log_luminosity: np.ndarray) -> np.ndarray:
    """What is added to log Teff (dex) of stars on the main sequence, of any metallicity."""
    return np.asarray(np.interp(log_luminosity, _DWARF_LOG_L, _DWARF_LOG_TEFF))


def clump_mass(mass: np.ndarray) -> np.ndarray:
    """Initial mass (Msun) of the stars whose tracks show how those of `mass` burn helium in their cores."""
    return np.asarray(mass + np.interp(mass, *_HEAVIER))


def clump_shifts(change: np.ndarray, mass: np.ndarray, metallicity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is added to log L and log Teff of stars that burn helium in their cores.

    Parameters
    ----------
    change
        log L over that after a third of the phase.
    mass, metallicity
        Initial mass (Msun), [Fe/H].
    """
    fainter, hotter = (np.interp(metallicity, _METALLICITY, values) for values in (_FAINTER, _HOTTER))
    part_fainter, part_hotter, part_changed = (
        np.interp(mass, *parts) for parts in (_PART_FAINTER, _PART_HOTTER, _PART_CHANGED)
    )
    return -0.4 * part_fainter * fainter - part_changed * (1.0 - _KEPT) * change, part_hotter * hotter


def pace(log_luminosity: np.ndarray, mass: np.ndarray, metallicity: np.ndarray) -> np.ndarray:
    """Time that giants of an initial mass (Msun) take at a luminosity of their branch, over what the track says.

    They linger at the bump, where hydrogen burns into what convection had mixed: at log L = 1.55 - 0.30 [Fe/H], and
    higher where they are massive.
    """
    massive = np.interp(mass, _MASSIVE, (0.0, 1.0))
    away = log_luminosity - _BUMP - _BUMP_SLOPE * metallicity - _RISE * np.maximum(mass - _RISES_FROM, 0.0)
    width, worth = (
        low + (high - low) * massive for low, high in ((_BUMP_WIDTH, _MASSIVE_WIDTH), (_BUMP_WORTH, _MASSIVE_WORTH))
    )
    beyond = 0.5 * (1.0 + np.tanh(away / _BUMP_WIDTH))
    lingering = worth / (width * np.sqrt(2.0 * np.pi)) * np.exp(-0.5 * np.square(away / width))
    return (_BEFORE ** (1.0 - beyond) * _AFTER**beyond) ** massive + lingering
