"""Intrinsic magnitudes and colors of stars from effective temperature, gravity and [Fe/H]: 2MASS, Gaia, Pan-STARRS.

Which relation holds where, by Teff and log g:

| stars | relation |
|---|---|
| giants from 3600 K, dwarfs from 4100 K, to 6600 K | Casagrande et al. 2021 (`casagrande`), inverted |
| all above 7200 K, dwarfs below 3900 K | mean dwarfs of Pecaut & Mamajek (`dwarfs`) |
| between these | joined linearly [OC]; giants and dwarfs meet between log g = 3.2 and 3.8 |
| giants below 3600 K | J-Ks + 0.035 mag per 100 K [OC]; other colors go on as those of dwarfs do [OC] |

Pan-STARRS r-i follows from BP-RP as in mean dwarfs, and the other bands from r-i and J along the stellar locus
(`locus`), for r-i from -0.4 to 2.0; both know nothing of gravity and little of [Fe/H]. The mean dwarf table ends at
33,300 and 2570 K; beyond, its ends are taken. Gaia colors are those of DR3.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from milkyway_cnn.galaxy.casagrande import color_index
from milkyway_cnn.galaxy.dwarfs import DWARFS, dwarf
from milkyway_cnn.galaxy.locus import panstarrs_magnitude
from milkyway_cnn.surveys.registry import usable_bands

__all__ = [
    "SUN_BOLOMETRIC",
    "SUN_LOG_G",
    "SUN_TEFF",
    "absolute_magnitudes",
    "bolometric_correction_ks",
    "colors",
    "log_gravity",
]

#: Absolute bolometric magnitude, effective temperature (K) and log10 gravity (cgs) of the Sun: IAU 2015, resolutions B2
#: and B3.
SUN_BOLOMETRIC, SUN_TEFF, SUN_LOG_G = 4.74, 5772.0, 4.438

# Coolest giant of the relations (K), and how J-H and H-Ks go on below, per K [OC]: J-Ks + 0.035 per 100 K.
_COOLEST_GIANT, _COOL = 3600.0, {"J-H": 1.0e-4, "H-Ks": 2.5e-4}
# Relations of Casagrande et al., or differences of two, that give a color.
_RELATIONS = {
    "J-H": ("RP-H", "RP-J"),
    "H-Ks": ("RP-Ks", "RP-H"),
    "RP-J": ("RP-J",),
    "BP-RP": ("BP-RP",),
    "G-RP": ("G-RP",),
}


def _ramp(x: np.ndarray, start: float, end: float) -> np.ndarray:
    return np.clip((x - start) / (end - start), 0.0, 1.0)


def _mean_dwarf(color: str, teff: np.ndarray | float) -> np.ndarray:
    if color == "RP-J":
        return dwarf("G-Ks", teff) - dwarf("G-RP", teff) - dwarf("J-H", teff) - dwarf("H-Ks", teff)
    return dwarf(color, teff)


def colors(
    teff: np.ndarray, log_g: np.ndarray, metallicity: np.ndarray, names: Iterable[str] = ("J-H", "H-Ks")
) -> tuple[np.ndarray, ...]:
    """Intrinsic colors (mag) of stars of effective temperature (K), log g (cgs) and [Fe/H], as the module says.

    The three routes through G, BP and RP to colors within 2MASS differ by 0.016 mag or less above 3900 K.

    Parameters
    ----------
    names
        Of J-H, H-Ks, RP-J, BP-RP and G-RP.
    """
    teff, log_g, metallicity = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (teff, log_g, metallicity)))
    kept = np.clip(teff, _COOLEST_GIANT, 7500.0)
    missing = np.clip(_COOLEST_GIANT - teff, 0.0, 1000.0)
    dwarfs = _ramp(log_g, 3.2, 3.8)
    table = np.maximum(_ramp(teff, 6600.0, 7200.0), dwarfs * _ramp(teff, 4100.0, 3900.0))
    index: dict[str, np.ndarray] = {}
    found = []
    for name in names:
        for relation in _RELATIONS[name]:
            if relation not in index:
                gravity = log_g
                if relation == "BP-RP":  # it turns back at high gravity, where no giant is that cool [OC]
                    gravity = np.minimum(log_g, 1.0 + 0.01 * (kept - _COOLEST_GIANT))
                index[relation] = color_index(relation, kept, gravity, metallicity)
        first, *second = (index[relation] for relation in _RELATIONS[name])
        color = first - second[0] if second else first
        if name in _COOL:
            color = color + _COOL[name] * missing
        else:
            color = color + _mean_dwarf(name, np.minimum(teff, _COOLEST_GIANT)) - _mean_dwarf(name, _COOLEST_GIANT)
        found.append(color + table * (_mean_dwarf(name, teff) - color))
    return tuple(found)


def bolometric_correction_ks(teff: np.ndarray, log_g: np.ndarray) -> np.ndarray:
    """Bolometric correction M_bol - M_Ks (mag).

    -6.75 log10(Teff / 9500 K) (Buzzoni et al. 2010, MNRAS 403, 1592) from 4100 K, and for giants at any lower
    temperature, to 6500 K; the mean dwarf table of Pecaut & Mamajek elsewhere.
    """
    teff, log_g = np.asarray(teff, dtype=float), np.asarray(log_g, dtype=float)
    law = -6.75 * np.log10(teff / 9500.0)
    table = np.maximum(_ramp(teff, 6400.0, 6800.0), _ramp(log_g, 3.2, 3.8) * _ramp(teff, 4300.0, 4000.0))
    return law + table * (dwarf("BC_Ks", teff) - law)


def log_gravity(mass: np.ndarray, log_luminosity: np.ndarray, log_teff: np.ndarray) -> np.ndarray:
    """Surface gravity (log10 cgs) of stars of mass (Msun), luminosity (log10 of solar) and log10 Teff (K)."""
    return SUN_LOG_G + np.log10(mass) - log_luminosity + 4.0 * (log_teff - np.log10(SUN_TEFF))


def absolute_magnitudes(
    log_luminosity: np.ndarray,
    teff: np.ndarray,
    log_g: np.ndarray,
    metallicity: np.ndarray,
    bands: Iterable[str] = ("J", "H", "Ks"),
) -> tuple[np.ndarray, ...]:
    """Absolute magnitudes, one array a band, of stars of luminosity (log10 of solar), Teff (K), log g and [Fe/H].

    Parameters
    ----------
    bands
        Of `milkyway_cnn.surveys.registry.BANDS`; what is not asked for is not computed. 2MASS and Gaia magnitudes
        are in the Vega system, Pan-STARRS in AB.

    Raises
    ------
    InputError
        When a band is unknown.
    """
    bands = tuple(bands)
    usable_bands(bands)  # raises what is unknown
    found = {"Ks": SUN_BOLOMETRIC - 2.5 * np.asarray(log_luminosity) - bolometric_correction_ks(teff, log_g)}
    if set(bands) <= {"J", "H", "Ks"}:
        j_h, h_ks = colors(teff, log_g, metallicity)
    else:
        j_h, h_ks, rp_j, bp_rp, g_rp = colors(teff, log_g, metallicity, _RELATIONS)
    found["H"] = found["Ks"] + h_ks
    found["J"] = found["Ks"] + h_ks + j_h
    if not set(bands) <= found.keys():
        found["RP"] = found["J"] + rp_j
        found["BP"], found["G"] = found["RP"] + bp_rp, found["RP"] + g_rp
        r_i = np.interp(bp_rp, DWARFS["BP-RP"][::-1], DWARFS["r-i"][::-1])
        found |= {band: panstarrs_magnitude(band, found["J"], r_i) for band in bands if band not in found}
    return tuple(found[band] for band in bands)
