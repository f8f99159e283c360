"""The Two Micron All Sky Survey: bands, limits, photometric errors and completeness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from milkyway_cnn.surveys.survey import Survey, background_limited, confusion, logistic

__all__ = [
    "BANDS",
    "COMPLETENESS_WIDTH",
    "ERROR_FLOOR",
    "SAFE",
    "SURVEY",
    "Band",
    "Cut",
    "completeness",
    "confusion_shift",
    "magnitude_error",
]

#: Photometric error of bright stars (mag): median of the catalogs named under `BANDS`.
ERROR_FLOOR = 0.022
#: Width of the logistic fall of completeness (mag): see `BANDS`.
COMPLETENESS_WIDTH = 0.12
#: Stars per square degree with J < 15.8 and Ks < 14.3 at which confusion sets in and costs one magnitude [OC].
_CONFUSION_STARTS, _CONFUSION_ONE_MAGNITUDE = 15_000.0, 100_000.0


@dataclass(frozen=True)
class Band:
    """A band of the survey.

    Parameters
    ----------
    name
        Column of its magnitudes in this package's tables.
    limit
        Level-1 requirement: a signal-to-noise ratio of 10 and a completeness of 99 % anywhere outside crowded
        fields (2MASS Explanatory Supplement, section 6.1).
    ten_sigma
        Magnitude at which the signal-to-noise ratio is 10 in practice.
    half
        Magnitude at which half of the stars are found, outside crowded fields.
    """

    name: str
    limit: float
    ten_sigma: float
    half: float


#: The three bands. Beyond the level-1 requirement all was measured in the 2MASS point source catalog: the
#: ten-sigma magnitudes and the error floor on the median errors at l = 232-235, b = -20, and around Orion A;
#: the half magnitudes, with their width, on the counts of the former field over those of the model Galaxy.
BANDS = {
    band.name: band
    for band in (Band("J", 15.8, 16.4, 16.9), Band("H", 15.1, 15.5, 16.3), Band("Ks", 14.3, 14.75, 15.75))
}


@dataclass(frozen=True)
class Cut:
    """Magnitudes beyond which stars are left out; a star must also be detected in all of J, H and Ks.

    The same cut is made on observed and on modeled stars, errors included.
    """

    J: float = BANDS["J"].limit
    Ks: float = BANDS["Ks"].limit


#: Brighter than the level-1 limits, where the survey is complete outside crowded fields.
SAFE = Cut()


def magnitude_error(magnitude: np.ndarray | float, band: str) -> np.ndarray:
    """Evaluate the standard error (mag) in J, H or Ks: `survey.background_limited` over `ERROR_FLOOR`."""
    SURVEY.check(band)
    return background_limited(magnitude, BANDS[band].ten_sigma, ERROR_FLOOR)


def confusion_shift(star_density: np.ndarray | float) -> np.ndarray:
    """How much brighter the survey ends where stars crowd (mag) [OC].

    log(n / 15 000) / log(100 000 / 15 000), and never below 0, with n = `star_density` the stars per square
    degree that pass the `SAFE` cut. The Explanatory Supplement tells the two ends: nothing is lost at high
    latitude, and near l = 55, b = 1 the counts turn over almost one magnitude early. It is mild: the 98,750
    sources per square degree that the catalog holds around l = 17, b = 0.8 ask for twice the shift there.
    """
    return confusion(star_density, _CONFUSION_STARTS, _CONFUSION_ONE_MAGNITUDE)


def completeness(magnitude: np.ndarray | float, band: str, star_density: np.ndarray | float = 0.0) -> np.ndarray:
    """Fraction of the stars of a magnitude that the survey holds in one band, 0 to 1.

    `survey.logistic`, with half of the stars at the `half` magnitude of the band less `confusion_shift` of the
    `star_density` (stars per square degree), and a width of `COMPLETENESS_WIDTH`.
    """
    SURVEY.check(band)
    return logistic(magnitude, BANDS[band].half - confusion_shift(star_density), COMPLETENESS_WIDTH)


#: The survey, as the chain's common interface.
SURVEY = Survey("2MASS", tuple(BANDS), magnitude_error, completeness)
