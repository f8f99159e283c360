"""A profile refined by the forward model: where the network has put it, a fit begins.

The counts of a diagram are Poisson numbers, whose means follow from the stars of a Galaxy model behind the profile. The
logarithm of the dust's density has a Gaussian prior: mean and covariance of the mock profiles that the network has
learned from. So have the number of stars, the scatter of the dust inside the cell and the offset of colors, as wide as
the training's; what else may vary there (magnitudes, depth, R_V) stays as it is modeled. Fisher's scoring finds the
profile of the highest posterior density, and its information matrix tells how far that may be off (Laplace's
approximation). Steps that lead down are taken back and damped (Levenberg 1944, Marquardt 1963).

It finds the nearest maximum. From the network's profile that is mostly the right one; from the prior's mean it is
another one in many cells, so that this is no method by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.special import xlogy

from milkyway_cnn.ensemble import Read
from milkyway_cnn.extinction.profiles import MockProfiles, ProfilePrior, cumulative
from milkyway_cnn.forward import Modeled
from milkyway_cnn.kernels import draws
from milkyway_cnn.samples import Randomization
from milkyway_cnn.templates import Ranked, Templates

__all__ = ["MEASURES", "Direction", "LogDensity", "Refined", "Refinement", "refine"]

#: Mock profiles from which the prior is taken, its principal components, and the least extinction of a bin (mag).
_PROFILES, _COMPONENTS, _LEAST = 1000, 64, 1e-5
#: Longest step, in standard deviations of the prior: far from the maximum, scoring goes too far.
_LONGEST = 6.0
#: Scoring ends where a step would raise the logarithm of the density by less than half of this.
_CLOSE = 0.4
#: Numbers that a fit tells of itself.
MEASURES = 5
#: Least expected stars of a pixel that counts.
_FEW = 0.02
#: Templates reach from and to these parts of the extinction to begin with, and by so much farther (mag).
_FROM, _TO, _FARTHER = 0.4, 2.2, 0.75


class LogDensity(NamedTuple):
    """Gaussian prior of ln(A_V added in a bin): mean (bins,), and root of the covariance (bins, components)."""

    mean: np.ndarray
    root: np.ndarray
    edges: np.ndarray  # of these bins (kpc), which go on behind those of the map: (bins + 1,)

    @classmethod
    def towards(cls, l: float, b: float, edges: np.ndarray, prior: ProfilePrior, seed: int = 0) -> LogDensity:
        """Take mean and covariance of mock profiles in a direction (deg); those without dust are left out."""
        mock = MockProfiles([(l, b)], edges, replace(prior, empty=0.0))
        profiles = mock.draw(draws.keys(seed, 0, np.arange(_PROFILES)), np.zeros(_PROFILES, np.int64))
        logarithm = np.log(profiles.astype(np.float64) + _LEAST)
        variances, axes = np.linalg.eigh(np.cov(logarithm, rowvar=False))
        kept = slice(None, -_COMPONENTS - 1, -1)
        return cls(logarithm.mean(axis=0), axes[:, kept] * np.sqrt(np.maximum(variances[kept], 0.0)), mock.all_edges)

    def start(self, delta_A_V: np.ndarray) -> np.ndarray:
        """Components (components,) of the density nearest to a profile (bins of the map,), by ridge regression."""
        off = np.log(np.maximum(delta_A_V, 1e-3)) - self.mean[: delta_A_V.size]
        root = self.root[: delta_A_V.size]
        return np.linalg.solve(root.T @ root + 0.1 * np.eye(root.shape[1]), root.T @ off)

    def in_front(self, distance: np.ndarray) -> np.ndarray:
        """Part of each bin that is in front of distances (kpc): (distances, bins)."""
        return np.clip((distance[:, None] - self.edges[:-1]) / np.diff(self.edges), 0.0, 1.0)


class Refined(NamedTuple):
    """A profile and how far off it may be."""

    delta_A_V: np.ndarray  # A_V added in each bin (mag): (bins,)
    A_V_variance: np.ndarray  # of A_V to the far edge of each bin (mag^2): (bins,)
    delta_A_V_variance: np.ndarray
    #: ln(1 + A_V), ln(1 + squared distance from the prior's mean), ln(roughness), ln(1 + stars), ln(deviance): (5,)
    fit: np.ndarray
    A_V_draws: np.ndarray  # Gaussian draws of A_V to the far edges (mag), which may fall: (draws, bins)


class _Point(NamedTuple):
    """A place in the posterior density."""

    z: np.ndarray  # components of the dust, then scatter, and of each diagram number and color: of unit variance
    height: float  # logarithm of the density, but for a constant
    slope: np.ndarray
    information: np.ndarray


@dataclass(frozen=True, eq=False)
class _Posterior:
    """Posterior density of what `refine` looks for; parameters are its."""

    templates: Sequence[Templates]
    counts: np.ndarray
    area: float
    density: LogDensity
    vary: Randomization

    @cached_property
    def _in_front(self) -> list[np.ndarray]:
        return [self.density.in_front(each.distance) for each in self.templates]

    @cached_property
    def _spread(self) -> np.ndarray:
        """Standard deviations of the training's uniform draws: scatter, and of each diagram ln(number) and color."""
        each = [2 * np.log(10) * self.vary.density, 2 * self.vary.color]
        return np.array([self.vary.beam] + each * len(self.templates)) / np.sqrt(12)

    def __call__(self, z: np.ndarray) -> _Point:
        root = self.density.root
        components, spread = root.shape[1], self._spread
        added, other = np.exp(self.density.mean + root @ z[:components]), spread * z[components:]
        height, slope, information = -0.5 * float(z @ z), -z, np.eye(z.size)
        for index, (template, in_front) in enumerate(zip(self.templates, self._in_front, strict=True)):
            number, color = 1 + 2 * index, 2 + 2 * index
            told = template.behind(in_front @ added, max(self.vary.beam / 2 + other[0], 0.0))
            scale = self.area * np.exp(other[number])
            mean = np.maximum(scale * (told.mean + other[color] * told.by_color), _FEW)
            by = np.empty((z.size, mean.size), np.float32)
            by[:components] = (in_front @ (added[:, None] * root) * scale).T.astype(np.float32) @ told.by_A_V
            by[components:] = 0.0
            by[components] = spread[0] * scale * told.by_scatter
            by[components + number] = spread[number] * mean
            by[components + color] = spread[color] * scale * told.by_color
            # Chance is in the counts and, less so, in the templates: a likelihood of less weight.
            weight = 1.0 / (1.0 + self.area / template.area)
            count = self.counts[index, template.pixels]
            height += weight * float(count @ np.log(mean) - mean.sum())
            weighted = by * np.where(mean > _FEW, weight / mean, 0.0).astype(np.float32)
            information += weighted @ by.T
            slope += weighted @ (count - mean).astype(np.float32)
        return _Point(z, height, slope, information)

    def deviance(self, point: _Point) -> float:
        """Poisson deviance per pixel of the counts from what is expected at a point."""
        likelihood, best, pixels = point.height + 0.5 * float(point.z @ point.z), 0.0, 0
        for template, counts in zip(self.templates, self.counts, strict=True):
            count = counts[template.pixels].astype(np.float64)
            best += float(xlogy(count, count).sum() - count.sum()) / (1.0 + self.area / template.area)
            pixels += count.size
        return max(2.0 * (best - likelihood) / max(pixels, 1), 0.0)


