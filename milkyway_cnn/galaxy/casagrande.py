"""Colors of F, G, K stars and of giants by effective temperature, gravity and [Fe/H]: Casagrande et al. 2021."""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels.roots import where_polynomial_falls_to

__all__ = ["VALID", "color_index"]

# Teff = sum of c_i times 1, X, X^2, X^3, X^5, g, gX, gX^2, gX^3, gX^5, f, fX, fX^2, fX^3, fgX with g = log g and
# f = [Fe/H]: Casagrande et al. 2021, MNRAS 507, 2684, Table 1 (Gaia DR3 set).
_COEFFICIENTS = {
    "RP-J": (
        9046.6493, -7392.3789, 2841.5464, 0, -85.7060, 0, -88.8397, 80.2959, 0, -15.3872, 0, 54.6816, 0, 0, -32.9499,
    ),
    "RP-H": (
        8870.9090, -4702.5469, 1282.3384, 0, -15.8164, 0, -30.1373, 27.9228, 0, -4.8012, 0, 25.1870, 0, 0, -22.3020,
    ),
    "RP-Ks": (
        8910.6966, -4305.9927, 1051.8759, 0, -8.6045, 0, -76.7984, 55.5861, 0, -3.9681, 0, 35.4718, 0, 0, -16.4448,
    ),
    "G-RP": (
        8027.1190, -5796.4277, 0, 1747.7036, -308.7685, 248.1828, -323.9569, -120.2658, 225.9584, 0, -35.8856, -16.5715,
        0, 0, 48.5619,
    ),
    "BP-RP": (
        7980.8845, -4138.3457, 1264.9366, -130.4388, 0, 285.8393, -324.2196, 106.8511, -4.9825, 0, 4.5138, -203.7774,
        126.6981, -14.7442, 40.7376,
    ),
}  # fmt: skip
#: Range (mag) of each color in which the relations hold, the wider of those of dwarfs and of giants.
VALID = {"RP-J": (0.20, 1.55), "RP-H": (0.20, 2.45), "RP-Ks": (0.20, 2.70), "G-RP": (0.15, 1.15), "BP-RP": (0.20, 2.55)}


def color_index(color: str, teff: np.ndarray, log_g: np.ndarray, metallicity: np.ndarray) -> np.ndarray:
    """Find the color (mag) at which its relation gives `teff` (K), by bisection within `VALID`.

    Beyond the ends of the valid range the color is that at the end.
    """
    c = _COEFFICIENTS[color]
    ones = np.ones(np.shape(teff))
    of_powers = np.stack(
        [
            (c[0] + c[5] * log_g + c[10] * metallicity) * ones,
            (c[1] + c[6] * log_g + c[11] * metallicity + c[14] * metallicity * log_g) * ones,
            (c[2] + c[7] * log_g + c[12] * metallicity) * ones,
            (c[3] + c[8] * log_g + c[13] * metallicity) * ones,
            (c[4] + c[9] * log_g) * ones,
        ]
    )
    return where_polynomial_falls_to(np.asarray(teff, dtype=float), of_powers, VALID[color])
