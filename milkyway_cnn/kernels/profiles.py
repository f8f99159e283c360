"""Mock profiles of random fields and uniform draws, their running sums, and how far behind them stars are seen.

An example is the work of one thread, on a card as well: there are thousands of examples, and all of this takes a
fraction of the time in which their stars are drawn.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from milkyway_cnn.kernels._elementary import exponential
from milkyway_cnn.kernels._twin import Twin, cuda, each, exact, exact_loop, prange

__all__ = ["COLUMNS", "MOST_CLOUDS", "Shape", "cumulative", "horizon", "logarithms", "profiles", "slopes"]

# Columns of the uniform draws of a profile; three more for each possible cloud: extinction, place, depth.
_SLOPE, _CONTRAST, _BRANCH, _TOTAL, _EMPTY, _CLOUDS, _FIRST_CLOUD = range(7)
MOST_CLOUDS = 5
#: Uniform draws of one profile.
COLUMNS = _FIRST_CLOUD + 3 * MOST_CLOUDS

_LN_10 = np.float32(math.log(10.0))
_ZERO, _ONE, _TWO, _HALF = np.float32(0.0), np.float32(1.0), np.float32(2.0), np.float32(0.5)
_LEAST = np.float32(1e-30)  # mag, of a profile that is divided by its sum
_REACH = 6.5  # standard deviations from the middle of a cloud, behind which is nothing of it
_ROOT_2 = math.sqrt(2.0)


class Shape(NamedTuple):
    """Numbers of a distribution of profiles, float32; pairs are the limits of uniform draws."""

    contrast: tuple[np.float32, np.float32]
    scatter: np.float32
    free_share: np.float32
    log_total: tuple[np.float32, np.float32]
    log_cloud_A_V: tuple[np.float32, np.float32]
    log_cloud_distance: tuple[np.float32, np.float32]
    log_cloud_depth: tuple[np.float32, np.float32]
    cloud_arms: np.float32
    empty: np.float32


def logarithms(limits: tuple[float, float]) -> tuple[np.float32, np.float32]:
    """Give the limits of a draw that is uniform in its logarithm as a `Shape` holds them."""
    return np.float32(math.log(limits[0])), np.float32(math.log(limits[1]))


@exact
def _between(limits, u):
    return limits[0] + (limits[1] - limits[0]) * u


def _of_examples(*arguments):
    """Grid of a thread an example, few in a block, so that all multiprocessors have some."""
    return each(arguments[-1].shape[0], threads=32)


@exact_loop
def _slopes_cpu(u, limits, out):
    for n in prange(out.shape[0]):
        out[n] = _between(limits, u[n, _SLOPE])


def _slopes_cuda(u, limits, out):
    for n in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        out[n] = _between(limits, u[n, _SLOPE])


_slopes = Twin(_slopes_cpu, _slopes_cuda, _of_examples)


@exact
def _below(z):
    """Share of a Gaussian below `z` standard deviations."""
    return 0.5 * math.erfc(-z / _ROOT_2)


@exact
def _add_cloud(row, edges, distance, depth, total):
    """Add to the bins of a row what a cloud of Gaussian depth has in each."""
    before = _below((np.float64(edges[0]) - distance) / depth)
    for i in range(row.size):
        z = (np.float64(edges[i + 1]) - distance) / depth
        if z > -_REACH:
            share = _below(z)
            row[i] += total * np.float32(max(share - before, 0.0))
            before = share
            if z > _REACH:
                break


@exact
def _cloud_distance(place, row, share, log_distance):
    """Distance (kpc) of a cloud of a uniform draw: the lowest of these lie on arms, the others anywhere."""
    if place < share:
        x = place / share * np.float32(row.size - 1)
        k = min(int(x), row.size - 2)
        return row[k] + (x - np.float32(k)) * (row[k + 1] - row[k])
    return exponential(_between(log_distance, (place - share) / (_ONE - share)))


@exact
def _profile_of(n, u, sightline, envelopes, smooth, arms, edges, bins, more, shape, profile):
    low, high, scatter, free_share, log_total_0, log_total_1, log_A_V_0, log_A_V_1 = shape[:8]
    log_distance, log_depth, on_arms, empty = (shape[8], shape[9]), (shape[10], shape[11]), shape[12], shape[13]
    s, row = sightline[n], profile[n]
    if u[n, _EMPTY] < empty:
        for i in range(row.size):
            row[i] = _ZERO
        return
    own = _between((low, high), u[n, _CONTRAST])
    total = _ZERO
    for i in range(row.size):
        row[i] = envelopes[s, i] * exponential(own * row[i])
        if i < bins:
            total += row[i]
    if u[n, _BRANCH] < free_share:
        wanted = exponential(_between((log_total_0, log_total_1), u[n, _TOTAL]))
    else:
        wanted = smooth[s] * exponential(_LN_10 * scatter * (_TWO * u[n, _TOTAL] - _ONE))
    factor = wanted / max(total, _LEAST)
    for i in range(row.size):
        row[i] *= factor
    for cloud in range(MOST_CLOUDS):
        if u[n, _CLOUDS] > more[cloud]:
            first = _FIRST_CLOUD + 3 * cloud
            distance = _cloud_distance(u[n, first + 1], arms[s], on_arms, log_distance)
            depth = exponential(_between(log_depth, u[n, first + 2]))
            _add_cloud(row, edges, distance, depth, exponential(_between((log_A_V_0, log_A_V_1), u[n, first])))


@exact_loop
def _profiles_cpu(u, sightline, envelopes, smooth, arms, edges, bins, more, shape, profile):
    for n in prange(profile.shape[0]):
        _profile_of(n, u, sightline, envelopes, smooth, arms, edges, bins, more, shape, profile)


def _profiles_cuda(u, sightline, envelopes, smooth, arms, edges, bins, more, shape, profile):
    for n in range(cuda.grid(1), profile.shape[0], cuda.gridsize(1)):
        _profile_of(n, u, sightline, envelopes, smooth, arms, edges, bins, more, shape, profile)


_profiles = Twin(_profiles_cpu, _profiles_cuda, _of_examples)


@exact
def _cumulative_of(n, profile, out):
    total = out[n, 0] = _ZERO
    for i in range(profile.shape[1]):
        total += profile[n, i]
        out[n, i + 1] = total


@exact_loop
def _cumulative_cpu(profile, out):
    for n in prange(profile.shape[0]):
        _cumulative_of(n, profile, out)


def _cumulative_cuda(profile, out):
    for n in range(cuda.grid(1), profile.shape[0], cuda.gridsize(1)):
        _cumulative_of(n, profile, out)


_cumulative = Twin(_cumulative_cpu, _cumulative_cuda, _of_examples)


@exact
def _horizon_of(n, A_V, visible, sightline, edges, per_mag, least, brightening, reach):
    s, bins, levels = sightline[n], A_V.shape[1] - 1, visible.shape[2]
    informed, behind = 0, _ZERO
    for k in range(bins - 1, -1, -1):
        x = min(max(_HALF * (A_V[n, k] + A_V[n, k + 1]) * per_mag, _ZERO), np.float32(levels - 1))
        level = min(int(x), levels - 2)
        low, high = visible[s, k, level], visible[s, k, level + 1]
        stars = low + (x - np.float32(level)) * (high - low)
        if (stars if k == bins - 1 else behind) * brightening[n] >= least:
            informed += 1
        behind += stars
    reach[n] = max(reach[n], edges[informed])


@exact_loop
def _horizon_cpu(A_V, visible, sightline, edges, per_mag, least, brightening, reach):
    for n in prange(A_V.shape[0]):
        _horizon_of(n, A_V, visible, sightline, edges, per_mag, least, brightening, reach)


def _horizon_cuda(A_V, visible, sightline, edges, per_mag, least, brightening, reach):
    for n in range(cuda.grid(1), A_V.shape[0], cuda.gridsize(1)):
        _horizon_of(n, A_V, visible, sightline, edges, per_mag, least, brightening, reach)


_horizon = Twin(_horizon_cpu, _horizon_cuda, _of_examples)


def slopes(u, limits, out):
    """Spectral slopes of the random fields of profiles, between limits: (n,) float32."""
    _slopes(u, (np.float32(limits[0]), np.float32(limits[1])), out)


def profiles(u, sightline, envelopes, smooth, arms, edges, bins, more, shape, profile):
    """Turn fields into profiles: exp(contrast x field) under the envelope, to a drawn total, and clouds.

    Parameters
    ----------
    u
        Uniform draws: (n, COLUMNS) float32.
    sightline
        Index of the sightline of each: (n,) int64.
    envelopes, smooth
        Smooth dust (mag per bin) of each sightline, (sightlines, all bins) float32, and its sum over `bins` of them.
    arms
        Distances (kpc) of clouds on arms, quantiles from 0 to 1: (sightlines, quantiles) float32.
    edges
        Of the bins, the first at the Sun (kpc): (all bins + 1,) float32.
    bins
        Of the first so many the total is drawn.
    more
        Above entry k of these a draw means more than k clouds: (MOST_CLOUDS,) float32.
    shape
        `Shape` of the distribution.
    profile : (n, all bins) float32
        Fields of unit variance, which become A_V per bin (mag).
    """
    flat = tuple(np.hstack(shape).astype(np.float32))  # threaded loops take no tuple of tuples
    _profiles(u, sightline, envelopes, smooth, arms, edges, bins, more, flat, profile)


def cumulative(profile, out):
    """Sum of the bins before each edge: (n, bins) -> (n, bins + 1) float32."""
    _cumulative(profile, out)


def horizon(A_V, visible, sightline, edges, step, least, brightening, reach):
    """Far edge of the last bin behind which at least so many stars are seen, if it is beyond what `reach` has.

    Parameters
    ----------
    A_V
        At the edges (mag): (n, bins + 1) float32.
    visible
        Stars of each bin that are seen behind extinctions in steps of `step` mag from 0: (sightlines, bins, steps).
    sightline, brightening
        Index of the sightline of each, (n,) int64, and factor of its number of stars, (n,) float32.
    edges
        (bins + 1,) float32. Stars in the last bin count as behind it.
    reach
        (n,) float32, raised.
    """
    _horizon(A_V, visible, sightline, edges, np.float32(1.0 / step), np.float32(least), brightening, reach)
