"""Stars on the main sequence: luminosities, radii and times, by the formulas of Hurley, Pols & Tout 2000.

Sections 5.1 and 5.2 of MNRAS 315, 543, with the names of that paper; the zero-age main sequence is that of Tout et
al. 1996, MNRAS 281, 257. Masses, luminosities and radii are in solar units and times in Myr.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.polynomial import polyval

from milkyway_cnn.galaxy.coefficients import COEFFICIENTS

__all__ = ["MainSequence"]


class MainSequence:
    """The main sequence of stars of one metallicity; every method takes an array of masses.

    Parameters
    ----------
    metallicity
        Mass fraction Z of all elements heavier than helium, 0.0001 to 0.03.
    """

    def __init__(self, metallicity: float) -> None:
        self.z = z = metallicity
        self.zeta = zeta = math.log10(z / 0.02)
        self._c = {name: [float(polyval(zeta, row)) for row in rows] for name, rows in COEFFICIENTS.items()}
        #: Lowest mass whose track has a hook where hydrogen ends in the core.
        self.m_hook = 1.0185 + zeta * (0.16015 + zeta * 0.0892)
        self._x = max(0.95, max(0.95 - 10.0 / 3.0 * (z - 0.01), min(0.99, 0.98 - 100.0 / 7.0 * (z - 0.001))))

    def l_zams(self, m: np.ndarray) -> np.ndarray:
        """Luminosity on the zero-age main sequence."""
        a = self._c["l_zams"]
        return (a[0] * m**5.5 + a[1] * m**11) / (a[2] + m**3 + a[3] * m**5 + a[4] * m**7 + a[5] * m**8 + a[6] * m**9.5)

    def r_zams(self, m: np.ndarray) -> np.ndarray:
        """Radius on the zero-age main sequence."""
        a = self._c["r_zams"]
        above = a[0] * m**2.5 + a[1] * m**6.5 + a[2] * m**11 + a[3] * m**19 + a[4] * m**19.5
        return above / (a[5] + a[6] * m**2 + a[7] * m**8.5 + m**18.5 + a[8] * m**19.5)

    def t_bgb(self, m: np.ndarray) -> np.ndarray:
        """Time to the base of the giant branch, or to helium ignition where there is none."""
        a = self._c["t_bgb"]
        return (a[0] + a[1] * m**4 + a[2] * m**5.5 + m**7) / (a[3] * m**2 + a[4] * m**7)

    def hook_fraction(self, m: np.ndarray) -> np.ndarray:
        """Time of the hook as a fraction of `t_bgb`."""
        a = self._c["t_hook"]
        return np.maximum(1.0 - 0.01 * np.maximum(a[0] / m ** a[1], a[2] + a[3] / m ** a[4]), 0.5)

    def t_ms(self, m: np.ndarray) -> np.ndarray:
        """Duration of the main sequence."""
        return np.maximum(self._x, self.hook_fraction(m)) * self.t_bgb(m)

    def l_tms(self, m: np.ndarray) -> np.ndarray:
        """Luminosity at the end of the main sequence."""
        a27, a28, a29, a30, a31, a32 = self._c["l_tms"]
        return (a27 * a30 * m**3 + a28 * a30 * m**4 + a29 * m ** (a32 + 1.8)) / (a30 + a31 * m**5 + m**a32)

    def r_tms(self, m: np.ndarray) -> np.ndarray:
        """Radius at the end of the main sequence."""
        a52, a53, a54, a55, a56, a57, a58, a59, a60, a61 = self._c["r_tms"]
        lz = math.log10(self.z)
        low = 10.0 ** max(0.097 - 0.1072 * (lz + 3.0), max(0.097, min(0.1461, 0.1461 + 0.1237 * (lz + 2.0))))

        def below(m):
            return a54 * (a52 + a53 * m**a55) / (a54 + m**a56)

        def above(m):
            return (a57 * m**3 + a58 * m**a61 + a59 * m ** (a61 + 1.5)) / (a60 + m**5)

        between = below(low) + (above(low + 0.1) - below(low)) / 0.1 * (m - low)
        first = np.maximum(1.5 * self.r_zams(m), below(m))
        return np.where(m <= low, first, np.where(m >= low + 0.1, above(m), between))

    def main_sequence(self, m: np.ndarray, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Luminosity and radius at the fraction `tau` of the main sequence; `m` and `tau` broadcast."""
        hook = np.minimum(1.0, tau * self.t_ms(m) / (self.hook_fraction(m) * self.t_bgb(m)))
        after = np.clip((hook - 0.99) / 0.01, 0.0, 1.0)
        l_zams, r_zams = self.l_zams(m), self.r_zams(m)
        alpha, beta = self._l_alpha(m), self._l_beta(m)
        eta = np.minimum(10.0 + 100.0 * np.clip(m - 1.0, 0.0, 0.1), 10.0 if self.z > 0.0009 else 20.0)
        rise = np.log10(self.l_tms(m) / l_zams)
        log_l = alpha * tau + beta * tau**eta + (rise - alpha - beta) * tau**2 - self._l_hook(m) * (hook**2 - after**2)
        alpha, beta, gamma = self._r_alpha(m), self._r_beta(m), self._r_gamma(m)
        rise = np.log10(self.r_tms(m) / r_zams)
        log_r = alpha * tau + beta * tau**10 + gamma * tau**40 + (rise - alpha - beta - gamma) * tau**3
        log_r = log_r - self._r_hook(m) * (hook**3 - after**3)
        degenerate = 0.0258 * (1.76 - 3.0 * self.z) ** (5.0 / 3.0) * m ** (-1.0 / 3.0)
        r = r_zams * 10.0**log_r
        return l_zams * 10.0**log_l, np.where(m < self.m_hook - 0.3, np.maximum(r, degenerate), r)

    def _l_alpha(self, m: np.ndarray) -> np.ndarray:
        zeta = self.zeta
        a = self._c["l_alpha"]
        m1 = max(0.9, 1.1064 + zeta * (0.415 + 0.18 * zeta))
        m2 = max(1.0, 1.19 + zeta * (0.377 + 0.176 * zeta))
        if self.z > 0.01:
            m1, m2 = min(m1, 1.0), min(m2, 1.1)

        def massive(m):
            return (a[0] + a[1] * m ** a[3]) / (m**0.4 + a[2] * m**1.9)

        values = (
            max(0.145, 0.0977 - zeta * (0.231 + 0.0753 * zeta)),
            0.3,
            min(0.24 + zeta * (0.18 + 0.595 * zeta), 0.306 + 0.053 * zeta),
            min(0.33 + zeta * (0.132 + 0.218 * zeta), 0.3625 + 0.062 * zeta),
            massive(2.0),
        )
        return np.where(m < 2.0, np.interp(m, (0.5, 0.7, m1, m2, 2.0), values), massive(m))

    def _l_beta(self, m: np.ndarray) -> np.ndarray:
        a = self._c["l_beta"]
        end = max(0.6355 - 0.4192 * self.zeta, max(1.25, min(1.4, 1.5135 + 0.3769 * self.zeta)))
        at_end = max(a[0] - a[1] * end ** a[2], 0.0)
        beta = np.where(m > end, at_end * (1.0 - 10.0 * (m - end)), a[0] - a[1] * m ** a[2])
        return np.maximum(beta, 0.0)

    def _l_hook(self, m: np.ndarray) -> np.ndarray:
        a = self._c["l_hook"]
        m51 = max(0.6355 - 0.4192 * self.zeta, max(1.25, min(1.4, 1.5135 + 0.3769 * self.zeta)))
        at = np.maximum(m, m51)
        full = np.minimum(a[0] / at ** a[1], a[2] / at ** a[3])
        return full * np.clip((m - self.m_hook) / (m51 - self.m_hook), 0.0, 1.0) ** 0.4

    def _r_alpha(self, m: np.ndarray) -> np.ndarray:
        zeta = self.zeta
        a65, a66, a67, a68, a69, a72 = self._c["r_alpha"]

        def law(m):
            return a65 * m**a67 / (a66 + m**a68)

        a70 = max(0.9, min(1.0, 1.116 + 0.166 * zeta))
        a71 = max(1.477 + 0.296 * zeta, min(1.6, -0.308 - 1.046 * zeta))
        a71 = max(0.8, min(0.8 - 2.0 * zeta, a71))
        a73 = max(0.065, 0.0843 - zeta * (0.0475 + 0.0352 * zeta))
        a74 = 0.0736 + zeta * (0.0749 + 0.04426 * zeta)
        a74 = min(0.055, a74) if self.z < 0.004 else a74
        a75 = max(0.091, min(0.121, 0.136 + 0.0352 * zeta))
        a76 = law(a71)
        if a70 > a71:
            a70, a75 = a71 - 1e-9, a76
        below = np.interp(m, (0.5, 0.65, a70, a71), (a73, a74, a75, a76))
        return np.where(m <= a71, below, np.where(m <= a72, law(m), law(a72) + a69 * (m - a72)))

    def _r_beta(self, m: np.ndarray) -> np.ndarray:
        a77, a78, a79, a80, a81 = self._c["r_beta"]
        a81 = max(a81, 0.95) if self.z > 0.01 else a81
        a82 = max(1.4, min(1.6, 1.6 + self.zeta * (0.764 + 0.3322 * self.zeta)))

        def law(m):
            return a77 * m**3.5 / (a78 + m**a79)

        below = np.interp(m, (1.0, a82, 2.0), (1.06, a81, law(2.0)))
        return np.where(m <= 2.0, below, np.where(m <= 16.0, law(m), law(16.0) + a80 * (m - 16.0))) - 1.0

    def _r_gamma(self, m: np.ndarray) -> np.ndarray:
        zeta = self.zeta
        a83, a84, a85, floor_83, floor_84, a86 = self._c["r_gamma"]
        a83 = max(a83, floor_83)
        a84 = max(min(0.0, a84), floor_84)
        a85 = max(0.0, min(a85, 7.454 + 9.046 * zeta))
        a86 = min(a86, max(2.0, -13.3 - 18.6 * zeta))
        a87 = min(1.5, max(0.4, 2.493 + 1.1475 * zeta))
        a88 = max(max(1.0, min(1.27, 0.8109 - 0.6282 * zeta)), 0.6355 - 0.4192 * zeta)
        a89 = max(0.0585542, -0.2711 - zeta * (0.5756 + 0.0838 * zeta))
        at_1 = max(0.0, a83 + a84 * abs(1.0 - a85) ** a86)
        end = a89 if a88 > 1.0 else at_1
        span = np.clip((m - 1.0) / max(a88 - 1.0, 1e-9), 0.0, 1.0)
        low = a83 + a84 * np.abs(m - a85) ** a86
        gamma = np.where(m <= 1.0, low, at_1 + (a89 - at_1) * span**a87)
        return np.maximum(np.where(m > a88, end * (1.0 - 10.0 * (m - a88)), gamma), 0.0)

    def _r_hook(self, m: np.ndarray) -> np.ndarray:
        zeta = self.zeta
        a90, a91, a92, a93 = self._c["r_hook"]
        a94 = min(1.25, max(1.1, 1.9848 + zeta * (1.1386 + 0.3564 * zeta)))
        a95 = 0.063 + zeta * (0.0481 + 0.00984 * zeta)
        a96 = min(1.3, max(0.45, 1.2 + 2.45 * zeta))

        def law(m):
            return (a90 + a91 * m**3.5) / (a92 * m**3 + m**a93) - 1.0

        rise = a95 * np.sqrt(np.clip((m - self.m_hook) / (a94 - self.m_hook), 0.0, 1.0))
        middle = a95 + (law(2.0) - a95) * np.clip((m - a94) / (2.0 - a94), 0.0, 1.0) ** a96
        return np.where(m <= a94, rise, np.where(m <= 2.0, middle, law(m)))
