"""Luminosities, radii, core masses and lifetimes of stars, by the formulas of Hurley, Pols & Tout 2000.

Section 5 of MNRAS 315, 543 for single stars from the zero-age main sequence to the asymptotic giant branch, with
the names of that paper. Masses, luminosities and radii are in solar units and times in Myr; every method takes
arrays of masses.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.polynomial import polyval

from milkyway_cnn.galaxy.coefficients import COEFFICIENTS

__all__ = ["Composition"]


class Composition:
    """Stars of one metallicity.

    Parameters
    ----------
    metallicity
        Mass fraction Z of all elements heavier than helium, 0.0001 to 0.03.
    """

    def __init__(self, metallicity: float) -> None:
        z = metallicity
        zeta, lz = math.log10(z / 0.02), math.log10(z)
        self.z, self.zeta = z, zeta
        self._c = {name: [float(polyval(zeta, row)) for row in rows] for name, rows in COEFFICIENTS.items()}
        c = self._c
        #: Lowest mass with a hook; highest with a helium flash; highest that ignites helium on the giant branch.
        self.m_hook = 1.0185 + zeta * (0.16015 + zeta * 0.0892)
        self.m_hef = 1.995 + zeta * (0.25 + zeta * 0.087)
        self.m_fgb = 16.5 * z**0.06 / (1.0 + (1e-4 / z) ** 1.27)
        self._log_d = 5.37 + 0.135 * zeta
        self._x = max(0.95, max(0.95 - 10.0 / 3.0 * (z - 0.01), min(0.99, 0.98 - 100.0 / 7.0 * (z - 0.001))))
        b17 = max(10.0 ** (-4.6739 - 0.9394 * lz), -0.04167 + 55.67 * z)
        self._b17 = min(b17, 0.4771 - 9329.21 * z**2.94)
        self._b18 = min(0.54, 0.397 + zeta * (0.28826 + 0.5293 * zeta))
        b19 = 10.0 ** max(-0.1451, -2.2794 - lz * (1.5175 + 0.254 * lz))
        self._b19 = max(b19, 0.7307 + 14265.1 * z**3.395) if z > 0.004 else b19
        self._b24 = min(0.99164 - 743.123 * z**2.83, 1.0422 + zeta * (0.13156 + 0.045 * zeta))
        # Constants that join the formulas for low and intermediate masses at m_hef.
        hef = self.m_hef
        b9, b10, b12, b13, b14, b15 = c["l_bagb"]
        at_hef = (b12**b15 + b13 * hef ** (b15 + 1.8)) / (b14**b15 + hef**b15)
        self._l_bagb_join = (b9 * hef**b10 - at_hef) / (np.exp(15.0 * hef) * at_hef)
        b38, b39, b40, b42, b43, b44 = c["l_hei"]
        l_hei = (b42**2 + b43 * hef**3.8) / (b44**2 + hef**2)
        self._l_hei_join = (b38 * hef**b39 - l_hei) / (np.exp(b40 * hef) * l_hei)
        b54, _, b56, b58, b59, b60, b61 = c["t_he"]
        t_hef = (b58**b61 * hef**b61 + b59 * hef**5) / (b60**5 + hef**5) * self.t_bgb(np.asarray(hef))
        self._t_he_join = (t_hef - b54) / (b54 * np.exp(b56 * hef))
        self._l_he_at_hef = l_hei * self.l_he_ratio(np.asarray(hef))
        # Core masses at the base of the giant branch and at helium ignition of the most massive star that flashes.
        giant = Giant(self, np.asarray(hef))
        self._mc_bgb_hef = giant.core_mass(self.l_bgb(np.asarray(hef)))
        self._mc_hei_hef = giant.core_mass(np.asarray(l_hei))
        lowest = self.l_zahb(np.asarray(hef), self._mc_bgb_hef)
        self._r_min_hef = self.r_min(np.asarray(hef)) / self.r_gb(np.asarray(hef), lowest)
        r_agb = self.r_agb(np.asarray(self.m_fgb), self.l_hei(np.asarray(self.m_fgb)))
        blue = max(1.0 - self.r_min(np.asarray(self.m_fgb)) / r_agb, 1e-12)
        _, _, _, b67, b68, _ = c["t_bl"]
        self._t_bl_join = 1.0 / (self.m_fgb**b67 * blue**b68)

    # Main sequence: sections 5.1 and 5.2.

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

    # Giants: sections 5.2 to 5.4.

    def l_bgb(self, m: np.ndarray) -> np.ndarray:
        """Luminosity at the base of the giant branch."""
        b = self._c["l_bgb"]
        return (b[0] * m ** b[4] + b[1] * m ** b[7]) / (b[2] ** b[5] + b[3] * m ** b[6] + m ** b[5])

    def l_hei(self, m: np.ndarray) -> np.ndarray:
        """Luminosity at helium ignition."""
        b38, b39, b40, b42, b43, b44 = self._c["l_hei"]
        low = b38 * m**b39 / (1.0 + self._l_hei_join * np.exp(b40 * np.minimum(m, self.m_hef)))
        return np.where(m < self.m_hef, low, (b42**2 + b43 * m**3.8) / (b44**2 + m**2))

    def l_he_ratio(self, m: np.ndarray) -> np.ndarray:
        """Lowest luminosity of core helium burning over that at ignition, for intermediate masses."""
        b45, d_power, d_factor, b47, b48 = self._c["l_he"]
        b45, b47 = b45**b48, b47**b48
        d = 1.0 - d_factor * max(self.zeta + 1.0, 0.0) ** d_power
        b46 = d / self.m_fgb**0.1 + (d * b47 - b45) / self.m_fgb ** (b48 + 0.1)
        return (b45 + b46 * m ** (b48 + 0.1)) / (b47 + m**b48)

    def l_bagb(self, m: np.ndarray) -> np.ndarray:
        """Luminosity at the base of the asymptotic giant branch."""
        b9, b10, b12, b13, b14, b15 = self._c["l_bagb"]
        low = b9 * m**b10 / (1.0 + self._l_bagb_join * np.exp(15.0 * np.minimum(m, self.m_hef)))
        return np.where(m < self.m_hef, low, (b12**b15 + b13 * m ** (b15 + 1.8)) / (b14**b15 + m**b15))

    def l_zahb(self, m: np.ndarray, core: np.ndarray) -> np.ndarray:
        """Luminosity on the zero-age horizontal branch of a star with this core mass."""
        b69, b70, b72, b73 = self._c["l_zahb"]
        naked = l_helium_star(core)
        join = (b69 + naked - self._l_he_at_hef) / ((self._l_he_at_hef - naked) * np.exp(15.0 * self.m_hef))
        mu = np.maximum((m - core) / (self.m_hef - core), 1e-12)
        rise = (1.0 + b72) * b69 * mu**b70 / ((1.0 + b72 * mu**b73) * (1.0 + join * np.exp(15.0 * m)))
        return naked + rise

    def r_zahb(self, m: np.ndarray, core: np.ndarray) -> np.ndarray:
        """Radius on the zero-age horizontal branch of a star with this core mass."""
        b75, b76, b77 = self._c["r_zahb"]
        mu = np.maximum((m - core) / (self.m_hef - core), 1e-12)
        f = (1.0 + b76) * mu**b75 / (1.0 + b76 * mu**b77)
        return (1.0 - f) * r_helium_star(core) + f * self.r_gb(m, self.l_zahb(m, core))

    def r_gb(self, m: np.ndarray, luminosity: np.ndarray) -> np.ndarray:
        """Radius on the giant branch."""
        b20, b21, b22, b23 = self._c["r_gb"]
        scale = np.minimum(b20 / m**b21, b22 / m**b23)
        return scale * (luminosity**self._b18 + self._b17 * luminosity**self._b19)

    def r_agb(self, m: np.ndarray, luminosity: np.ndarray) -> np.ndarray:
        """Radius on the asymptotic giant branch."""
        b25, b26, b27, b28, b29, b30 = self._c["r_agb"]
        start = self.m_hef - 0.2
        share = np.clip((m - start) / 0.2, 0.0, 1.0)
        power = self._b19 * (1.0 + (self._b24 - 1.0) * share)
        low = b29 + b30 * np.minimum(m, start)
        high = np.maximum(m, self.m_hef)
        high = np.minimum(b25 / high**b26, b27 / high**b28)
        return (low + (high - low) * share) * (luminosity**self._b18 + self._b17 * luminosity**power)

    def r_min(self, m: np.ndarray) -> np.ndarray:
        """Smallest radius of core helium burning."""
        b49, b50, b51, factor, power, b53 = self._c["r_min"]
        b52 = 5.0 + factor * self.z**power
        return (b49**b53 * m + (b50 * m) ** b52 * m**b53) / (b51 ** (2.0 * b53) + m**b53)

    def t_he(self, m: np.ndarray, core: np.ndarray) -> np.ndarray:
        """Duration of core helium burning of a star with this core mass at ignition."""
        b54, b55, b56, b58, b59, b60, b61 = self._c["t_he"]
        mu = np.maximum((self.m_hef - m) / (self.m_hef - core), 1e-12)
        low = (b54 + (t_helium_star(core) - b54) * mu ** max(b55, 1.0)) * (
            1.0 + self._t_he_join * np.exp(b56 * np.minimum(m, self.m_hef))
        )
        high = self.t_bgb(m) * (b58**b61 * m**b61 + b59 * m**5) / (b60**5 + m**5)
        return np.where(m <= self.m_hef, low, high)

    def blue_fraction(self, m: np.ndarray) -> np.ndarray:
        """Part of core helium burning in the blue loop, for intermediate and high masses."""
        b62, b63, _, b67, b68, _ = self._c["t_bl"]
        ratio = np.log10(self.m_hef / self.m_fgb)
        lzd = self.zeta + 1.0
        b64 = 1.0 - lzd * polyval(lzd, COEFFICIENTS["t_bl"][2]) if lzd > 0.0 else 1.0
        b65 = 1.0 - b64 * (self.m_hef / self.m_fgb) ** b63
        b66 = 1.0 - lzd * polyval(lzd, COEFFICIENTS["t_bl"][5])
        part = np.maximum(np.log10(m / self.m_fgb) / ratio, 1e-12)
        middle = b64 * (m / self.m_fgb) ** b63 + b65 * part ** (-b62 * ratio)
        blue = np.maximum(1.0 - self.r_min(m) / self.r_agb(m, self.l_hei(m)), 1e-12)
        high = b66 * self._t_bl_join * m**b67 * blue**b68
        return np.clip(np.where(m <= self.m_fgb, middle, high), 0.0, 1.0)

    def mc_bagb(self, m: np.ndarray) -> np.ndarray:
        """Core mass at the base of the asymptotic giant branch."""
        b35, b36, b37 = self._c["mc_bagb"]
        return (b37**4 + b35**4 * m ** (4.0 * b36)) ** 0.25

    def mc_hei(self, m: np.ndarray) -> np.ndarray:
        """Core mass at helium ignition, for intermediate and high masses."""
        b33, b34 = self._c["mc_bgb"]
        c = self._mc_hei_hef**4 - b33**4 * self.m_hef ** (4.0 * b34)
        return np.minimum(0.95 * self.mc_bagb(m), np.maximum(c + b33**4 * m ** (4.0 * b34), 0.0) ** 0.25)


class Giant:
    """Growth of the core, and with it of the luminosity, of giants of given masses: section 5.2.

    L = min(B Mc^q, D Mc^p), and dMc/dt is the rate times L.
    """

    #: Rates (Msun / Lsun / Myr) of burning helium, and hydrogen and helium together.
    HELIUM, BOTH = 8.0e-5, 1.27e-5

    def __init__(self, composition: Composition, m: np.ndarray) -> None:
        self.hydrogen = 10.0 ** np.maximum(-4.8, np.minimum(-5.7 + 0.8 * m, -4.1 + 0.14 * m))
        self.b = np.maximum(3.0e4, 500.0 + 1.75e4 * m**0.6)
        step = np.clip((m - 2.0) / 0.5, 0.0, 1.0)
        self.p, self.q = 6.0 - step, 3.0 - step
        log_d = composition._log_d
        high = np.maximum(np.maximum(-1.0, 0.5 * log_d - 0.06 * m), 0.975 * log_d - 0.18 * m)
        at_2_5 = 0.975 * log_d - 0.18 * 2.5
        self.d = 10.0 ** np.where(m < 2.5, log_d + (at_2_5 - log_d) * step, high)
        #: Core mass and luminosity at which the two laws cross.
        self.m_x = (self.b / self.d) ** (1.0 / (self.p - self.q))
        self.l_x = self.d * self.m_x**self.p

    def core_mass(self, luminosity: np.ndarray) -> np.ndarray:
        """Core mass of a giant of this luminosity."""
        faint = luminosity <= self.l_x
        return np.where(faint, (luminosity / self.d) ** (1.0 / self.p), (luminosity / self.b) ** (1.0 / self.q))

    def luminosity(self, core: np.ndarray) -> np.ndarray:
        """Luminosity of a giant of this core mass."""
        return np.where(core <= self.m_x, self.d * core**self.p, self.b * core**self.q)

    def duration(self, rate: np.ndarray | float, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Time in which the core grows from mass `start` to mass `end` (Myr)."""

        def along(law, power, start, end):
            return (start ** (1.0 - power) - end ** (1.0 - power)) / ((power - 1.0) * rate * law)

        faint = along(self.d, self.p, np.minimum(start, self.m_x), np.minimum(end, self.m_x))
        bright = along(self.b, self.q, np.maximum(start, self.m_x), np.maximum(end, self.m_x))
        return faint + bright


def l_helium_star(m: np.ndarray) -> np.ndarray:
    """Luminosity of a naked helium star on its zero-age main sequence: section 6.1."""
    return 1.5262e4 * m**10.25 / (0.0469 + m**6 * (31.18 + m**1.5 * (29.54 + m**1.5)))


def r_helium_star(m: np.ndarray) -> np.ndarray:
    """Radius of a naked helium star on its zero-age main sequence: section 6.1."""
    return 0.2391 * m**4.6 / (0.0065 + (0.162 + m) * m**3)


def t_helium_star(m: np.ndarray) -> np.ndarray:
    """Duration of the main sequence of a naked helium star: section 6.1."""
    return (0.4129 + 18.81 * m**4 + 1.853 * m**6) / m**6.5
