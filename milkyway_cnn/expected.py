"""Modeled stars in one direction, and the diagrams that are expected of them, without dust and behind it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from milkyway_cnn.diagrams import bare_diagram, parents, star_density, survey_parameters
from milkyway_cnn.extinction.horizon import tolerance, visible_stars
from milkyway_cnn.extinction.law import DEFAULT, polynomial, ratio
from milkyway_cnn.galaxy.models import EMBEDDED, Galaxy
from milkyway_cnn.galaxy.stars import Stars
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.kernels.channels import GRID, SurveyTables, expected_channel
from milkyway_cnn.kernels.expected import expected_diagram
from milkyway_cnn.surveys.diagrams import Diagram
from milkyway_cnn.surveys.registry import survey_named

__all__ = [
    "affordable_area",
    "bands_of",
    "bare_of",
    "behind",
    "columns_of",
    "density_of",
    "expected_bare",
    "faintest_of",
    "modeled_stars",
    "survey_tables",
    "visible_of",
    "without_dust",
]

#: Of a deep survey no more stars than these are modeled.
_MOST_STARS = 500_000


def bare_of(
    kind: Diagram, l: float, b: float, solid_angle: float, *, seed: int, model: Galaxy = EMBEDDED
) -> np.ndarray:
    """Mean diagram per square degree without dust in a direction: (pixels, pixels) float32.

    Parameters
    ----------
    solid_angle
        Square degrees of modeled stars; fewer where they would be too many.
    model
        The Galaxy, see `milkyway_cnn.galaxy.models.chosen`.
    """
    stars, drawn = modeled_stars(kind, l, b, solid_angle, seed=seed, model=model)
    return without_dust(kind, stars, drawn, seed=seed)


def modeled_stars(
    kind: Diagram, l: float, b: float, solid_angle: float, *, seed: int, model: Galaxy = EMBEDDED
) -> tuple[Stars, float]:
    """Stars that a diagram in a direction could hold, and their square degrees: fewer than asked for, if too many."""
    if kind.name == "2mass":
        return synthesize(l, b, solid_angle, seed=seed, model=model), solid_angle
    drawn = affordable_area(kind, l, b, solid_angle, seed, model)
    return synthesize(l, b, drawn, seed=seed, faintest=faintest_of(kind), model=model), drawn


def without_dust(kind: Diagram, stars: Stars, solid_angle: float, *, seed: int) -> np.ndarray:
    """Expected diagram per square degree of stars as `modeled_stars` gives them: (pixels, pixels) float32."""
    if kind.name == "2mass":
        return bare_diagram(stars, solid_angle, seed=seed, repeats=2, axes=kind.axes)
    return expected_bare(kind, stars, solid_angle, seed=seed)


def behind(
    kind: Diagram,
    stars: Stars,
    A_V: np.ndarray,
    solid_angle: float,
    *,
    seed: int,
    law: str = DEFAULT,
    R_V: float = 3.1,
) -> np.ndarray:
    """Expected diagram per square degree of stars behind dust: (pixels, pixels) float32.

    Parameters
    ----------
    stars, solid_angle
        As `modeled_stars` gives them, or some of them and the square degrees that hold as many.
    A_V
        Extinction of each (mag): (stars,).
    """
    if kind.name == "2mass":
        bands, half, noise = survey_parameters(np.array(star_density(stars, solid_angle)))
        dimmed = parents(stars)
        dimmed[:, 1:] += A_V[:, None] * np.array([ratio(band, law, R_V) for band in ("J", "H", "Ks")], np.float32)
        image = expected_diagram(
            dimmed, np.uint64(seed), 2, (bands, half[0], noise), kind.axes.kernel(), kind.axes.pixels
        )
        return image / np.float32(solid_angle)
    columns = columns_of(kind, stars)
    for number, band in enumerate(bands_of(kind), 2):
        columns[:, number] = stars.reddened(band, A_V, law, R_V)
    survey = survey_tables(kind, np.array([density_of(kind, stars, solid_angle)]), law, R_V)
    return expected_channel(columns, np.uint64(seed), 2, survey, kind.axes.pixels) / np.float32(solid_angle)


def bands_of(kind: Diagram) -> tuple[str, ...]:
    """Bands that decide about a star; of Gaia, G is always the first, over which parallaxes are tabulated."""
    first = survey_named(kind.noise).bands[0]
    bands = [column for column in kind.columns if column != "parallax"]
    return tuple(sorted(bands, key=lambda band: band != first))


def faintest_of(kind: Diagram) -> Mapping[str, float]:
    """Limits of the stars to model: what noise may scatter into the cut."""
    return {band: limit + 0.4 for band, limit in kind.faintest}


def affordable_area(kind: Diagram, l: float, b: float, solid_angle: float, seed: int, model: Galaxy) -> float:
    """As many square degrees as do not hold too many stars."""
    trial = solid_angle / 200.0
    stars = len(synthesize(l, b, trial, seed=seed, faintest=faintest_of(kind), model=model))
    return min(solid_angle, trial * _MOST_STARS / max(stars, 1))


def columns_of(kind: Diagram, stars: Stars) -> np.ndarray:
    """Modeled stars as `kernels.channels` wants them."""
    magnitudes = [stars.magnitude(band) for band in bands_of(kind)]
    color = stars.magnitude("BP") - stars.magnitude("RP") if kind.survey == "gaia" else np.zeros(len(stars))
    return np.stack([stars.distance, np.clip(color, -0.06, 2.5), *magnitudes], axis=1).astype(np.float32)


def density_of(kind: Diagram, stars: Stars, solid_angle: float) -> float:
    """Stars per square degree inside the diagram's cut."""
    inside = [stars.magnitude(band) < limit for band, limit in kind.faintest]
    return np.count_nonzero(np.logical_and.reduce(inside)) / solid_angle