def refine(
    templates: Sequence[Templates],
    images: np.ndarray,
    area: float,
    delta_A_V: np.ndarray,
    density: LogDensity,
    vary: Randomization,
    *,
    steps: int,
    draw: int = 0,
    seed: int = 0,
) -> Refined:
    """Refine a profile by the diagrams that it was read from.

    Parameters
    ----------
    templates
        Of each diagram.
    images, area
        Stars counted, ([kinds,] pixels, pixels), in so many square degrees.
    delta_A_V
        The profile to begin with (mag): (bins,).
    density, vary
        Prior of the dust, and of what else varies.
    steps
        Of Fisher's scoring.
    draw, seed
        Draws from the posterior density that are wanted.
    """
    posterior = _Posterior(templates, np.reshape(images, (len(templates), -1)), area, density, vary)
    best = posterior(np.append(density.start(delta_A_V), np.zeros(1 + 2 * len(templates))))
    damping = 0.0
    for _ in range(steps):
        damped = best.information + damping * np.diag(np.diag(best.information))
        change = np.linalg.solve(damped, best.slope)
        if float(best.slope @ change) < _CLOSE:
            break
        found = posterior(best.z + change * min(1.0, _LONGEST / np.linalg.norm(change)))
        if found.height > best.height:
            best, damping = found, damping / 5.0
        else:
            damping = max(5.0 * damping, 0.2)
    components = density.root.shape[1]
    of = slice(None, delta_A_V.size)
    added = np.exp(density.mean + density.root @ best.z[:components])
    # The covariance is the product of these deviations and their transpose.
    deviations = np.linalg.inv(np.linalg.cholesky(best.information))[:, :components].T
    by_z = added[:, None] * density.root
    single, total = by_z[of] @ deviations, by_z.cumsum(axis=0)[of] @ deviations
    chance = np.random.default_rng(seed).standard_normal((draw, best.z.size))
    drawn = added[of].cumsum() + chance @ total.T
    z, rough = best.z[:components], np.abs(np.diff(density.mean + density.root @ best.z[:components])[of]).mean()
    told = np.log1p(added[of].sum()), np.log1p(z @ z), np.log(rough + 1e-3), np.log1p(np.sum(images))
    fit = np.array([*told, np.log(posterior.deviance(best) + 1e-3)])
    return Refined(added[of], (total**2).sum(axis=1), (single**2).sum(axis=1), fit, drawn)


