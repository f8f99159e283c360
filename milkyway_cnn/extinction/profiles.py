"""Mock extinction profiles: Gaussian random fields under the envelope of the Galaxy's dust, and clouds.

The recipe of the founding work is not published; this one is our choice. A profile is

    delta_A_V(d) ~ E(d) exp(s g(d)) + clouds,

where g is a Gaussian random field of unit variance with spectrum k^-slope, E the diffuse dust along the
sightline, and s the contrast: log-normal dust, as modern 3D maps assume.

A profile goes on behind the bins that are asked for, as far as there is smooth dust: stars behind the last bin are seen
through it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from milkyway_cnn import backend
from milkyway_cnn.extinction.arms import arm_weight
from milkyway_cnn.extinction.diffuse import diffuse_dust
from milkyway_cnn.kernels import draws, fields
from milkyway_cnn.kernels import profiles as kernels
from milkyway_cnn.sightlines import distance_edges, galactocentric

__all__ = ["MockProfiles", "ProfilePrior", "cumulative", "envelope", "gaussian_cloud", "through_knots"]

# Branches of a profile's key.
_NUMBERS, _FIELD = range(2)
#: Dust behind the bins is followed to this distance (kpc), or until less than this is left of it (mag).
_FARTHEST, _LEFT = 25.0, 0.01


@dataclass(frozen=True)
class ProfilePrior:
    """What mock profiles look like; pairs are the limits of uniform draws.

    Parameters
    ----------
    slope
        Slope of the field's spectrum; 5/3 is a cut through a 3D field of slope 11/3 (Kolmogorov).
    contrast
        Standard deviation of the field in ln(density).
    scatter
        The physical profiles' total is that of the envelope times 10^u with u uniform in +-scatter.
    free_share, free_total
        This share of the profiles instead has log10 of the total A_V uniform between these limits (mag).
    clouds
        Mean number of added clouds (Poisson, at most five).
    cloud_A_V, cloud_distance, cloud_depth
        Extinction (mag), distance (kpc) and Gaussian depth (kpc) of a cloud, each uniform in its logarithm.
    cloud_arms
        This share of the clouds instead lies where the sightline crosses spiral arms, between the same distances.
    empty
        Share of profiles that are exactly zero.
    """

    slope: tuple[float, float] = (1.0, 2.5)
    contrast: tuple[float, float] = (0.8, 1.8)
    scatter: float = 0.4
    free_share: float = 0.3
    free_total: tuple[float, float] = (0.5, 30.0)
    clouds: float = 1.0
    cloud_A_V: tuple[float, float] = (0.2, 8.0)
    cloud_distance: tuple[float, float] = (0.1, 10.0)
    cloud_depth: tuple[float, float] = (0.03, 0.15)
    cloud_arms: float = 0.0
    empty: float = 0.02

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ProfilePrior:
        """Make a prior of values read from JSON, where a pair is a list."""
        pairs: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**pairs)

    def shape(self) -> kernels.Shape:
        """Give the numbers as the kernel takes them."""
        return kernels.Shape(
            (np.float32(self.contrast[0]), np.float32(self.contrast[1])),
            np.float32(self.scatter),
            np.float32(self.free_share),
            kernels.logarithms(self.free_total),
            kernels.logarithms(self.cloud_A_V),
            kernels.logarithms(self.cloud_distance),
            kernels.logarithms(self.cloud_depth),
            np.float32(self.cloud_arms),
            np.float32(self.empty),
        )


def envelope(l: float, b: float, edges: np.ndarray) -> np.ndarray:
    """Extinction of the diffuse medium in each distance bin of a sightline (mag): (bins,) float32."""
    steps = 8
    width = np.diff(edges)
    fine = edges[:-1, None] + width[:, None] * (np.arange(steps) + 0.5) / steps
    return (diffuse_dust(*galactocentric(l, b, fine)).mean(axis=1) * width).astype(np.float32)


def gaussian_cloud(
    edges: np.ndarray, distance: np.ndarray | float, depth: np.ndarray | float, A_V: np.ndarray | float
) -> np.ndarray:
    """Extinction of a cloud of Gaussian depth in each distance bin (mag): (..., bins) float32.

    Parameters
    ----------
    edges
        Of the bins (kpc): (bins + 1,).
    distance, depth, A_V
        Middle and standard deviation along the sightline (kpc), and extinction of all of it (mag): (..., 1).
    """
    inside = np.diff(ndtr((edges - distance) / depth), axis=-1)
    return (A_V * inside).astype(np.float32)


def through_knots(edges: np.ndarray, distance: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Extinction in each distance bin of a density that is linear between knots (mag): (bins,) float32.

    Parameters
    ----------
    edges
        Of the bins (kpc): (bins + 1,).
    distance, density
        Of the knots, in any order: kpc, and A_V per kpc (mag / kpc), negative ones counting as 0. Before the first and
        behind the last knot the density stays the same.
    """
    order = np.argsort(distance)
    at, density = np.asarray(distance, float)[order], np.maximum(np.asarray(density, float)[order], 0.0)
    all_at = np.union1d(edges, at)
    values = np.interp(all_at, at, density)
    total = np.concatenate(([0.0], np.cumsum(0.5 * (values[1:] + values[:-1]) * np.diff(all_at))))
    return np.diff(np.interp(edges, all_at, total)).astype(np.float32)


