"""Templates: what the stars at each distance in a direction make of a diagram, behind each of several extinctions.

A diagram that is expected behind any profile is a sum of templates, between two of which it is linear, and so is its
derivative by the extinction in front of each distance: they cost no star any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from milkyway_cnn.diagrams import parents, star_density, survey_parameters
from milkyway_cnn.expected import bands_of, columns_of, density_of, survey_tables
from milkyway_cnn.extinction.law import ratio
from milkyway_cnn.galaxy.stars import Stars
from milkyway_cnn.kernels.channels import expected_channel
from milkyway_cnn.kernels.expected import blends, templates
from milkyway_cnn.surveys.diagrams import Diagram, DiagramAxes

__all__ = ["Expected", "Ranked", "Templates"]

#: Between which stars are at one distance (kpc): farther away a magnitude tells less of distance.
_EDGES = np.concatenate([np.arange(0, 4, 0.1), np.arange(4, 8, 0.2), np.arange(8, 14.1, 0.4), [np.inf]])
#: A star this much fainter than the cut is not scattered into it (mag).
_MARGIN = 0.5
#: More than any difference of extinctions (mag).
_FARTHER = 1e4
#: Spacing of the extinctions (mag), and the most of them; where more would be needed they are farther apart.
_SPACING, _MOST = 0.25, 96
#: Places of a Gaussian, for the scatter of ln(A_V), and its shares there: close enough that behind much dust, too, the
#: diagrams behind two of them overlap.
_NODES = np.linspace(-2.8, 2.8, 15)
_SHARES = np.exp(-0.5 * _NODES**2) / np.exp(-0.5 * _NODES**2).sum()


@dataclass(frozen=True, eq=False)
class Ranked:
    """Modeled stars of a direction by distance and, at each distance, in the order in which dust hides them.

    Parameters
    ----------
    kind
        The diagram that they are for.
    stars, area
        The stars, and the square degrees that hold as many.
    first
        Stars at distance i are those from first[i] to first[i + 1] - 1: (distances + 1,) int64.
    hidden
        A_V (mag) behind which each is too faint for the diagram, falling at each distance: (stars,).
    law, R_V
        Extinction law.
    seed
        Of what is drawn from them.
    """

    kind: Diagram
    stars: Stars
    area: float
    first: np.ndarray
    hidden: np.ndarray
    law: str
    R_V: float
    seed: int

    @classmethod
    def of(cls, kind: Diagram, stars: Stars, area: float, *, law: str, R_V: float, seed: int) -> Ranked:
        """Put modeled stars in order."""
        row = np.searchsorted(_EDGES, stars.distance, side="right") - 1
        margins = [(limit + _MARGIN - stars.magnitude(band)) / ratio(band, law, R_V) for band, limit in kind.faintest]
        hidden = np.min(margins, axis=0)
        order = np.argsort(row * _FARTHER - np.clip(hidden, -_FARTHER / 4, _FARTHER / 4))
        first = np.searchsorted(row[order], np.arange(len(_EDGES)))
        return cls(kind, stars[order], area, first, hidden[order], law, R_V, seed)

    @cached_property
    def distance(self) -> np.ndarray:
        """Mean distance of the stars at each distance (kpc): (distances,)."""
        number = np.diff(self.first)
        sums = np.append(0.0, np.cumsum(self.stars.distance, dtype=np.float64))
        middle = 0.5 * (_EDGES[:-1] + np.minimum(_EDGES[1:], 2 * _EDGES[-2]))
        return np.where(number > 0, np.diff(sums[self.first]) / np.maximum(number, 1), middle)

    def templates(self, edges: np.ndarray, A_V: np.ndarray) -> Templates:
        """Make templates.

        Parameters
        ----------
        edges, A_V
            The least and the most extinction (mag) for which there are to be templates, (2, edges), at distances (kpc).
        """
        least, most = (np.interp(self.distance, edges, each) for each in A_V)
        spacing = max(_SPACING, float((most - least).max()) / (_MOST - 4))
        lowest = np.maximum(np.floor(least / spacing).astype(np.int64) - 1, 0)
        levels = int((np.ceil(most / spacing) - lowest).max()) + 2
        faced = (lowest[:, None] + np.arange(levels)) * spacing
        shown = [
            np.searchsorted(-self.hidden[begin:end], -A_V, "right")
            for (begin, end), A_V in zip(pairwise(self.first), faced, strict=True)
        ]
        images = self._counted(lowest, spacing, self.first[:-1, None] + np.array(shown, np.int64))
        pixels = np.flatnonzero(images.reshape(-1, images.shape[2]).max(axis=0))
        images = np.take(images, pixels, axis=2)
        images /= np.float32(self.area)
        return Templates(self.kind.axes, self.distance, images, pixels, lowest, spacing, self.area)

    def _counted(self, lowest: np.ndarray, spacing: float, last: np.ndarray) -> np.ndarray:
        """Count the stars of each distance behind each extinction: (distances, levels, pixels^2) float32."""
        axes, first = self.kind.axes, self.first[:-1]
        if self.kind.name == "2mass":
            modeled, survey = self._parents_and_survey
            return templates(
                modeled, first, last, lowest, np.uint64(self.seed), spacing, survey, axes.kernel(), axes.pixels
            )
        images = np.zeros((*last.shape, axes.pixels**2), np.float32)
        density = density_of(self.kind, self.stars, self.area)
        survey_of = survey_tables(self.kind, np.array([density]), self.law, self.R_V)
        columns = columns_of(self.kind, self.stars)
        for n, level in np.argwhere(last > first[:, None]):
            some = slice(first[n], last[n, level])
            A_V = np.full(last[n, level] - first[n], np.float32((lowest[n] + level) * spacing))
            dimmed = columns[some].copy()
            for number, band in enumerate(bands_of(self.kind), 2):
                dimmed[:, number] = self.stars[some].reddened(band, A_V, self.law, self.R_V)
            key = np.uint64(self.seed + (lowest[n] + level) * len(lowest) + n)
            images[n, level] = expected_channel(dimmed, key, 1, survey_of, axes.pixels).ravel()
        return images

    @cached_property
    def _parents_and_survey(self) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        density = np.array(star_density(self.stars, self.area))
        bands, half, noise = survey_parameters(density, self.law, self.R_V)
        return parents(self.stars), (bands, half[0], noise)


@dataclass(frozen=True, eq=False)
class Expected:
    """An expected diagram, stars per pixel and square degree, and its derivatives; only pixels that hold any star."""

    mean: np.ndarray  # (pixels,)
    by_A_V: np.ndarray  # by the extinction (mag) in front of each distance: (distances, pixels) float32
    by_scatter: np.ndarray  # by the standard deviation of ln(A_V) from star to star: (pixels,)
    by_color: np.ndarray  # by what is added along the columns (mag, or mas of a parallax): (pixels,)


@dataclass(frozen=True, eq=False)
class Templates:
    """Templates of one diagram in one direction.

    Parameters
    ----------
    axes
        Of the diagram.
    distance
        Mean distance of the stars of each template (kpc): (distances,).
    images
        Stars per pixel and square degree: (distances, levels, pixels) float32.
    pixels
        Which pixels of the flat diagram these are: those that hold any star.
    lowest, spacing
        Level n at distance i is behind (lowest[i] + n) times `spacing` (mag): (distances,).
    area
        Square degrees of the modeled stars.
    """

    axes: DiagramAxes
    distance: np.ndarray
    images: np.ndarray
    pixels: np.ndarray
    lowest: np.ndarray
    spacing: float
    area: float

    def behind(self, A_V: np.ndarray, scatter: float) -> Expected:
        """Expect the diagram behind an extinction (mag) in front of each distance, (distances,).

        `scatter` is the standard deviation of its logarithm from star to star, whose mean is `A_V`.
        """
        distances, levels, _ = self.images.shape
        factor = np.exp(scatter * (_NODES - scatter / 2))
        # Where the extinction of a share of the stars lies between the levels, and a level to either side of that.
        level = np.clip(A_V[:, None] * factor / self.spacing - self.lowest[:, None], 0.0, levels - 1.0)
        after, before = np.minimum(level + 1.0, levels - 1.0), np.maximum(level - 1.0, 0.0)
        slope = _SHARES / ((after - before) * self.spacing)
        by_scatter = slope * A_V[:, None] * (factor * (_NODES - scatter))
        share = np.zeros((distances, 3, levels))
        row = np.arange(distances)[:, None]
        for at, parts in (
            (level, ((0, _SHARES),)),
            (after, ((1, slope * factor), (2, by_scatter))),
            (before, ((1, -slope * factor), (2, -by_scatter))),
        ):
            k = np.minimum(at.astype(np.int64), levels - 2)
            between = at - k
            for column, part in parts:
                np.add.at(share[:, column], (row, k), part * (1.0 - between))
                np.add.at(share[:, column], (row, k + 1), part * between)
        sums, slopes = blends(share.astype(np.float32), self.images)
        return Expected(sums[0], slopes, sums[1], self._by_color(sums[0]))

    @cached_property
    def _color_per_pixel(self) -> np.ndarray:
        return np.gradient(self.axes.centers()["color"])

    def _by_color(self, mean: np.ndarray) -> np.ndarray:
        """Derivative of the diagram by what is added along the columns."""
        size = self.axes.pixels
        image = np.zeros(size * size)
        image[self.pixels] = mean
        slope: np.ndarray = np.gradient(image.reshape(size, size), axis=1)  # type: ignore[assignment]
        return (-slope / self._color_per_pixel).ravel()[self.pixels]