@dataclass(frozen=True)
class Refinement:
    """How profiles are refined.

    Parameters
    ----------
    steps
        Of Fisher's scoring.
    prior, vary
        What the network has learned from: the mock profiles, and what else varied.
    """

    steps: int
    prior: ProfilePrior
    vary: Randomization

    @classmethod
    def of(cls, steps: int, stream: Mapping[str, Any]) -> Refinement:
        """Take the priors of a stream that `samples.Stream.describe` has described."""
        return cls(steps, ProfilePrior.of(stream["prior"]), Randomization(**stream["randomization"]))

    def describe(self) -> dict[str, Any]:
        """Steps and priors as plain values for JSON, that `of` takes again."""
        return {"steps": self.steps, "prior": asdict(self.prior), "randomization": asdict(self.vary)}

    def towards(self, modeled: Modeled) -> Direction:
        """Make ready to refine what is read from diagrams of one direction, by its modeled stars."""
        density = LogDensity.towards(modeled.l, modeled.b, modeled.edges, self.prior, modeled.seed)
        ranked = [
            Ranked.of(kind, stars, area, law=modeled.law, R_V=modeled.R_V, seed=modeled.seed)
            for kind, stars, area in zip(modeled.kinds, modeled.stars, modeled.area, strict=True)
        ]
        return Direction(self, density, ranked, modeled.seed)


@dataclass(frozen=True, eq=False)
class Direction:
    """Where profiles are refined: the prior of the dust there, the stars of each diagram, and the seed of draws."""

    refinement: Refinement
    density: LogDensity
    ranked: Sequence[Ranked]
    seed: int

    def __call__(self, images: np.ndarray, read: Read, solid_angle: float, draw: int = 0) -> Read:
        """Refine what networks have read from diagrams.

        Parameters
        ----------
        images
            Of so many square degrees: (n, [kinds,] pixels, pixels).
        read
            What networks have read from them.
        draw
            Draws of the posterior density that are wanted.

        Returns
        -------
        The refined profiles, with variances of the posterior density and draws from it; the features are as they were.
        """
        edges = self.density.edges
        begun = cumulative(np.maximum(read.delta_A_V, 0.0))
        begun = np.concatenate([begun, np.repeat(begun[:, -1:], len(edges) - begun.shape[1], axis=1)], axis=1)
        limits = np.stack([_FROM * begun.min(axis=0), _TO * begun.max(axis=0) + _FARTHER])
        templates = [stars.templates(edges, limits) for stars in self.ranked]
        told = [
            refine(
                templates,
                image,
                solid_angle,
                np.maximum(profile, 0.0),
                self.density,
                self.refinement.vary,
                steps=self.refinement.steps,
                draw=draw,
                seed=self.seed + number,
            )
            for number, (image, profile) in enumerate(zip(images, read.delta_A_V, strict=True))
        ]
        means, A_V, delta_A_V, fit, draws = (np.array(values, np.float32) for values in zip(*told, strict=True))
        return Read(means, A_V, delta_A_V, read.features, draws, fit)
