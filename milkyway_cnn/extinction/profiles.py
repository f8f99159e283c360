"""Mock extinction profiles: Gaussian random fields under the envelope of the Galaxy's dust, and clouds.

The recipe of the founding work is not published; this one is our choice. A profile is

    delta_A_V(d) ~ E(d) exp(s g(d)) + clouds,

where g is a Gaussian random field of unit variance with spectrum k^-slope, E the diffuse dust along the
sightline, and s the contrast: log-normal dust, as modern 3D maps assume.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from milkyway_cnn.extinction.diffuse import diffuse_dust
from milkyway_cnn.kernels import draws, fields
from milkyway_cnn.sightlines import galactocentric

__all__ = ["ProfilePrior", "cumulative", "draw_profiles", "envelope"]

# Branches of a profile's key.
_NUMBERS, _FIELD = range(2)
# Columns of uniform numbers that one profile consumes; three more for each possible cloud.
_SLOPE, _CONTRAST, _BRANCH, _TOTAL, _EMPTY, _CLOUDS, _FIRST_CLOUD = range(7)
_MOST_CLOUDS = 5


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
    empty: float = 0.02

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ProfilePrior:
        """Make a prior of values read from JSON, where a pair is a list."""
        pairs: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**pairs)


def envelope(l: float, b: float, edges: np.ndarray) -> np.ndarray:
    """Extinction of the diffuse medium in each distance bin of a sightline (mag): (bins,) float32."""
    steps = 8
    width = np.diff(edges)
    fine = edges[:-1, None] + width[:, None] * (np.arange(steps) + 0.5) / steps
    return (diffuse_dust(*galactocentric(l, b, fine)).mean(axis=1) * width).astype(np.float32)


def _between(limits: tuple[float, float], u: np.ndarray) -> np.ndarray:
    return limits[0] + (limits[1] - limits[0]) * u


def _between_logarithms(limits: tuple[float, float], u: np.ndarray) -> np.ndarray:
    return limits[0] * (limits[1] / limits[0]) ** u


def draw_profiles(
    keys: np.ndarray, envelopes: np.ndarray, edges: np.ndarray, prior: ProfilePrior, modes: np.ndarray
) -> np.ndarray:
    """Draw one mock profile a key: A_V added in each distance bin (mag), (n, bins) float32.

    Parameters
    ----------
    keys
        (n,) uint64; a profile depends on its key and envelope alone.
    envelopes
        `envelope` of each profile's sightline: (n, bins) float32.
    edges
        Bin edges (kpc): (bins + 1,).
    prior
        The distribution.
    modes
        `fields.basis(bins)`.
    """
    u = draws.uniforms(keys, _NUMBERS, _FIRST_CLOUD + 3 * _MOST_CLOUDS)
    profile = np.empty_like(envelopes)
    fields.gaussian_fields(keys, _FIELD, _between(prior.slope, u[:, _SLOPE]), modes, profile)
    profile *= _between(prior.contrast, u[:, _CONTRAST])[:, None]
    np.exp(profile, out=profile)
    profile *= envelopes

    physical = envelopes.sum(axis=1) * np.float32(10.0) ** (prior.scatter * (2.0 * u[:, _TOTAL] - 1.0))
    total = np.where(u[:, _BRANCH] < prior.free_share, _between_logarithms(prior.free_total, u[:, _TOTAL]), physical)
    profile *= (total / np.maximum(profile.sum(axis=1), 1e-30))[:, None]

    present = _poisson_ranks(prior.clouds)
    for cloud in range(_MOST_CLOUDS):
        rows = np.flatnonzero(u[:, _CLOUDS] > present[cloud])
        extinction, distance, depth = u[rows, _FIRST_CLOUD + 3 * cloud :][:, :3].T
        distance = _between_logarithms(prior.cloud_distance, distance)[:, None]
        depth = _between_logarithms(prior.cloud_depth, depth)[:, None]
        inside = np.diff(ndtr((edges[None, :] - distance) / depth), axis=1)
        profile[rows] += (_between_logarithms(prior.cloud_A_V, extinction)[:, None] * inside).astype(np.float32)
    profile[u[:, _EMPTY] < prior.empty] = 0.0
    return profile


def _poisson_ranks(mean: float) -> np.ndarray:
    """Probability of at most 0, 1, ... clouds: a uniform draw above entry k means more than k clouds."""
    ranks = np.arange(_MOST_CLOUDS)
    factorials = np.cumprod(np.maximum(ranks, 1))
    return np.cumsum(np.exp(-mean) * mean**ranks / factorials)


def cumulative(profiles: np.ndarray) -> np.ndarray:
    """A_V at the bin edges (mag), starting with 0 at the Sun: (n, bins) -> (n, bins + 1) float32."""
    edges = np.zeros((profiles.shape[0], profiles.shape[1] + 1), np.float32)
    np.cumsum(profiles, axis=1, out=edges[:, 1:])
    return edges
