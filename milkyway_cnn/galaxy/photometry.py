"""Intrinsic magnitudes and colors of stars in the 2MASS bands from effective temperature, gravity and [Fe/H]."""

from __future__ import annotations

import numpy as np

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

# Mean dwarf colors of solar metallicity: Pecaut & Mamajek 2013, ApJS 208, 9, in the table's version 2024.05.15.
# Teff (K), BC_Ks, J-H, H-Ks; BC_Ks = BC_V + (V-Ks).
_DWARFS = np.array(
    [
        (33300.0, -4.110, -0.164, -0.071),  # O9V
        (31400.0, -3.948, -0.159, -0.067),  # B0V
        (20600.0, -2.632, -0.113, -0.032),  # B2V
        (15700.0, -1.720, -0.084, -0.010),  # B5V
        (12300.0, -0.984, -0.067, +0.003),  # B8V
        (9700.0, -0.169, -0.032, +0.028),  # A0V
        (8100.0, +0.403, +0.031, +0.038),  # A5V
        (7220.0, +0.744, +0.096, +0.045),  # F0V
        (6550.0, +1.059, +0.173, +0.054),  # F5V
        (5930.0, +1.372, +0.262, +0.067),  # G0V
        (5770.0, +1.479, +0.293, +0.073),  # G2V
        (5290.0, +1.758, +0.387, +0.091),  # K0V
        (4440.0, +2.250, +0.568, +0.132),  # K5V
        (4090.0, +2.420, +0.619, +0.164),  # K7V
        (3850.0, +2.500, +0.627, +0.190),  # M0V
        (3560.0, +2.610, +0.600, +0.234),  # M2V
        (3430.0, +2.670, +0.579, +0.252),  # M3V
        (3210.0, +2.740, +0.557, +0.280),  # M4V
        (3060.0, +2.840, +0.580, +0.312),  # M5V
        (2810.0, +2.970, +0.605, +0.352),  # M6V
        (2570.0, +3.050, +0.677, +0.450),  # M8V
    ]
)[::-1].T

# Teff = sum of c_i times 1, X, X^2, X^3, X^5, g, gX, gX^2, gX^3, gX^5, f, fX, fX^2, fX^3, fgX with X = RP-J,
# RP-H, RP-Ks, g = log g and f = [Fe/H]: Casagrande et al. 2021, MNRAS 507, 2684, Table 1 (Gaia DR3 set).
_CASAGRANDE = {
    "J": (9046.6493, -7392.3789, 2841.5464, 0, -85.7060, 0, -88.8397, 80.2959, 0, -15.3872, 0, 54.6816, 0, 0, -32.9499),
    "H": (8870.9090, -4702.5469, 1282.3384, 0, -15.8164, 0, -30.1373, 27.9228, 0, -4.8012, 0, 25.1870, 0, 0, -22.3020),
    "Ks": (8910.6966, -4305.9927, 1051.8759, 0, -8.6045, 0, -76.7984, 55.5861, 0, -3.9681, 0, 35.4718, 0, 0, -16.4448),
}
#: Range of X in which the relations hold for dwarfs and for giants, the wider of the two ends.
_VALID = {"J": (0.20, 1.55), "H": (0.20, 2.45), "Ks": (0.20, 2.70)}
# Coolest giant of the relations (K), and how J-H and H-Ks go on below, per K [OC]: J-Ks + 0.035 per 100 K.
_COOLEST_GIANT, _COOL_J_H, _COOL_H_KS = 3600.0, 1.0e-4, 2.5e-4


def _index(band: str, teff: np.ndarray, log_g: np.ndarray, metallicity: np.ndarray) -> np.ndarray:
    """Find the color RP - band at which the relation of Casagrande et al. gives `teff`, by bisection."""
    c = _CASAGRANDE[band]
    # Powers of X, each with what multiplies it: 0, 1, 2, 3, 5.
    a0 = c[0] + c[5] * log_g + c[10] * metallicity
    a1 = c[1] + c[6] * log_g + c[11] * metallicity + c[14] * metallicity * log_g
    a2 = c[2] + c[7] * log_g + c[12] * metallicity
    a3 = c[3] + c[8] * log_g + c[13] * metallicity
    a5 = c[4] + c[9] * log_g
    low, high = (np.full(np.shape(teff), end) for end in _VALID[band])
    for _ in range(20):
        x = 0.5 * (low + high)
        hotter = a0 + x * (a1 + x * (a2 + x * (a3 + x * x * a5))) > teff
        low, high = np.where(hotter, x, low), np.where(hotter, high, x)
    return 0.5 * (low + high)


