"""Pan-STARRS1, 3 pi survey, mean magnitudes of objects (AB): bands, errors and completeness. North of dec -30 deg."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from milkyway_cnn.surveys.survey import Survey, background_limited, confusion, logistic

__all__ = ["BANDS", "SURVEY", "Band", "completeness", "magnitude_error"]


@dataclass(frozen=True)
class Band:
    """A band of the survey, all in mag.

    Parameters
    ----------
    name
        Column of its magnitudes in this package's tables.
    saturation
        Brighter stars are not in the catalog (Magnier et al. 2013, ApJS 205, 20).
    floor
        Error of the calibration (the same, ubercal).
    ten_sigma
        Where the signal-to-noise ratio of the mean is 10: measured on the catalog's errors around l = 204.7,
        b = -19.2, 1,642 stars.
    half
        Where half of the stars are found: the depth of five sigma of a single exposure (Chambers et al. 2016,
        arXiv:1612.05560), for an object needs a detection to have a mean.
    """

    name: str
    saturation: float
    floor: float
    ten_sigma: float
    half: float


#: The five bands.
BANDS = {
    band.name: band
    for band in (
        Band("g", 13.5, 0.0080, 21.85, 22.0),
        Band("r", 13.5, 0.0070, 21.70, 21.8),
        Band("i", 13.5, 0.0090, 21.65, 21.5),
        Band("z", 13.0, 0.0107, 21.10, 20.9),
        Band("y", 12.0, 0.0124, 20.05, 19.7),
    )
}
# Width of the fall of completeness (mag), and the stars per square degree at which crowding sets in and costs one
# magnitude: some thirty, and six, beams of 1.2 arcsec a star [OC].
_WIDTH, _CONFUSION = 0.25, (300_000.0, 1_500_000.0)


def magnitude_error(magnitude: np.ndarray | float, band: str) -> np.ndarray:
    """Evaluate the standard error (mag) in g, r, i, z or y: `survey.background_limited`."""
    SURVEY.check(band)
    return background_limited(magnitude, BANDS[band].ten_sigma, BANDS[band].floor)


def completeness(magnitude: np.ndarray | float, band: str, star_density: np.ndarray | float = 0.0) -> np.ndarray:
    """Part of the stars of a magnitude that the survey holds in one band, 0 to 1; none above saturation."""
    SURVEY.check(band)
    found = logistic(magnitude, BANDS[band].half - confusion(star_density, *_CONFUSION), _WIDTH)
    return np.where(np.asarray(magnitude) < BANDS[band].saturation, 0.0, found)


#: The survey.
SURVEY = Survey("Pan-STARRS1", tuple(BANDS), magnitude_error, completeness)
