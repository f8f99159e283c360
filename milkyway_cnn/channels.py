"""Channels: modeled stars of each sightline, ready to be drawn into mock diagrams of one kind.

The diagram `2mass` has a kernel of its own; all others share the one of `kernels.channels`, to which their survey comes
as tables. A channel draws its own stars: no star of one is looked for in another, as in the observed diagrams.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from milkyway_cnn import backend
from milkyway_cnn.diagrams import bare_diagram, parents, star_density, survey_parameters
from milkyway_cnn.expected import (
    affordable_area,
    bands_of,
    columns_of,
    density_of,
    expected_bare,
    faintest_of,
    survey_tables,
    visible_of,
)
from milkyway_cnn.extinction.law import DEFAULT, ratio
from milkyway_cnn.galaxy.models import EMBEDDED, Galaxy
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.kernels.channels import SurveyTables, draw_channel
from milkyway_cnn.kernels.examples import draw_diagrams
from milkyway_cnn.kernels.variation import nuisance
from milkyway_cnn.surveys.diagrams import Diagram

__all__ = ["Channel", "Draws", "channel"]

#: Parents are drawn in this many times the solid angle of a cell, so that no star becomes familiar; of a deep survey in
#: no more than can be afforded.
_PARENT_FACTOR = 20.0


@dataclass(frozen=True)
class Draws:
    """What decides a batch of diagrams; one row an example (see `kernels.channels.draw_channel`).

    Parameters
    ----------
    sightline, keys, brightening, scatter, shift
        Sightline (int64), key (uint64), factor of the number of stars, standard deviation of ln(A_V), shift along the
        columns (float32): (n,).
    cumulative
        A_V at the bin edges (mag): (n, bins + 1) float32.
    bins_per_kpc
        Inverse of the bin width.
    others
        What is added to all magnitudes, by how much deeper the survey is complete (mag), and by how much R_V of the
        dust is larger than the law's: (n, 3) float32.
    R_V
        Half range of the last.
    """

    sightline: np.ndarray
    keys: np.ndarray
    brightening: np.ndarray
    scatter: np.ndarray
    shift: np.ndarray
    cumulative: np.ndarray
    bins_per_kpc: float
    others: np.ndarray
    R_V: float = 0.0

    def observing(self, expected: np.ndarray, bands: Sequence[str], law: str, R_V: float) -> tuple[Any, Any]:
        """Number of stars that is expected of each example, (n,), and its nuisance, as kernels want them.

        `expected` is that of each sightline: (sightlines,) float64.
        """
        place, n = backend.home(self.keys), len(self.keys)
        mean, made = place.empty((n,), np.float64), place.empty((n, 2 + len(bands)), np.float32)
        given = place.keep(expected), self.sightline, self.brightening, self.others
        nuisance(*given, place.keep(_factors(tuple(bands), law, R_V, self.R_V)), self.R_V, mean, made)
        return mean, made


@functools.cache
def _factors(bands: tuple[str, ...], law: str, R_V: float, half_range: float) -> np.ndarray:
    """Extinction of bands about R_V, relative to that there, in steps of a tenth or less: (steps, bands) float32."""
    at = np.linspace(R_V - half_range, R_V + half_range, max(2, 1 + math.ceil(20 * half_range)))
    return np.array([[ratio(band, law, x) / ratio(band, law, R_V) for band in bands] for x in at], np.float32)


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
        self._survey, self._axes = survey_parameters(np.array(density), law, R_V), kind.axes.kernel()

    def draw(self, what: Draws, counts: np.ndarray, outside: np.ndarray) -> None:
        all_stars, keep = self._parents, backend.current().keep
        mean, nuisance = what.observing(all_stars.expected, ("J", "H", "Ks"), *self._law)
        draw_diagrams(
            keep(all_stars.stars), keep(all_stars.first), keep(all_stars.number), what.sightline, what.keys, mean,
            what.scatter, what.shift, what.cumulative, what.bins_per_kpc, tuple(map(keep, self._survey)),
            keep(self._axes), counts, outside, nuisance,
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
            drawn = affordable_area(kind, l, b, float(area) * _PARENT_FACTOR, seed, model)
            stars = synthesize(l, b, drawn, seed=seed + index, faintest=faintest_of(kind), model=model)
            lists.append(columns_of(kind, stars))
            factors.append(drawn / area)
            density.append(density_of(kind, stars, drawn))
            bare.append(expected_bare(kind, stars, drawn, seed=seed + index) * np.float32(area))
            visible.append(visible_of(kind, stars, edges, law, R_V) / np.float32(factors[-1]))
        self.bare, self.visible = np.stack(bare), np.stack(visible)
        self._parents = _Parents(lists, factors, seed)
        self._law = law, R_V
        self._survey = survey_tables(kind, np.array(density), law, R_V)

    def draw(self, what: Draws, counts: np.ndarray, outside: np.ndarray) -> None:
        all_stars, keep = self._parents, backend.current().keep
        mean, nuisance = what.observing(all_stars.expected, bands_of(self.kind), *self._law)
        draw_channel(
            keep(all_stars.stars), keep(all_stars.first), keep(all_stars.number), what.sightline, what.keys, mean,
            what.scatter, what.shift, what.cumulative, what.bins_per_kpc, SurveyTables(*map(keep, self._survey)),
            counts, outside, nuisance,
        )  # fmt: skip
