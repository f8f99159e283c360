"""Gaia, data releases 2 and 3: bands, errors of magnitudes and parallaxes, zero points, completeness.

The errors are those of the mean over the sky; at one place they differ by up to a factor 1.5 with the number of
transits, and `release(transits=...)` scales them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.survey import Survey, confusion, logistic

__all__ = ["BANDS", "DR2", "DR3", "release"]

#: The bands; parallaxes are functions of the first.
BANDS = ("G", "BP", "RP")

# Errors of Gaia DR3's mean magnitudes (mmag): the DR3 photometric uncertainty tool of the Gaia team at 351 transits
# in G and 40 in BP and RP, as PyGaia 3.2.2 evaluates it. The error of the zero point itself (2.8, 2.8, 3.8 mmag),
# which VizieR adds in its columns, is the same for all stars and not among them.
_MAGNITUDES = np.array([6, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21], dtype=float)
_ERRORS = {
    "G": (0.249, 0.211, 0.183, 0.173, 0.190, 0.192, 0.274, 0.439, 0.737, 1.270, 2.358, 4.513, 9.416),
    "BP": (0.806, 0.598, 0.428, 0.614, 0.623, 0.782, 1.266, 2.314, 4.549, 9.457, 20.94, 44.42, 93.74),
    "RP": (0.567, 0.322, 0.261, 0.364, 0.514, 0.838, 1.557, 3.145, 6.949, 14.76, 31.63, 71.84, 113.2),
}
# Parallax zero point of DR3 (mas) against G, for five-parameter solutions at the reference color and ecliptic
# latitude 0: Lindegren et al. 2021, A&A 649, A4, Table 9, column q00.
_ZERO_POINT_G = np.array([6.0, 10.8, 11.2, 11.8, 12.2, 12.9, 13.1, 15.9, 16.1, 17.5, 19.0, 20.0, 21.0])
_ZERO_POINT = 1e-3 * np.array(
    [-26.98, -27.23, -30.33, -33.54, -13.65, -19.53, -37.99, -38.33, -31.05, -29.18, -18.40, -12.65, -18.22]
)
# Magnitudes to which nearly all stars are in the catalog, half of them, and the width of the fall [OC]: complete
# from G = 12 to 17, most to 20, limit 20 to 21 (Gaia Collaboration, Brown et al. 2021, A&A 649, A1).
_HALF, _WIDTH = {"G": 20.7, "BP": 20.7, "RP": 20.1}, 0.15
# Stars per square degree at which crowding costs stars, and one magnitude [OC]; 750,000 and 1,050,000 are the most
# that the instruments handle in the photometers and in astrometry (Gaia Collaboration, Prusti et al. 2016).
_CONFUSION = 400_000.0, 1_050_000.0


def _magnitude_error(factor: float, magnitude: np.ndarray | float, band: str) -> np.ndarray:
    DR3.check(band)
    logarithm = np.interp(magnitude, _MAGNITUDES, np.log10(_ERRORS[band]))
    return np.asarray(factor * 1e-3 * 10.0**logarithm)


def _completeness(magnitude: np.ndarray | float, band: str, star_density: np.ndarray | float = 0.0) -> np.ndarray:
    DR3.check(band)
    return logistic(magnitude, _HALF[band] - confusion(star_density, *_CONFUSION), _WIDTH)


def _parallax_error(factor: float, floor: float, G: np.ndarray | float) -> np.ndarray:
    z = 10.0 ** (0.4 * (np.maximum(G, 13.0) - 15.0))
    return np.hypot(floor, factor * 1e-3 * np.sqrt(40.0 + z * (800.0 + z * 30.0)))


def _zero_point_dr2(G: np.ndarray | float) -> np.ndarray:
    return np.full(np.shape(G), -0.029)


def _zero_point_dr3(G: np.ndarray | float) -> np.ndarray:
    return np.asarray(np.interp(G, _ZERO_POINT_G, _ZERO_POINT))


def release(name: str = "DR3", *, transits: float = 1.0) -> Survey:
    """Describe a data release of Gaia.

    Parallax errors are t x sqrt(40 + 800 z + 30 z^2) uas with z = 10^(0.4 (max(G, 13) - 15)) (Gaia science
    performance page, as in PyGaia), t = 1/1.1 for DR3: the formula holds a margin of 10 %, and without it gives the
    medians that the release states (0.07 mas at G = 17, 0.5 at 20, 1.3 at 21). For DR2 t is 1.24 times that, the
    square root of 34 over 22 months, and so are the errors of magnitudes; with 0.03 mas added in quadrature they come
    to the stated 0.04 mas for bright stars, 0.1 at G = 17 and 0.7 at 20 (Lindegren et al. 2018, A&A 616, A2). The zero
    point is -0.029 mas in DR2 (there, quasars), and in DR3 a function of G (Lindegren et al. 2021, A&A 649, A4).

    Parameters
    ----------
    name
        DR2 or DR3.
    transits
        Number of transits over the sky's mean; errors go with its inverse square root.

    Raises
    ------
    InputError
        When the release is another, or the transits are not positive.
    """
    if not transits > 0.0:
        msg = f"transits (={transits:g}) must be positive; 1 is the mean over the sky"
        raise InputError(msg)
    settings: dict[str, tuple[float, float, Callable]] = {
        "DR2": (1.24, 0.030, _zero_point_dr2),
        "DR3": (1.0, 0.0, _zero_point_dr3),
    }
    if name not in settings:
        msg = f"there is no error model of Gaia {name!r}; choose from {', '.join(settings)}"
        raise InputError(msg)
    factor, floor, zero_point = settings[name]
    factor /= np.sqrt(transits)
    return Survey(
        f"Gaia {name}",
        BANDS,
        partial(_magnitude_error, factor),
        _completeness,
        partial(_parallax_error, factor / 1.1, floor),
        zero_point,
    )


#: The releases, at the sky's mean number of transits.
DR2, DR3 = release("DR2"), release("DR3")