def _ramp(x: np.ndarray, start: float, end: float) -> np.ndarray:
    return np.clip((x - start) / (end - start), 0.0, 1.0)


def colors(teff: np.ndarray, log_g: np.ndarray, metallicity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intrinsic J-H and H-Ks (mag, 2MASS) of stars of effective temperature (K), log g (cgs) and [Fe/H].

    The relations of Casagrande et al. 2021 between Gaia and 2MASS colors and effective temperature, inverted, for
    giants and for dwarfs from 4100 to 6600 K; the mean dwarf table of Pecaut & Mamajek above 7200 K and for
    dwarfs below 3900 K, joined linearly in between [OC]. Below 3600 K the color J-Ks of giants grows by
    0.035 mag per 100 K [OC]. The three routes through G, BP and RP differ by 0.016 mag or less above 3900 K.
    """
    teff, log_g, metallicity = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (teff, log_g, metallicity)))
    kept = np.clip(teff, _COOLEST_GIANT, 7500.0)
    rp_j, rp_h, rp_ks = (_index(band, kept, log_g, metallicity) for band in _CASAGRANDE)
    missing = np.clip(_COOLEST_GIANT - teff, 0.0, 1000.0)
    j_h = rp_h - rp_j + _COOL_J_H * missing
    h_ks = rp_ks - rp_h + _COOL_H_KS * missing
    dwarf = _ramp(log_g, 3.2, 3.8)
    table = np.maximum(_ramp(teff, 6600.0, 7200.0), dwarf * _ramp(teff, 4100.0, 3900.0))
    j_h = j_h + table * (np.interp(teff, _DWARFS[0], _DWARFS[2]) - j_h)
    h_ks = h_ks + table * (np.interp(teff, _DWARFS[0], _DWARFS[3]) - h_ks)
    return j_h, h_ks


def bolometric_correction_ks(teff: np.ndarray, log_g: np.ndarray) -> np.ndarray:
    """Bolometric correction M_bol - M_Ks (mag).

    -6.75 log10(Teff / 9500 K) (Buzzoni et al. 2010, MNRAS 403, 1592) from 4100 K, and for giants at any lower
    temperature, to 6500 K; the mean dwarf table of Pecaut & Mamajek elsewhere.
    """
    teff, log_g = np.asarray(teff, dtype=float), np.asarray(log_g, dtype=float)
    law = -6.75 * np.log10(teff / 9500.0)
    table = np.maximum(_ramp(teff, 6400.0, 6800.0), _ramp(log_g, 3.2, 3.8) * _ramp(teff, 4300.0, 4000.0))
    return law + table * (np.interp(teff, _DWARFS[0], _DWARFS[1]) - law)


def log_gravity(mass: np.ndarray, log_luminosity: np.ndarray, log_teff: np.ndarray) -> np.ndarray:
    """Surface gravity (log10 cgs) of stars of mass (Msun), luminosity (log10 of solar) and log10 Teff (K)."""
    return SUN_LOG_G + np.log10(mass) - log_luminosity + 4.0 * (log_teff - np.log10(SUN_TEFF))


def absolute_magnitudes(
    log_luminosity: np.ndarray, teff: np.ndarray, log_g: np.ndarray, metallicity: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Absolute magnitudes M_J, M_H, M_Ks of stars of luminosity (log10 of solar), Teff (K), log g and [Fe/H]."""
    ks = SUN_BOLOMETRIC - 2.5 * np.asarray(log_luminosity) - bolometric_correction_ks(teff, log_g)
    j_h, h_ks = colors(teff, log_g, metallicity)
    return ks + h_ks + j_h, ks + h_ks, ks
