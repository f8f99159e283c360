"""Mock diagrams of any survey: resample stars, redden them, observe them, bin them, in one pass.

`kernels.examples` does the same for J-Ks and Ks of 2MASS alone, faster; this one takes any bands. What the survey is
comes as tables over magnitude, from 0 on in steps of 0.05 mag, between which it is linear. With B bands:

extinction
    Coefficients of A_band / A_V for each band, a polynomial in the star's color and in A_V (see `_ratio`): (B, 10).
faintest
    Magnitude from which on a star is not accepted, infinite for none: (B,).
error, completeness
    Tables of the standard error (mag) and of the part of the stars that is found: (B, N), (sightlines, B, N).
astrometry
    Tables of the standard error and the zero point of parallaxes (mas) over the first band: (2, N).
axes
    Of the diagram: weights of the bands along columns and rows, (2, B + 1), the last that of the parallax; and
    `plane`, the lowest value and pixels per unit along columns and along rows, and the stretch of columns: (5,).

All are float32.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from milkyway_cnn.kernels import binning, draws, reddening
from milkyway_cnn.kernels._twin import Twin, block_each, cuda, each, exact, exact_loop, float32, prange, uint32, uint64
from milkyway_cnn.kernels.draws import RUN

__all__ = ["GRID", "SurveyTables", "draw_channel", "expected_channel"]

_PER_MAG = np.float32(20.0)
#: Magnitudes at which tables are given.
GRID = np.arange(0, 601) / 20.0
_MARGIN = np.float32(0.5)  # no star this much fainter than the cut is scattered into it
_MOST_BANDS = 5
_LOST = np.int32(-2)
_DARKEST = np.float32(20.0)  # A_V to which the polynomials hold


class SurveyTables(NamedTuple):
    """What a survey sees in a diagram's bands: the arrays of the module docstring."""

    extinction: np.ndarray
    faintest: np.ndarray
    error: np.ndarray
    completeness: np.ndarray
    astrometry: np.ndarray
    weights: np.ndarray
    plane: np.ndarray


@exact
def _ratio(c, x, A_V):
    """A_band / A_V of a star of intrinsic color x: cubic in x, cubic in A_V, and mixed terms to third order."""
    a = min(A_V, _DARKEST)
    ratio = c[0] + x * (c[1] + x * (c[2] + x * c[3])) + a * (c[4] + a * (c[5] + a * c[6]))
    return ratio + x * a * (c[7] + x * c[8] + a * c[9])


@exact
def _place(magnitude, last):
    """Index and share of a magnitude in a table."""
    x = min(max(magnitude * _PER_MAG, np.float32(0.0)), np.float32(last))
    k = min(int(x), last - 1)
    return k, x - np.float32(k)


@exact
def _observed_pixel(magnitudes, parallax, shift, depth, words, survey, completeness, pixels):
    """Pixel of a star of true `magnitudes` as the survey sees it; -1 off the diagram, -2 when not accepted.

    The magnitudes become the measured ones. Of the words the first decides, at place 3, the detection and, at 1, the
    parallax; the second the errors of four magnitudes; the first, at place 2, that of a fifth.
    """
    _, faintest, error, _, astrometry, weights, plane = survey
    bands = faintest.size
    last = error.shape[1] - 1
    seen = np.float32(1.0)
    for j in range(bands):
        k, share = _place(magnitudes[j] - depth, last)
        seen *= completeness[j, k] + share * (completeness[j, k + 1] - completeness[j, k])
    if draws.part(words[0], 3) > seen:
        return _LOST
    if weights[0, bands] != 0.0:
        k, share = _place(magnitudes[0], last)
        spread = astrometry[0, k] + share * (astrometry[0, k + 1] - astrometry[0, k])
        parallax += astrometry[1, k] + share * (astrometry[1, k + 1] - astrometry[1, k])
        parallax += spread * draws.rough_normal(words[0], 1)
    x = weights[0, bands] * parallax + shift
    y = np.float32(0.0)
    for j in range(bands):
        k, share = _place(magnitudes[j], last)
        spread = error[j, k] + share * (error[j, k + 1] - error[j, k])
        deviation = draws.rough_normal(words[1], j) if j < 4 else draws.rough_normal(words[0], 2)
        measured = magnitudes[j] + spread * deviation
        if measured >= faintest[j]:
            return _LOST
        x += weights[0, j] * measured
        y += weights[1, j] * measured
    if plane[4] > 0.0:
        x = math.asinh(x / plane[4])
    return binning.pixel(np.float32(x), y, plane, np.int32(pixels))


