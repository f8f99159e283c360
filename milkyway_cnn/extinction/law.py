"""Extinction laws: A_band / A_V in the bands of the surveys, by law and R_V.

Ratios are those of a law at a band's effective wavelength, through the package `dust_extinction`; the default needs
no package in 2MASS. In the wide bands of Gaia the ratio depends on the star and on the extinction itself, which
`extinction` follows where it is given the stars' color.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.registry import usable_bands

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = [
    "A_H",
    "A_J",
    "A_KS",
    "DEFAULT",
    "LAWS",
    "WAVELENGTH",
    "Law",
    "extinction",
    "polynomial",
    "ratio",
    "ratio_table",
]

# Rieke & Lebofsky 1985, ApJ 288, 618, Table 3 (R_V = 3.09), at 1.25, 1.65 and 2.22 um. The Besancon model of
# 2003 itself prints 0.282, 0.176 and 0.108.
#: Extinction in 2MASS J per magnitude of A_V.
A_J = 0.282
#: Extinction in 2MASS H per magnitude of A_V.
A_H = 0.175
#: Extinction in 2MASS Ks per magnitude of A_V.
A_KS = 0.112
# Wavelength (um) and ratio.
_RIEKE_LEBOFSKY = {"J": (1.25, A_J), "H": (1.65, A_H), "Ks": (2.22, A_KS)}

#: Effective wavelength of each band (um): Cohen, Wheaton & Megeath 2003, AJ 126, 1090; Riello et al. 2021, A&A 649,
#: A3; Tonry et al. 2012, ApJ 750, 99.
WAVELENGTH = {"J": 1.235, "H": 1.662, "Ks": 2.159, "G": 0.622, "BP": 0.511, "RP": 0.777,
              "g": 0.4866, "r": 0.6215, "i": 0.7545, "z": 0.8679, "y": 0.9633}  # fmt: skip


@dataclass(frozen=True)
class Law:
    """An extinction law.

    Parameters
    ----------
    source
        Where it is published.
    R_V
        Range of R_V for which it is, or its one value twice.
    beyond
        Name of the law that is taken for other bands than J, H and Ks, where it lacks them.
    """

    source: str
    R_V: tuple[float, float]
    beyond: str | None = None


#: The law that is taken where none is named.
DEFAULT = "RL85"
#: Name -> law; names are those of `dust_extinction`. Only RL85 is not asked there, but is the table above.
LAWS = {
    "RL85": Law("Rieke & Lebofsky 1985, ApJ 288, 618, Table 3", (3.09, 3.1), "G23"),
    "CCM89": Law("Cardelli, Clayton & Mathis 1989, ApJ 345, 245", (2.0, 6.0)),
    "O94": Law("O'Donnell 1994, ApJ 422, 158", (2.0, 6.0)),
    "F99": Law("Fitzpatrick 1999, PASP 111, 63", (2.0, 6.0)),
    "F04": Law("Fitzpatrick 2004, ASP Conf. 309, 33", (2.0, 6.0)),
    "M14": Law("Maiz Apellaniz et al. 2014, A&A 564, A63", (2.0, 6.0)),
    "F19": Law("Fitzpatrick et al. 2019, ApJ 886, 108", (2.0, 6.0)),
    "D22": Law("Decleir et al. 2022, ApJ 930, 15", (2.5, 5.5)),
    "G23": Law("Gordon et al. 2023, ApJ 950, 86", (2.3, 5.6)),
}

# k = A_band / A_0 = c0 + c1 x + c2 x^2 + c3 x^3 + c4 A + c5 A^2 + c6 A^3 + c7 x A + c8 A x^2 + c9 x A^2 with x the
# intrinsic BP-RP and A = A_0, the extinction at 550 nm: law F19 at R_V = 3.1, Gaia EDR3 passbands, upper
# Hertzsprung-Russell diagram. Method: Danielski et al. 2018, A&A 614, A19; numbers: the page "Gaia EDR3 extinction
# law" of ESA.
_GAIA = {
    "G": (0.996727636, -0.161532912, 0.012189463, 0.001086554, -0.037841872, 0.001502186, -2.4355867e-05, 0.011945276,
          -0.000900410, -0.000285148),
    "BP": (1.154775100, -0.086015118, -0.030207120, 0.014042082, -0.022396827, 0.000823545, -1.2036620e-05, 0.006996844,
           -0.000499921, -0.000148687),
    "RP": (0.662595389, -0.016712161, -0.001441984, -0.001337494, -0.006557831, 3.3612523e-05, 1.6135675e-06,
           2.2074854e-05, 0.000178453, 1.0336019e-05),
}  # fmt: skip
# Where that holds: intrinsic BP-RP of stars of 10,000 to 3500 K, and A_0 (mag).
_GAIA_COLOR, _GAIA_A_0 = (-0.06, 2.5), (0.01, 20.0)


def _law(name: str, R_V: float) -> Law:
    if name not in LAWS:
        msg = f"there is no extinction law {name!r}; choose from {', '.join(LAWS)}"
        raise InputError(msg)
    low, high = LAWS[name].R_V
    if not low <= R_V <= high:
        msg = f"R_V (={R_V:g}) must be from {low:g} to {high:g} for the law {name}; choose another law or value"
        raise InputError(msg)
    return LAWS[name]


@lru_cache(maxsize=512)
def ratio(band: str, law: str = DEFAULT, R_V: float = 3.1) -> float:
    """A_band / A_V at the effective wavelength of a band.

    Parameters
    ----------
    band
        Of `milkyway_cnn.surveys.registry.BANDS`.
    law
        Of `LAWS`.
    R_V
        Total to selective extinction, A_V / E(B-V).

    Raises
    ------
    InputError
        When band or law are unknown, the law was not published for this R_V, or it does not reach the band.
    """
    usable_bands(band)
    known = _law(law, R_V)
    if known.beyond:
        return _RIEKE_LEBOFSKY[band][1] if band in _RIEKE_LEBOFSKY else ratio(band, known.beyond, R_V)
    from astropy import units as u
    from dust_extinction import parameter_averages

    curve = getattr(parameter_averages, law)(Rv=R_V)
    longest, shortest = (1.0 / end for end in curve.x_range)
    if not shortest <= WAVELENGTH[band] <= longest:
        msg = (
            f"the law {law} reaches from {shortest:.2g} to {longest:.2g} um and not to {band} at {WAVELENGTH[band]:g};"
            f" choose another, as G23"
        )
        raise InputError(msg)
    return float(curve(WAVELENGTH[band] * u.um))


def extinction(
    band: str,
    A_V: np.ndarray | float,
    law: str = DEFAULT,
    R_V: float = 3.1,
    *,
    bp_rp: np.ndarray | float | None = None,
) -> np.ndarray:
    """Extinction in a band (mag) of stars behind A_V (mag): `ratio` times A_V, and in Gaia's bands what stars have.

    In G, BP and RP, where the intrinsic color `bp_rp` is given, the ratio of the law is multiplied by k(color, A_V)
    over the law F19 at the effective wavelength [OC]; k is the polynomial of ESA's page on the extinction law of
    Gaia EDR3 for F19 and R_V = 3.1, valid for -0.06 < BP-RP < 2.5 and A_V from 0.01 to 20, to whose ends other
    values are put. A_V stands for the extinction at 550 nm, of which it is 1.00 times.

    Parameters
    ----------
    bp_rp
        Intrinsic BP-RP of the stars (mag).

    Raises
    ------
    InputError
        As `ratio`.
    """
    of_law = ratio(band, law, R_V)
    A_V = np.asarray(A_V)
    if band not in _GAIA or bp_rp is None:
        return of_law * A_V
    c = _GAIA[band]
    x, a = np.clip(bp_rp, *_GAIA_COLOR), np.clip(A_V, *_GAIA_A_0)
    k = c[0] + x * (c[1] + x * (c[2] + x * c[3])) + a * (c[4] + a * (c[5] + a * c[6]))
    k = k + x * a * (c[7] + x * c[8] + a * c[9])
    return of_law / ratio(band, "F19", 3.1) * k * A_V


def polynomial(band: str, law: str = DEFAULT, R_V: float = 3.1) -> np.ndarray:
    """Coefficients of A_band / A_V, as `extinction` takes it, for kernels: (10,).

    They belong to 1, x, x^2, x^3, a, a^2, a^3, x a, x^2 a and x a^2, with x the intrinsic BP-RP and a = A_V; outside
    Gaia's bands all but the first are zero.

    Raises
    ------
    InputError
        As `ratio`.
    """
    of_law = ratio(band, law, R_V)
    if band not in _GAIA:
        return np.array([of_law, *(0.0,) * 9])
    return of_law / ratio(band, "F19", 3.1) * np.array(_GAIA[band])


def ratio_table(bands: Iterable[str], law: str = DEFAULT, R_V: float = 3.1) -> QTable:
    """A_band / A_V of bands, the effective wavelengths at which a law gave it, and where the law is published.

    Returns
    -------
    astropy table with the columns band, wavelength (um), A_band/A_V and source; `meta` names law and R_V.
    """
    from astropy import units as u
    from astropy.table import QTable

    bands, known = usable_bands(bands), _law(law, R_V)
    own = _RIEKE_LEBOFSKY if known.beyond else {}
    sources = [LAWS[known.beyond if known.beyond and band not in own else law].source for band in bands]
    return QTable(
        {
            "band": bands,
            "wavelength": [own[band][0] if band in own else WAVELENGTH[band] for band in bands] * u.um,
            "A_band/A_V": [ratio(band, law, R_V) for band in bands],
            "source": sources,
        },
        meta={"law": law, "R_V": R_V},
    )
