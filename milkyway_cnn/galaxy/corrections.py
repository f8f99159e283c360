"""Where stars differ from their tracks: the red clump, the bump of the giant branch, and cool dwarfs [OC].

The formulas of Hurley et al. make the clump too wide and, where metals are many, too luminous and too cool, and they
know no bump. The numbers here are read off PARSEC isochrones of 2.5 to 12 Gyr (clump) and 4 to 12 Gyr (bump) at
[Fe/H] = 0 and -0.8, whose mean magnitudes they reproduce; the mean of the disc's clump is then M_Ks = -1.606
(Ruiz-Dern et al. 2018) within 0.05. Dwarfs of 0.2 to 0.6 solar masses come out up to 160 K too hot for their
luminosity, and 0.8 mag too faint in G for their color; the mean dwarf table says how hot they are.
"""

from __future__ import annotations

import numpy as np

__all__ = ["bump_excess", "clump_shifts", "cool_dwarf_shift"]

# Of the clump: [Fe/H], what is added to M_bol (mag) and to log Teff (dex), and how much of a star's own change in
# luminosity is kept.
_METALLICITY, _FAINTER, _HOTTER = (-0.8, 0.0, 0.2), (-0.06, 0.25, 0.25), (-0.0128, 0.0120, 0.0120)
_KEPT = 0.25
# Of the bump: log L at [Fe/H] = 0 and its change per dex, width (dex), and the dex of log L elsewhere for which giants
# take as long as they linger there.
_BUMP, _BUMP_SLOPE, _BUMP_WIDTH, _BUMP_WORTH = 1.55, -0.30, 0.05, 0.25
# Of cool dwarfs: log L, and log Teff of the mean dwarf table of Pecaut & Mamajek (version 2022.04.16) less that of
# the tracks at Z = 0.02.
_DWARF_LOG_L = (-2.6, -2.4, -2.2, -2.0, -1.8, -1.6, -1.4, -1.2, -1.0, -0.8)
_DWARF_LOG_TEFF = (0.0, -0.007, -0.016, -0.021, -0.019, -0.020, -0.013, -0.011, -0.003, 0.0)


def cool_dwarf_shift(log_luminosity: np.ndarray) -> np.ndarray:
    """What is added to log Teff (dex) of stars on the main sequence, of any metallicity."""
    return np.asarray(np.interp(log_luminosity, _DWARF_LOG_L, _DWARF_LOG_TEFF))


def clump_shifts(change: np.ndarray, metallicity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is added to log L and log Teff of stars of less than 2.2 Msun that burn helium in their cores.

    Parameters
    ----------
    change
        log L over that after a third of the phase.
    metallicity
        [Fe/H].
    """
    fainter = np.interp(metallicity, _METALLICITY, _FAINTER)
    return -0.4 * fainter - (1.0 - _KEPT) * change, np.interp(metallicity, _METALLICITY, _HOTTER)


def bump_excess(log_luminosity: np.ndarray, metallicity: np.ndarray) -> np.ndarray:
    """Time that giants linger at the bump of their branch, relative to what the track says.

    It lies where hydrogen burns into what convection had mixed, at log L = 1.55 - 0.30 [Fe/H].
    """
    away = (log_luminosity - _BUMP - _BUMP_SLOPE * metallicity) / _BUMP_WIDTH
    return _BUMP_WORTH / (_BUMP_WIDTH * np.sqrt(2.0 * np.pi)) * np.exp(-0.5 * np.square(away))