class MockProfiles:
    """Mock profiles on some sightlines.

    Parameters
    ----------
    sightlines
        Galactic (l, b) in degrees.
    edges
        Edges of equal distance bins, from the Sun outwards (kpc): (bins + 1,).
    prior
        The distribution.

    Attributes
    ----------
    bins
        Number of bins that are asked for.
    all_edges
        Edges of these and of the bins behind them (kpc): (all bins + 1,).
    ring
        Bins after which the random fields repeat themselves.
    envelopes
        `envelope` of each sightline: (sightlines, all bins) float32.
    """

    def __init__(
        self, sightlines: Sequence[tuple[float, float]], edges: np.ndarray, prior: ProfilePrior = ProfilePrior()
    ) -> None:
        self.sightlines = sightlines
        self.prior = prior
        self.bins = edges.size - 1
        width = float(edges[-1]) / self.bins
        far = distance_edges(max(self.bins, round(_FARTHEST / width)), width)
        smooth = np.stack([envelope(l, b, far) for l, b in sightlines])
        left = np.cumsum(smooth[:, ::-1], axis=1).max(axis=0)[::-1]
        count = max(self.bins, int(np.count_nonzero(left > _LEFT)))
        self.all_edges = far[: count + 1]
        self.envelopes = np.ascontiguousarray(smooth[:, :count])
        # The fields of the asked bins come from a ring twice as long, or longer where more bins follow them; a power of
        # two, for which all devices have a transform.
        self.ring = 1 << (max(2 * self.bins, count + self.bins // 2) - 1).bit_length()
        arms = np.stack([_arm_crossings(l, b, prior.cloud_distance) for l, b in sightlines]).astype(np.float32)
        within = self.envelopes[:, : self.bins].sum(axis=1)
        self._tables = self.envelopes, within, arms, np.asarray(self.all_edges, np.float32)
        self._more = _poisson_ranks(prior.clouds).astype(np.float32)
        self._shape = prior.shape()

    def draw(self, keys: np.ndarray, sightline: np.ndarray) -> np.ndarray:
        """Draw one mock profile a key: A_V added in each distance bin (mag), (n, all bins) float32.

        Parameters
        ----------
        keys, sightline
            Key (uint64) and index of the sightline (int64) of each profile, on which alone it depends: (n,). Where
            these are, on the host or on a card, the profiles are made.
        """
        place = backend.home(keys)
        u = draws.uniforms(keys, _NUMBERS, kernels.COLUMNS)
        slope = place.empty((len(keys),), np.float32)
        kernels.slopes(u, self.prior.slope, slope)
        profile = place.empty((len(keys), self.envelopes.shape[1]), np.float32)
        fields.gaussian_fields(keys, _FIELD, slope, self.ring, profile)
        envelopes, within, arms, edges, more = map(place.keep, (*self._tables, self._more))
        kernels.profiles(u, sightline, envelopes, within, arms, edges, self.bins, more, self._shape, profile)
        return profile


def _arm_crossings(l: float, b: float, limits: tuple[float, float]) -> np.ndarray:
    """Quantiles (257,) of distance (kpc) between `limits`, of a density that follows the weight of spiral arms."""
    distance = np.linspace(*limits, 2049)
    x, y, _ = galactocentric(l, b, distance)
    share = np.cumsum(arm_weight(x, y) + 1e-6)
    return np.interp(np.linspace(0.0, 1.0, 257), (share - share[0]) / (share[-1] - share[0]), distance)


def _poisson_ranks(mean: float) -> np.ndarray:
    """Probability of at most 0, 1, ... clouds: a uniform draw above entry k means more than k clouds."""
    ranks = np.arange(kernels.MOST_CLOUDS)
    factorials = np.cumprod(np.maximum(ranks, 1))
    return np.cumsum(np.exp(-mean) * mean**ranks / factorials)


def cumulative(profiles: np.ndarray) -> np.ndarray:
    """A_V at the bin edges (mag), starting with 0 at the Sun: (n, bins) -> (n, bins + 1) float32, where they are."""
    place = backend.home(profiles)
    if place is backend.HOST:
        profiles = np.ascontiguousarray(profiles, np.float32)
    edges = place.empty((profiles.shape[0], profiles.shape[1] + 1), np.float32)
    kernels.cumulative(profiles, edges)
    return edges
