"""Channels: modeled stars of each sightline, ready to be drawn into mock diagrams of one kind.

The diagram `2mass` has a kernel of its own; all others share the one of `kernels.channels`, to which their survey comes
as tables. A channel draws its own stars: no star of one is looked for in another, as in the observed diagrams.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from milkyway_cnn import backend
from milkyway_cnn.diagrams import bare_diagram, parents, star_density, survey_parameters
from milkyway_cnn.extinction.horizon import tolerance, visible_stars
from milkyway_cnn.extinction.law import DEFAULT, polynomial, ratio
from milkyway_cnn.galaxy.models import EMBEDDED, Galaxy
from milkyway_cnn.galaxy.stars import Stars
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.kernels.channels import GRID, SurveyTables, draw_channel, expected_channel
from milkyway_cnn.kernels.examples import draw_diagrams, expected_diagram
from milkyway_cnn.surveys.diagrams import Diagram
from milkyway_cnn.surveys.registry import survey_named

__all__ = ["Channel", "Draws", "bare_of", "behind", "channel", "modeled_stars", "visible_of"]

#: Parents are drawn in this many times the solid angle of a cell, so that no star becomes familiar ...
_PARENT_FACTOR = 20.0
#: ... but of a deep survey in no more than holds this many.
_MOST_PARENTS = 500_000


@dataclass(frozen=True)
class Draws:
    """What decides a batch of diagrams; one row an example (see `kernels.channels.draw_channel`).

    Parameters
    ----------
    sightline, keys, brightening, scatter, shift
        Sightline, key, factor of the number of stars, standard deviation of ln(A_V), shift along the columns: (n,).
    cumulative
        A_V at the bin edges (mag): (n, bins + 1) float32.
    bins_per_kpc
        Inverse of the bin width.
    magnitude, depth, R_V
        What is added to all magnitudes, by how much deeper the survey is complete (mag), and R_V of the dust: (n,), or
        none for the model's, the survey's and the law's own.
    """

    sightline: np.ndarray
    keys: np.ndarray
    brightening: np.ndarray
    scatter: np.ndarray
    shift: np.ndarray
    cumulative: np.ndarray
    bins_per_kpc: float
    magnitude: np.ndarray | None = None
    depth: np.ndarray | None = None
    R_V: np.ndarray | None = None

    def nuisance(self, bands: Sequence[str], law: str, R_V: float) -> np.ndarray:
        """Magnitude, depth, and factors of the extinction in `bands`: (n, 2 + bands) float32, as kernels want them."""
        made = np.ones((len(self.keys), 2 + len(bands)), np.float32)
        made[:, 0] = 0.0 if self.magnitude is None else self.magnitude
        made[:, 1] = 0.0 if self.depth is None else self.depth
        if self.R_V is not None:
            # Linear between tenths, whichever they are: an example must not depend on its batch.
            tenths = range(math.floor(10 * self.R_V.min()), math.ceil(10 * self.R_V.max()) + 1)
            for column, band in enumerate(bands, start=2):
                at = [_ratio(band, law, tenth / 10) for tenth in tenths]
                made[:, column] = np.interp(10 * self.R_V, tenths, at) / _ratio(band, law, R_V)
        return made


_ratio = functools.cache(ratio)


class Channel(Protocol):
    """Mock diagrams of one kind on several sightlines.

    Attributes
    ----------
    bare
        Mean diagrams without dust: (sightlines, pixels, pixels) float32.
    visible
        `extinction.horizon.visible_stars` of a diagram: (sightlines, bins, levels) float32.
    """

    kind: Diagram
    bare: np.ndarray
    visible: np.ndarray

    def draw(self, what: Draws, counts: np.ndarray, outside: np.ndarray) -> None:
        """Fill diagrams (n, pixels, pixels) uint16 and the stars off them (n,) int32."""


def channel(
    kind: Diagram,
    sightlines: Sequence[tuple[float, float]],
    solid_angle: np.ndarray,
    edges: np.ndarray,
    *,
    seed: int,
    law: str = DEFAULT,
    R_V: float = 3.1,
    model: Galaxy = EMBEDDED,
) -> Channel:
    """Model the stars of sightlines for a kind of diagram.

    Parameters
    ----------
    sightlines
        Galactic (l, b) in degrees.
    solid_angle
        Of a diagram on each (square degrees): (sightlines,).
    edges
        Of the distance bins (kpc): (bins + 1,).
    seed
        Of stars and of what the bare diagrams average over.
    law, R_V
        Extinction law, see `milkyway_cnn.extinction.law`.
    model
        The Galaxy, see `milkyway_cnn.galaxy.models.chosen`.
    """
    made = _TwoMass if kind.name == "2mass" else _General
    return made(kind, sightlines, np.asarray(solid_angle), edges, seed, law, R_V, model)


class _Parents:
    """Parents of all sightlines in a row, and how many a diagram draws of them."""

    def __init__(self, lists: list[np.ndarray], factors: list[float], seed: int) -> None:
        # The kernels draw runs of neighbors, who must not have anything in common.
        self.stars = np.concatenate(
            [np.random.default_rng((seed, index)).permutation(stars) for index, stars in enumerate(lists)]
        )
        self.number = np.array([len(stars) for stars in lists], np.int64)
        self.first = np.cumsum(self.number) - self.number
        self.expected = self.number / np.array(factors)


class _TwoMass:
    """J-Ks and Ks of 2MASS."""

    def __init__(
        self,
        kind: Diagram,
        sightlines: Sequence[tuple[float, float]],
        solid_angle: np.ndarray,
        edges: np.ndarray,
        seed: int,
        law: str,
        R_V: float,
        model: Galaxy,
    ) -> None:
        self.kind = kind
        lists, density, bare, visible = [], [], [], []
        for index, ((l, b), area) in enumerate(zip(sightlines, solid_angle * _PARENT_FACTOR, strict=True)):
            stars = synthesize(l, b, area, seed=seed + index, model=model)
            lists.append(parents(stars))
            density.append(star_density(stars, area))
            bare.append(bare_diagram(stars, area, seed=seed + index, axes=kind.axes) * np.float32(solid_angle[index]))
            visible.append(visible_of(kind, stars, edges, law, R_V) / np.float32(_PARENT_FACTOR))
        self.bare, self.visible = np.stack(bare), np.stack(visible)
        self._parents = _Parents(lists, [_PARENT_FACTOR] * len(lists), seed)
        self._law = law, R_V
        self._survey = survey_parameters(np.array(density), law, R_V)

    def draw(self, what: Draws, counts: np.ndarray, outside: np.ndarray) -> None:
        all_stars, keep = self._parents, backend.current().keep
        draw_diagrams(
            keep(all_stars.stars), keep(all_stars.first), keep(all_stars.number), what.sightline, what.keys,
            all_stars.expected[what.sightline] * what.brightening, what.scatter, what.shift, what.cumulative,
            what.bins_per_kpc, tuple(map(keep, self._survey)), self.kind.axes.kernel(), counts, outside,
            what.nuisance(("J", "H", "Ks"), *self._law),
        )  # fmt: skip


class _General:
    """A diagram of any survey."""

    def __init__(
        self,
        kind: Diagram,
        sightlines: Sequence[tuple[float, float]],
        solid_angle: np.ndarray,
        edges: np.ndarray,
        seed: int,
        law: str,
        R_V: float,
        model: Galaxy,
    ) -> None:
        self.kind = kind
        lists, factors, density, bare, visible = [], [], [], [], []
        for index, ((l, b), area) in enumerate(zip(sightlines, solid_angle, strict=True)):
            drawn = _affordable(kind, l, b, float(area) * _PARENT_FACTOR, seed, model)
            stars = synthesize(l, b, drawn, seed=seed + index, faintest=_faintest(kind), model=model)
            lists.append(_columns(kind, stars))
            factors.append(drawn / area)
            density.append(_density(kind, stars, drawn))
            bare.append(_bare(kind, stars, drawn, seed=seed + index) * np.float32(area))
            visible.append(visible_of(kind, stars, edges, law, R_V) / np.float32(factors[-1]))
        self.bare, self.visible = np.stack(bare), np.stack(visible)
        self._parents = _Parents(lists, factors, seed)
        self._law = law, R_V
        self._survey = _tables(kind, np.array(density), law, R_V)

    def draw(self, what: Draws, counts: np.ndarray, outside: np.ndarray) -> None:
        all_stars, keep = self._parents, backend.current().keep
        draw_channel(
            keep(all_stars.stars), keep(all_stars.first), keep(all_stars.number), what.sightline, what.keys,
            all_stars.expected[what.sightline] * what.brightening, what.scatter, what.shift, what.cumulative,
            what.bins_per_kpc, SurveyTables(*map(keep, self._survey)), counts, outside,
            what.nuisance(_bands(self.kind), *self._law),
        )  # fmt: skip


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
    if kind.name == "2mass":
        return bare_diagram(stars, drawn, seed=seed, repeats=2, axes=kind.axes)
    return _bare(kind, stars, drawn, seed=seed)


def modeled_stars(
    kind: Diagram, l: float, b: float, solid_angle: float, *, seed: int, model: Galaxy = EMBEDDED
) -> tuple[Stars, float]:
    """Stars that a diagram in a direction could hold, and their square degrees: fewer than asked for, if too many."""
    if kind.name == "2mass":
        return synthesize(l, b, solid_angle, seed=seed, model=model), solid_angle
    drawn = _affordable(kind, l, b, solid_angle, seed, model)
    return synthesize(l, b, drawn, seed=seed, faintest=_faintest(kind), model=model), drawn


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
    columns = _columns(kind, stars)
    for number, band in enumerate(_bands(kind), 2):
        columns[:, number] = stars.reddened(band, A_V, law, R_V)
    survey = _tables(kind, np.array([_density(kind, stars, solid_angle)]), law, R_V)
    return expected_channel(columns, np.uint64(seed), 2, survey, kind.axes.pixels) / np.float32(solid_angle)


def _bands(kind: Diagram) -> tuple[str, ...]:
    """Bands that decide about a star; of Gaia, G is always the first, over which parallaxes are tabulated."""
    first = survey_named(kind.noise).bands[0]
    bands = [column for column in kind.columns if column != "parallax"]
    return tuple(sorted(bands, key=lambda band: band != first))


def _faintest(kind: Diagram) -> Mapping[str, float]:
    """Limits of the stars to model: what noise may scatter into the cut."""
    return {band: limit + 0.4 for band, limit in kind.faintest}


def _affordable(kind: Diagram, l: float, b: float, solid_angle: float, seed: int, model: Galaxy) -> float:
    """As many square degrees as do not hold too many stars."""
    trial = solid_angle / 200.0
    stars = len(synthesize(l, b, trial, seed=seed, faintest=_faintest(kind), model=model))
    return min(solid_angle, trial * _MOST_PARENTS / max(stars, 1))


def _columns(kind: Diagram, stars: Stars) -> np.ndarray:
    """Modeled stars as `kernels.channels` wants them."""
    magnitudes = [stars.magnitude(band) for band in _bands(kind)]
    color = stars.magnitude("BP") - stars.magnitude("RP") if kind.survey == "gaia" else np.zeros(len(stars))
    return np.stack([stars.distance, np.clip(color, -0.06, 2.5), *magnitudes], axis=1).astype(np.float32)


def _density(kind: Diagram, stars: Stars, solid_angle: float) -> float:
    """Stars per square degree inside the diagram's cut."""
    inside = [stars.magnitude(band) < limit for band, limit in kind.faintest]
    return np.count_nonzero(np.logical_and.reduce(inside)) / solid_angle


def visible_of(kind: Diagram, stars: Stars, edges: np.ndarray, law: str, R_V: float) -> np.ndarray:
    """Stars of each distance bin that are seen behind each extinction: (bins, levels) float32."""
    limits = dict(kind.faintest)
    magnitudes = {band: stars.magnitude(band) for band in limits}
    tolerated = tolerance(magnitudes, limits, {band: ratio(band, law, R_V) for band in limits})
    return visible_stars(stars.distance, tolerated, edges)


def _bare(kind: Diagram, stars: Stars, solid_angle: float, *, seed: int, repeats: int = 4) -> np.ndarray:
    survey = _tables(kind, np.array([_density(kind, stars, solid_angle)]))
    image = expected_channel(_columns(kind, stars), np.uint64(seed), repeats, survey, kind.axes.pixels)
    return image / np.float32(solid_angle)


def _tables(kind: Diagram, star_density: np.ndarray, law: str = DEFAULT, R_V: float = 3.1) -> SurveyTables:
    """Describe a diagram's survey to the kernel."""
    survey, bands = survey_named(kind.noise), _bands(kind)
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