@exact
def _star_pixel(
    star, key, i, profile, bins_per_kpc, spread, shift, nuisance, survey, completeness, magnitudes, words, pixels
):  # fmt: skip
    """Pixel of star number `i`, or why it has none, as `_observed_pixel`; fills `magnitudes` and `words`."""
    extinction, faintest = survey[0], survey[1]
    words[0] = draws.bits(key, np.uint64(2 * i))
    A_V = reddening.extinction_at(profile, bins_per_kpc, star[0])
    if spread > 0.0:
        A_V *= math.exp(spread * (draws.rough_normal(words[0], 0) - np.float32(0.5) * spread))
    bright = True
    for j in range(faintest.size):
        red = nuisance[2 + j] * _ratio(extinction[j], star[1], A_V)
        magnitudes[j] = star[2 + j] + nuisance[0] + red * A_V
        bright &= magnitudes[j] < faintest[j] + _MARGIN
    if not bright:
        return _LOST
    words[1] = draws.bits(key, np.uint64(2 * i + 1))
    parallax = np.float32(1.0) / star[0]
    return _observed_pixel(magnitudes, parallax, shift, nuisance[1], words, survey, completeness, pixels)


@exact_loop
def _draw_channel_cpu(
    stars, first, number, sightline, keys, mean, scatter, shift, nuisance, cumulative, bins_per_kpc, survey, counts,
    outside,
):  # fmt: skip
    pixels = counts.shape[1]
    for n in prange(counts.shape[0]):
        s = sightline[n]
        image = counts[n].ravel()
        image[:] = 0
        lost = 0
        star_keys, run_keys = draws.fork(keys[n], np.uint64(1)), draws.fork(keys[n], np.uint64(2))
        drawn = draws.poisson(mean[n], draws.fork(keys[n], np.uint64(0)))
        magnitudes = np.empty(_MOST_BANDS, np.float32)
        words = np.empty(2, np.uint64)
        for begin in range(0, drawn, RUN):
            k = draws.below(draws.bits(run_keys, np.uint64(begin)), number[s])
            for i in range(begin, min(begin + RUN, drawn)):
                p = _star_pixel(
                    stars[first[s] + k], star_keys, i, cumulative[n], bins_per_kpc, scatter[n], shift[n], nuisance[n],
                    survey, survey[3][s], magnitudes, words, pixels,
                )  # fmt: skip
                k += 1
                if k == number[s]:
                    k -= number[s]
                if p >= 0:
                    image[p] += 1
                elif p == -1:
                    lost += 1
        outside[n] = lost


