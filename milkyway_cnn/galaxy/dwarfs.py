"""Mean colors of dwarf stars of solar metallicity, by effective temperature: Pecaut & Mamajek 2013, ApJS 208, 9.

The numbers are those of the table's version 2024.05.15, which its author goes on to improve. The Gaia colors of types
B8 and hotter, which it lacks, follow from its V-Ic by the relations of the Gaia DR3 documentation, section 5.5.1, valid
from V-Ic = -0.4 on; r-i is 1.007 (Rc-Ic) - 0.236 of its Rc-Ic (Jordi, Grebel & Ammon 2006, A&A 460, 339), and -0.4,
the end of the stellar locus, at types O9 and B0.
"""

from __future__ import annotations

import numpy as np

__all__ = ["DWARFS", "dwarf"]

#: Column -> values, in the order of rising `Teff` (K); BC_Ks is M_bol - M_Ks (mag), all others are colors (mag).
DWARFS = dict(
    zip(
        ("Teff", "BC_Ks", "J-H", "H-Ks", "G-Ks", "BP-RP", "G-RP", "r-i"),
        np.array(
            [
                (33300.0, -4.110, -0.164, -0.071, -1.041, -0.516, -0.393, -0.400),  # O9V
                (31400.0, -3.948, -0.159, -0.067, -0.997, -0.497, -0.378, -0.400),  # B0V
                (20600.0, -2.632, -0.113, -0.032, -0.625, -0.330, -0.249, -0.373),  # B2V
                (15700.0, -1.720, -0.084, -0.010, -0.398, -0.244, -0.186, -0.332),  # B5V
                (12300.0, -0.984, -0.067, +0.003, -0.270, -0.170, -0.132, -0.296),  # B8V
                (9700.0, -0.169, -0.032, +0.028, +0.056, -0.037, -0.020, -0.233),  # A0V
                (8100.0, +0.403, +0.031, +0.038, +0.388, +0.194, +0.130, -0.138),  # A5V
                (7220.0, +0.744, +0.096, +0.045, +0.674, +0.377, +0.230, -0.062),  # F0V
                (6550.0, +1.059, +0.173, +0.054, +0.969, +0.587, +0.329, +0.020),  # F5V
                (5930.0, +1.372, +0.262, +0.067, +1.282, +0.784, +0.439, +0.098),  # G0V
                (5770.0, +1.479, +0.293, +0.073, +1.409, +0.823, +0.459, +0.116),  # G2V
                (5290.0, +1.758, +0.387, +0.091, +1.743, +0.983, +0.560, +0.177),  # K0V
                (4440.0, +2.250, +0.568, +0.132, +2.450, +1.430, +0.740, +0.355),  # K5V
                (4090.0, +2.420, +0.619, +0.164, +2.760, +1.700, +0.860, +0.486),  # K7V
                (3850.0, +2.500, +0.627, +0.190, +2.960, +1.840, +0.920, +0.647),  # M0V
                (3560.0, +2.610, +0.600, +0.234, +3.305, +2.230, +1.060, +0.944),  # M2V
                (3430.0, +2.670, +0.579, +0.252, +3.500, +2.500, +1.130, +1.114),  # M3V
                (3210.0, +2.740, +0.557, +0.280, +3.850, +2.940, +1.240, +1.365),  # M4V
                (3060.0, +2.840, +0.580, +0.312, +4.250, +3.350, +1.330, +1.609),  # M5V
                (2810.0, +2.970, +0.605, +0.352, +4.730, +4.160, +1.430, +1.929),  # M6V
                (2570.0, +3.050, +0.677, +0.450, +5.590, +4.860, +1.570, +2.251),  # M8V
            ]
        )[::-1].T,
        strict=True,
    )
)


def dwarf(column: str, teff: np.ndarray | float) -> np.ndarray:
    """Interpolate a column of `DWARFS` at effective temperatures (K), constant beyond its ends."""
    return np.asarray(np.interp(teff, DWARFS["Teff"], DWARFS[column]))
