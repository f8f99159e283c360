"""Stars as a survey lists them: measured with its errors, missed with its incompleteness."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.registry import BANDS
from milkyway_cnn.surveys.survey import Survey

__all__ = ["observe"]


def observe(
    magnitudes: Mapping[str, np.ndarray],
    survey: Survey,
    *,
    seed: int,
    star_density: float = 0.0,
    parallax: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Measure stars in the bands of a survey.

    Each band of each star is found with the survey's completeness and then has a Gaussian error; a band's draws
    depend on the seed and the band alone, so that it comes out the same beside any others.

    Parameters
    ----------
    magnitudes
        True magnitudes of stars by band: (stars,) each.
    seed
        Of errors and detections.
    star_density
        The survey's stars per square degree, which sets where crowding ends it.
    parallax
        True parallaxes (mas); they are measured where the survey's first band is found.

    Returns
    -------
    Columns named by band, with `_error` beside each, and `parallax` and `parallax_error` where they were given:
    (stars,) float32, NaN where the survey has nothing.

    Raises
    ------
    InputError
        When the survey lacks a band, or parallaxes were given and it has none or their band is not among the bands.
    """
    for band in magnitudes:
        survey.check(band)
    columns = {}
    for band, true in magnitudes.items():
        random = np.random.default_rng((seed, BANDS.index(band)))
        found = random.random(np.size(true)) < survey.completeness(true, band, star_density)
        error = np.where(found, survey.magnitude_error(true, band), np.nan)
        columns[band] = (true + error * random.standard_normal(np.size(true))).astype(np.float32)
        columns[f"{band}_error"] = error.astype(np.float32)
    if parallax is None:
        return columns
    first = survey.bands[0]
    if survey.parallax_error is None or survey.parallax_zero_point is None:
        msg = f"{survey.name} measures no parallaxes; leave them out, or take Gaia DR3"
        raise InputError(msg)
    if first not in magnitudes:
        msg = f"errors of {survey.name}'s parallaxes go with {first}, which is not among the magnitudes; give it too"
        raise InputError(msg)
    true = np.asarray(magnitudes[first])
    random = np.random.default_rng((seed, len(BANDS)))
    error = np.where(np.isfinite(columns[first]), survey.parallax_error(true), np.nan)
    measured = parallax + survey.parallax_zero_point(true) + error * random.standard_normal(true.size)
    return columns | {"parallax": measured.astype(np.float32), "parallax_error": error.astype(np.float32)}
