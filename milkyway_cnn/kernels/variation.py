"""What varies from example to example beside its dust and its stars, and what of an example is to be learned."""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels._elementary import exponential
from milkyway_cnn.kernels._twin import Twin, cuda, each, exact, exact_loop, prange

__all__ = ["POLICIES", "nuisance", "numbered", "targets", "vary"]

#: What is to be learned of bins that no star tells of, in the order of the kernel's codes.
POLICIES = ("keep", "zero", "mask")
_LN_10 = np.float32(math.log(10.0))
_ZERO, _HALF, _ONE, _TWO = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(2.0)


def _of_examples(*arguments):
    """Grid of a thread an example, few in a block, so that all multiprocessors have some."""
    return each(arguments[-1].shape[0], threads=32)


@exact_loop
def _numbered_cpu(first, begin, length, sightlines, number, sightline):
    for n in prange(number.size):
        place = first + np.int64(n)
        number[n] = place // length * 100 + begin + place % length
        sightline[n] = place % sightlines


def _numbered_cuda(first, begin, length, sightlines, number, sightline):
    for n in range(cuda.grid(1), number.size, cuda.gridsize(1)):
        place = first + n
        number[n] = place // length * 100 + begin + place % length
        sightline[n] = place % sightlines


_numbered = Twin(_numbered_cpu, _numbered_cuda, lambda *arguments: each(arguments[-1].size), outputs=2)


@exact
def _about_zero(u):
    return _TWO * u - _ONE


@exact
def _vary_of(n, u, common, columns, ranges, brightening, scatter, shift, others):
    density, color, beam, magnitude, depth, R_V = ranges
    brightening[n] = exponential(_LN_10 * density * _about_zero(u[n, columns[0]]))
    scatter[n] = beam * u[n, 1]
    shift[n] = color * _about_zero(u[n, columns[1]])
    others[n, 0] = magnitude * _about_zero(common[n, 0])
    others[n, 1] = depth * _about_zero(common[n, 1])
    others[n, 2] = R_V * _about_zero(common[n, 2])


@exact_loop
def _vary_cpu(u, common, columns, ranges, brightening, scatter, shift, others):
    for n in prange(u.shape[0]):
        _vary_of(n, u, common, columns, ranges, brightening, scatter, shift, others)


def _vary_cuda(u, common, columns, ranges, brightening, scatter, shift, others):
    for n in range(cuda.grid(1), u.shape[0], cuda.gridsize(1)):
        _vary_of(n, u, common, columns, ranges, brightening, scatter, shift, others)


_vary = Twin(_vary_cpu, _vary_cuda, _of_examples, outputs=4)


@exact
def _nuisance_of(n, expected, sightline, brightening, others, ratios, half_range, mean, out):
    mean[n] = expected[sightline[n]] * np.float64(brightening[n])
    out[n, 0], out[n, 1] = others[n, 0], others[n, 1]
    last = ratios.shape[0] - 1
    x = _ZERO
    if half_range > _ZERO:
        x = min(max((others[n, 2] / half_range + _ONE) * (_HALF * np.float32(last)), _ZERO), np.float32(last))
    k = min(int(x), last - 1)
    for band in range(ratios.shape[1]):
        out[n, 2 + band] = ratios[k, band] + (x - np.float32(k)) * (ratios[k + 1, band] - ratios[k, band])


@exact_loop
def _nuisance_cpu(expected, sightline, brightening, others, ratios, half_range, mean, out):
    for n in prange(mean.size):
        _nuisance_of(n, expected, sightline, brightening, others, ratios, half_range, mean, out)


def _nuisance_cuda(expected, sightline, brightening, others, ratios, half_range, mean, out):
    for n in range(cuda.grid(1), mean.size, cuda.gridsize(1)):
        _nuisance_of(n, expected, sightline, brightening, others, ratios, half_range, mean, out)


_nuisance = Twin(_nuisance_cpu, _nuisance_cuda, _of_examples, outputs=2)


@exact
def _target_of(n, delta, horizon, edges, relative, policy, target, weights):
    total = _ZERO
    for i in range(delta.shape[1]):
        total += delta[n, i]
    weight = _ONE / (relative + total) if relative > _ZERO else _ONE
    weights[n, 0] = weight
    for i in range(delta.shape[1]):
        told = edges[i + 1] <= horizon[n]
        target[n, i] = delta[n, i] if told or policy != 1 else _ZERO
        if policy == 2:
            weights[n, i] = weight if told else _ZERO


@exact_loop
def _targets_cpu(delta, horizon, edges, relative, policy, target, weights):
    for n in prange(delta.shape[0]):
        _target_of(n, delta, horizon, edges, relative, policy, target, weights)


def _targets_cuda(delta, horizon, edges, relative, policy, target, weights):
    for n in range(cuda.grid(1), delta.shape[0], cuda.gridsize(1)):
        _target_of(n, delta, horizon, edges, relative, policy, target, weights)


_targets = Twin(_targets_cpu, _targets_cuda, _of_examples, outputs=2)


def numbered(first, part, sightlines, number, sightline):
    """Fill the numbers of examples from place `first` of a split on, and their sightlines in turn: (n,) int64.

    `part` is the split's range among every hundred numbers.
    """
    _numbered(first, part.start, len(part), sightlines, number, sightline)


def vary(u, common, columns, ranges, brightening, scatter, shift, others):
    """Draw what the model may be wrong about.

    Parameters
    ----------
    u, common
        Uniform draws, (n, columns) and (n, 3) float32.
    columns
        Of `u`, those of this channel's density and color; number 1 is that of the beam.
    ranges
        Half ranges of the density (dex), the color, the magnitude, the depth (mag) and R_V, and the whole one of the
        beam: density, color, beam, magnitude, depth, R_V.
    brightening, scatter, shift
        Factor of the number of stars, standard deviation of ln(A_V), shift along the columns: (n,) float32.
    others
        Change of magnitude, depth and R_V: (n, 3) float32.
    """
    _vary(u, common, columns, tuple(map(np.float32, ranges)), brightening, scatter, shift, others)


def nuisance(expected, sightline, brightening, others, ratios, half_range, mean, out):
    """Expected number of stars, (n,) float64, and the table `nuisance` of `kernels.channels`, (n, 2 + bands) float32.

    Parameters
    ----------
    expected
        Stars of a diagram of each sightline: (sightlines,) float64.
    sightline, brightening, others
        As of `vary`.
    ratios, half_range
        Factors of the extinction in each band for equal steps of the change of R_V from one end of its range to the
        other, between which they are linear: (steps, bands) float32, two steps at least.
    """
    _nuisance(expected, sightline, brightening, others, ratios, np.float32(half_range), mean, out)


def targets(delta, horizon, edges, relative, policy, target, weights):
    """Fill what is to be learned of profiles, and its weight in the loss.

    Parameters
    ----------
    delta, horizon
        Profiles (mag per bin), (n, bins) float32, and the horizon (kpc) of each, (n,).
    edges
        Of the bins (kpc): (bins + 1,) float32.
    relative
        A profile's weight is 1 / (relative + its sum), or 1 where this is 0.
    policy
        One of `POLICIES`: bins behind the horizon as they are, as zero, or without weight.
    target, weights
        (n, bins) float32, and (n, bins) of "mask" or else (n, 1).
    """
    _targets(delta, horizon, edges, np.float32(relative), POLICIES.index(policy), target, weights)
