"""Stars after the main sequence: luminosities, radii and times, by the formulas of Hurley, Pols & Tout 2000.

Sections 5.2 to 5.4 and 6.1 of MNRAS 315, 543, with the names of that paper. Masses, luminosities and radii are in
solar units and times in Myr.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.polynomial import polyval

from milkyway_cnn.galaxy.coefficients import COEFFICIENTS
from milkyway_cnn.galaxy.main_sequence import MainSequence

__all__ = ["CoreGrowth", "Giants"]


class Giants(MainSequence):
    """Stars of one metallicity, from their main sequence to the asymptotic giant branch.

    Every method takes an array of masses; see `MainSequence` for the metallicity.
    """

    def __init__(self, metallicity: float) -> None:
        super().__init__(metallicity)
        z, zeta = self.z, self.zeta
        #: Highest mass with a helium flash, and highest that ignites helium on the giant branch.
        self.m_hef = 1.995 + zeta * (0.25 + zeta * 0.087)
        self.m_fgb = 16.5 * z**0.06 / (1.0 + (1e-4 / z) ** 1.27)
        #: Logarithm of D, of the relation between core mass and luminosity, for masses up to 2 Msun.
        self.log_d = 5.37 + 0.135 * zeta
        # Radii on the giant branches.
        lz = math.log10(z)
        b17 = max(10.0 ** (-4.6739 - 0.9394 * lz), -0.04167 + 55.67 * z)
        self._b17 = min(b17, 0.4771 - 9329.21 * z**2.94)
        self._b18 = min(0.54, 0.397 + zeta * (0.28826 + 0.5293 * zeta))
        b19 = 10.0 ** max(-0.1451, -2.2794 - lz * (1.5175 + 0.254 * lz))
        self._b19 = max(b19, 0.7307 + 14265.1 * z**3.395) if z > 0.004 else b19
        self._b24 = min(0.99164 - 743.123 * z**2.83, 1.0422 + zeta * (0.13156 + 0.045 * zeta))
        self._join()

    def _join(self) -> None:
        """Set the constants that make the formulas for low, intermediate and high masses meet."""
        c, hef, fgb = self._c, np.asarray(self.m_hef), np.asarray(self.m_fgb)
        b9, b10, *_ = c["l_bagb"]
        self._l_bagb_join = (b9 * hef**b10 / self._l_bagb_high(hef) - 1.0) / np.exp(15.0 * hef)
        b38, b39, b40, *_ = c["l_hei"]
        self._l_hei_join = (b38 * hef**b39 / self._l_hei_high(hef) - 1.0) / np.exp(b40 * hef)
        b54, _, b56, *_ = c["t_he"]
        self._t_he_join = (self._t_he_high(hef) / b54 - 1.0) / np.exp(b56 * hef)
        self._l_he_at_hef = self._l_hei_high(hef) * self.l_he_ratio(hef)
        # The most massive star that flashes: core masses at the base of the giant branch and at helium ignition.
        growth = CoreGrowth(self, hef)
        at_base = growth.core_mass(self.l_bgb(hef))
        self._mc_hei_hef = growth.core_mass(self._l_hei_high(hef))
        #: Smallest radius of its core helium burning over that on the giant branch.
        self.r_min_hef = self.r_min(hef) / self.r_gb(hef, self.l_zahb(hef, at_base))
        *_, b67, b68, _ = c["t_bl"]
        blue = max(1.0 - self.r_min(fgb) / self.r_agb(fgb, self.l_hei(fgb)), 1e-12)
        self._t_bl_join = 1.0 / (fgb**b67 * blue**b68)

    def l_bgb(self, m: np.ndarray) -> np.ndarray:
        """Luminosity at the base of the giant branch."""
        b = self._c["l_bgb"]
        return (b[0] * m ** b[4] + b[1] * m ** b[7]) / (b[2] ** b[5] + b[3] * m ** b[6] + m ** b[5])

    def l_hei(self, m: np.ndarray) -> np.ndarray:
        """Luminosity at helium ignition."""
        b38, b39, b40, *_ = self._c["l_hei"]
        low = b38 * m**b39 / (1.0 + self._l_hei_join * np.exp(b40 * np.minimum(m, self.m_hef)))
        return np.where(m < self.m_hef, low, self._l_hei_high(m))

    def _l_hei_high(self, m):
        *_, b42, b43, b44 = self._c["l_hei"]
        return (b42**2 + b43 * m**3.8) / (b44**2 + m**2)

    def l_he_ratio(self, m: np.ndarray) -> np.ndarray:
        """Lowest luminosity of core helium burning over that at ignition, for intermediate masses."""
        b45, d_power, d_factor, b47, b48 = self._c["l_he"]
        b45, b47 = b45**b48, b47**b48
        d = 1.0 - d_factor * max(self.zeta + 1.0, 0.0) ** d_power
        b46 = d / self.m_fgb**0.1 + (d * b47 - b45) / self.m_fgb ** (b48 + 0.1)
        return (b45 + b46 * m ** (b48 + 0.1)) / (b47 + m**b48)

    def l_bagb(self, m: np.ndarray) -> np.ndarray:
        """Luminosity at the base of the asymptotic giant branch."""
        b9, b10, *_ = self._c["l_bagb"]
        low = b9 * m**b10 / (1.0 + self._l_bagb_join * np.exp(15.0 * np.minimum(m, self.m_hef)))
        return np.where(m < self.m_hef, low, self._l_bagb_high(m))

    def _l_bagb_high(self, m):
        *_, b12, b13, b14, b15 = self._c["l_bagb"]
        return (b12**b15 + b13 * m ** (b15 + 1.8)) / (b14**b15 + m**b15)

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
        b54, b55, b56, *_ = self._c["t_he"]
        mu = np.maximum((self.m_hef - m) / (self.m_hef - core), 1e-12)
        low = (b54 + (t_helium_star(core) - b54) * mu ** max(b55, 1.0)) * (
            1.0 + self._t_he_join * np.exp(b56 * np.minimum(m, self.m_hef))
        )
        return np.where(m <= self.m_hef, low, self._t_he_high(m))

    def _t_he_high(self, m):
        *_, b58, b59, b60, b61 = self._c["t_he"]
        return self.t_bgb(m) * (b58**b61 * m**b61 + b59 * m**5) / (b60**5 + m**5)

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


class CoreGrowth:
    """Growth of the core, and with it of the luminosity, of giants of given masses: section 5.2.

    L = min(B Mc^q, D Mc^p), and dMc/dt is the rate times L.
    """

    #: Rates (Msun / Lsun / Myr) of burning helium, and hydrogen and helium together.
    HELIUM, BOTH = 8.0e-5, 1.27e-5

    def __init__(self, giants: Giants, m: np.ndarray) -> None:
        self.hydrogen = 10.0 ** np.maximum(-4.8, np.minimum(-5.7 + 0.8 * m, -4.1 + 0.14 * m))
        self.b = np.maximum(3.0e4, 500.0 + 1.75e4 * m**0.6)
        step = np.clip((m - 2.0) / 0.5, 0.0, 1.0)
        self.p, self.q = 6.0 - step, 3.0 - step
        log_d = giants.log_d
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