def _draw_channel_cuda(
    stars, first, number, sightline, keys, mean, scatter, shift, nuisance, cumulative, bins_per_kpc, survey, counts,
    outside,
):  # fmt: skip
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    image = cuda.shared.array(0, uint32)  # begins with two numbers for stars that have no pixel
    magnitudes, words = cuda.local.array(_MOST_BANDS, float32), cuda.local.array(2, uint64)
    pixels = counts.shape[1]
    size = pixels * pixels
    for n in range(cuda.blockIdx.x, counts.shape[0], cuda.gridDim.x):
        for i in range(thread, 2 + size, threads):
            image[i] = 0
        cuda.syncthreads()
        s = sightline[n]
        star_keys, run_keys = draws.fork(keys[n], np.uint64(1)), draws.fork(keys[n], np.uint64(2))
        for i in range(thread, draws.poisson(mean[n], draws.fork(keys[n], np.uint64(0))), threads):
            k = draws.neighbor(run_keys, i, number[s])
            p = _star_pixel(
                stars[first[s] + k], star_keys, i, cumulative[n], bins_per_kpc, scatter[n], shift[n], nuisance[n],
                survey, survey[3][s], magnitudes, words, pixels,
            )  # fmt: skip
            if p != _LOST:  # threads that add to one number wait for each other
                cuda.atomic.add(image, 2 + p, 1)
        cuda.syncthreads()
        for i in range(thread, size, threads):
            counts[n, i // pixels, i % pixels] = image[2 + i]
        if thread == 0:
            outside[n] = image[1]
        cuda.syncthreads()


def _channel_grid(*arguments):
    n, pixels, _ = arguments[-2].shape
    return block_each(n, shared=4 * (2 + pixels * pixels))


_draw_channel = Twin(_draw_channel_cpu, _draw_channel_cuda, _channel_grid, outputs=2)


def draw_channel(
    stars: np.ndarray,
    first: np.ndarray,
    number: np.ndarray,
    sightline: np.ndarray,
    keys: np.ndarray,
    mean: np.ndarray,
    scatter: np.ndarray,
    shift: np.ndarray,
    cumulative: np.ndarray,
    bins_per_kpc: float,
    survey: SurveyTables,
    counts: np.ndarray,
    outside: np.ndarray,
    nuisance: np.ndarray | None = None,
) -> None:
    """Draw one diagram an example, as `examples.draw_diagrams` does; an example depends on its own arguments alone.

    Parameters
    ----------
    stars
        Distance (kpc), color of the extinction's polynomial, and magnitudes without dust and noise of all parents,
        sightline after sightline, in random order within each: (parents, 2 + B) float32.
    first, number
        Index of the first parent and number of parents of each sightline: (sightlines,) int64.
    sightline, keys, mean, scatter, shift
        Of each example, (n,): sightline (int64), key (uint64), expected number of stars drawn (float64), standard
        deviation of ln(A_V) from star to star, and what is added along the columns (float32).
    cumulative
        A_V at the bin edges of each example: (n, bins + 1) float32.
    bins_per_kpc
        Inverse of the bin width.
    survey
        See the module docstring.
    counts, outside
        Filled: (n, pixels, pixels) uint16 and stars accepted but off the diagram, (n,) int32.
    nuisance
        Of each example what is added to all magnitudes, by how much deeper the survey is complete (mag), and the
        factors of the extinction in each band: (n, 2 + B) float32; none is zero, zero, and ones.

    Raises
    ------
    ValueError
        When the numbers of examples differ, or the number of bands, of which there may be five.
    """
    if nuisance is None:
        nuisance = np.ones((len(keys), stars.shape[1]), np.float32)
        nuisance[:, :2] = 0.0
    examples = {array.shape[:1] for array in (sightline, keys, mean, scatter, shift, cumulative, counts, outside)}
    bands = {len(survey.extinction), len(survey.faintest), len(survey.error), survey.weights.shape[1] - 1}
    if len(examples) > 1 or bands != {stars.shape[1] - 2} or max(bands) > _MOST_BANDS:
        msg = f"draw_channel: one number of examples, not {sorted(examples)}, and one of bands up to 5, not {bands}"
        raise ValueError(msg)
    _draw_channel(
        stars, first, number, sightline, keys, mean, scatter, shift, nuisance, cumulative,
        np.float32(bins_per_kpc), tuple(survey), counts, outside,
    )  # fmt: skip


@exact
def _expected_pixel(star, key, i, survey, magnitudes, words, pixels):
    """Pixel of a parent, without dust, in observation number `i` of all."""
    words[0], words[1] = draws.bits(key, np.uint64(2 * i)), draws.bits(key, np.uint64(2 * i + 1))
    for j in range(survey[1].size):
        magnitudes[j] = star[2 + j]
    parallax, zero = np.float32(1.0) / star[0], np.float32(0.0)
    return _observed_pixel(magnitudes, parallax, zero, zero, words, survey, survey[3][0], pixels)


@exact_loop
def _expected_channel_cpu(stars, key, repeats, survey, strips):
    pixels = int(math.sqrt(strips.shape[1]))
    per = -(-stars.shape[0] // strips.shape[0])
    for strip in prange(strips.shape[0]):
        image = strips[strip]
        magnitudes = np.empty(_MOST_BANDS, np.float32)
        words = np.empty(2, np.uint64)
        for k in range(strip * per, min(stars.shape[0], (strip + 1) * per)):
            for i in range(k * repeats, (k + 1) * repeats):
                p = _expected_pixel(stars[k], key, i, survey, magnitudes, words, pixels)
                if p >= 0:
                    image[p] += 1


def _expected_channel_cuda(stars, key, repeats, survey, strips):
    pixels = int(math.sqrt(strips.shape[1]))
    magnitudes, words = cuda.local.array(_MOST_BANDS, float32), cuda.local.array(2, uint64)
    for i in range(cuda.grid(1), stars.shape[0] * repeats, cuda.gridsize(1)):
        p = _expected_pixel(stars[i // repeats], key, i, survey, magnitudes, words, pixels)
        if p >= 0:
            cuda.atomic.add(strips, (i % strips.shape[0], p), 1)


_expected_channel = Twin(
    _expected_channel_cpu,
    _expected_channel_cuda,
    lambda stars, key, repeats, survey, strips: each(stars.shape[0] * repeats),
)


def expected_channel(stars: np.ndarray, key: np.uint64, repeats: int, survey: SurveyTables, pixels: int) -> np.ndarray:
    """Mean number of stars in each pixel without dust, every parent observed `repeats` times.

    Parameters are those of `draw_channel`, with the completeness of one sightline, (1, B, N). Returns (pixels,
    pixels) float32, the expectation for the solid angle in which the parents were drawn.
    """
    strips = np.zeros((8, pixels * pixels), np.uint32)
    _expected_channel(stars, key, repeats, tuple(survey), strips)
    return (strips.sum(axis=0, dtype=np.float64) / repeats).astype(np.float32).reshape(pixels, pixels)