def visible_of(kind: Diagram, stars: Stars, edges: np.ndarray, law: str, R_V: float) -> np.ndarray:
    """Stars of each distance bin that are seen behind each extinction: (bins, levels) float32."""
    limits = dict(kind.faintest)
    magnitudes = {band: stars.magnitude(band) for band in limits}
    tolerated = tolerance(magnitudes, limits, {band: ratio(band, law, R_V) for band in limits})
    return visible_stars(stars.distance, tolerated, edges)


def expected_bare(kind: Diagram, stars: Stars, solid_angle: float, *, seed: int, repeats: int = 4) -> np.ndarray:
    """Mean diagram per square degree of modeled stars without dust, of any survey: (pixels, pixels) float32."""
    survey = survey_tables(kind, np.array([density_of(kind, stars, solid_angle)]))
    image = expected_channel(columns_of(kind, stars), np.uint64(seed), repeats, survey, kind.axes.pixels)
    return image / np.float32(solid_angle)


def survey_tables(kind: Diagram, star_density: np.ndarray, law: str = DEFAULT, R_V: float = 3.1) -> SurveyTables:
    """Describe a diagram's survey to the kernel."""
    survey, bands = survey_named(kind.noise), bands_of(kind)
    faintest = dict(kind.faintest)
    completeness = [[survey.completeness(GRID, band, density) for band in bands] for density in star_density]
    astrometry = np.zeros((2, GRID.size))
    if survey.parallax_error and survey.parallax_zero_point:
        astrometry = np.stack([survey.parallax_error(GRID), survey.parallax_zero_point(GRID)])
    weights = np.zeros((2, len(bands) + 1))
    for row, axis in zip(weights, (kind.color, kind.magnitude), strict=True):
        for sign, part in zip((1.0, -1.0), axis.split("-"), strict=False):
            row[bands.index(part) if part in bands else -1] = sign
    arrays = (
        [polynomial(band, law, R_V) for band in bands],
        [faintest.get(band, np.inf) for band in bands],
        [survey.magnitude_error(GRID, band) for band in bands],
        completeness,
        astrometry,
        weights,
        [*kind.axes.kernel(), kind.axes.stretch],
    )
    return SurveyTables(*(np.array(array, np.float32) for array in arrays))
