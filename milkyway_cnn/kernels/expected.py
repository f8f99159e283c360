"""Expected diagrams of modeled stars of 2MASS: without dust, and behind any extinction.

How the survey is described stands in `kernels.observing`.
"""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels import draws, observing
from milkyway_cnn.kernels._twin import Twin, block_each, cuda, each, exact, exact_loop, prange, serial, vectors
from milkyway_cnn.kernels.draws import RUN

__all__ = ["blends", "expected_diagram", "templates"]

_ERRORS = np.uint64(0xFFFFFFFF)


@exact
def _expected_pixel(stars, k, word, limits, pixels):
    """Pixel of a parent, without dust, in one observation."""
    J, H, Ks = stars[k, 1], stars[k, 2], stars[k, 3]
    return observing.measured_pixel(
        J, Ks, observing.chance(J, H, Ks, draws.part(word, observing.CHANCE), limits), word, limits, pixels
    )


@exact_loop
def _expected_diagram_cpu(stars, key, repeats, bands, half, noise, axes, strips):
    pixels = np.int32(math.sqrt(strips.shape[1]))
    per = -(-stars.shape[0] // strips.shape[0])
    limits = observing.limits(bands, half, np.float32(0.0), noise, axes)
    for strip in prange(strips.shape[0]):
        image = strips[strip]
        for k in range(strip * per, min(stars.shape[0], (strip + 1) * per)):
            for r in range(repeats):
                p = _expected_pixel(stars, k, draws.bits(key, np.uint64(k * repeats + r)), limits, pixels)
                if p >= 0:
                    image[p] += 1


def _expected_diagram_cuda(stars, key, repeats, bands, half, noise, axes, strips):
    pixels = np.int32(math.sqrt(strips.shape[1]))
    limits = observing.limits(bands, half, np.float32(0.0), noise, axes)
    for i in range(cuda.grid(1), stars.shape[0] * repeats, cuda.gridsize(1)):
        p = _expected_pixel(stars, i // repeats, draws.bits(key, np.uint64(i)), limits, pixels)
        if p >= 0:
            cuda.atomic.add(strips, (i % strips.shape[0], p), 1)


_expected_diagram = Twin(
    _expected_diagram_cpu,
    _expected_diagram_cuda,
    lambda stars, key, repeats, *others: each(stars.shape[0] * repeats),
)


def expected_diagram(
    stars: np.ndarray,
    key: np.uint64,
    repeats: int,
    survey: tuple[np.ndarray, np.ndarray, np.ndarray],
    axes: np.ndarray,
    pixels: int,
) -> np.ndarray:
    """Mean number of stars in each pixel without dust, every parent observed `repeats` times.

    Parameters are those of `draw_diagrams`, with `half` of one sightline (3,). Returns (pixels, pixels)
    float32, the expectation for the solid angle in which the parents were drawn.
    """
    bands, half, noise = survey
    strips = np.zeros((8, pixels * pixels), np.uint32)
    _expected_diagram(stars, key, repeats, bands, half, noise, axes, strips)
    return (strips.sum(axis=0, dtype=np.float64) / repeats).astype(np.float32).reshape(pixels, pixels)


@exact
def _level(level, A_V, per_A_V):
    """What stars behind an extinction number `level` are fainter by in J, H, Ks."""
    A_V = np.float32(level) * A_V
    return A_V * per_A_V[0], A_V * per_A_V[1], A_V * per_A_V[2]


@vectors
def _template(stars, first, last, key, dimmed, limits, pixels, chance, errors, where, image):
    """Count parents from first to last into `image`, a run of neighbors through each step together."""
    image[:] = np.float32(0.0)
    for begin in range(first, last, RUN):
        count = min(RUN, last - begin)
        for i in range(count):
            star = np.uintp(4) * np.uintp(begin + i)
            word = draws.bits(key, np.uint64(begin + i))
            J, H, Ks = (
                stars[star + np.uintp(1)] + dimmed[0],
                stars[star + np.uintp(2)] + dimmed[1],
                stars[star + np.uintp(3)] + dimmed[2],
            )
            chance[i] = observing.chance(J, H, Ks, draws.part(word, observing.CHANCE), limits)
            errors[i] = np.uint32(word & _ERRORS)
        for i in range(count):
            star = np.uintp(4) * np.uintp(begin + i)
            where[i] = observing.measured_pixel(
                stars[star + np.uintp(1)] + dimmed[0],
                stars[star + np.uintp(3)] + dimmed[2],
                chance[i],
                errors[i],
                limits,
                pixels,
            )
        for i in range(count):
            if where[i] >= 0:
                image[np.uintp(where[i])] += np.float32(1.0)


@exact_loop
def _templates_cpu(stars, first, last, lowest, key, A_V, bands, half, noise, axes, pixels, images):
    bins, levels = images.shape[:2]
    per_A_V = bands[0, 0], bands[1, 0], bands[2, 0]
    limits = observing.limits(bands, half, np.float32(0.0), noise, axes)
    for i in prange(bins * levels):
        level, n = np.int64(i) // bins, np.int64(i) % bins
        chance, errors = np.empty(RUN, np.float32), np.empty(RUN, np.uint32)
        where = np.empty(RUN, np.int32)
        keys = draws.fork(key, np.uint64(lowest[n] + level))
        dimmed = _level(lowest[n] + level, A_V, per_A_V)
        _template(
            stars, first[n], last[n, level], keys, dimmed, limits, pixels, chance, errors, where, images[n, level]
        )


def _templates_cuda(stars, first, last, lowest, key, A_V, bands, half, noise, axes, pixels, images):
    bins, levels = images.shape[:2]
    per_A_V = bands[0, 0], bands[1, 0], bands[2, 0]
    limits = observing.limits(bands, half, np.float32(0.0), noise, axes)
    for i in range(cuda.blockIdx.x, bins * levels, cuda.gridDim.x):
        n, level = i // levels, i % levels
        image = images[n, level]
        for p in range(cuda.threadIdx.x, image.size, cuda.blockDim.x):
            image[p] = np.float32(0.0)
        cuda.syncthreads()
        keys = draws.fork(key, np.uint64(lowest[n] + level))
        dimmed = _level(lowest[n] + level, A_V, per_A_V)
        for k in range(first[n] + cuda.threadIdx.x, last[n, level], cuda.blockDim.x):
            word = draws.bits(keys, np.uint64(k))
            J, H, Ks = stars[4 * k + 1] + dimmed[0], stars[4 * k + 2] + dimmed[1], stars[4 * k + 3] + dimmed[2]
            chance = observing.chance(J, H, Ks, draws.part(word, observing.CHANCE), limits)
            place = observing.measured_pixel(J, Ks, chance, word, limits, pixels)
            if place >= 0:
                cuda.atomic.add(image, place, np.float32(1.0))


_templates = Twin(
    _templates_cpu, _templates_cuda, lambda *arguments: block_each(math.prod(arguments[-1].shape[:2]), threads=256)
)


def templates(
    stars: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    lowest: np.ndarray,
    key: np.uint64,
    A_V: float,
    survey: tuple[np.ndarray, np.ndarray, np.ndarray],
    axes: np.ndarray,
    pixels: int,
) -> np.ndarray:
    """Diagrams of the parents of each distance behind each of several extinctions: (distances, levels, pixels^2).

    Parameters
    ----------
    stars, survey, axes
        As for `draw_diagrams`, with `half` of one sightline (3,).
    first, last
        Parents from first[i] to last[i, n] - 1 are at distance i, and could be seen at level n: (distances,) int64 and
        (distances, levels) int64.
    lowest
        Level n of distance i is behind an extinction of (lowest[i] + n) times `A_V` (mag): (distances,) int64.
    key
        Of all that is random, drawn anew at each level.

    Returns
    -------
    Stars per pixel, float32.
    """
    bands, half, noise = survey
    images = np.empty((*last.shape, pixels**2), np.float32)
    _templates(
        stars.reshape(-1), first, last, lowest, key, np.float32(A_V), bands, half, noise, axes, np.int32(pixels), images
    )
    return images


@vectors
def _blend(images, n, of_mean, of_slope, of_scatter, mean, slope, scatter):
    """Add the templates of distance n to all three; one pass over them."""
    size = mean.size
    for level in range(of_mean.size):
        a, b, c = of_mean[level], of_slope[level], of_scatter[level]
        if (a != 0.0) | (b != 0.0) | (c != 0.0):
            first = np.uintp(n * of_mean.size + level) * np.uintp(size)
            for p in range(size):
                stars = images[first + np.uintp(p)]
                mean[p] += a * stars
                slope[p] += b * stars
                scatter[p] += c * stars


# On one thread, so that others may do the same for other diagrams.
@serial
def _blends_cpu(share, images, sums, slopes):
    sums[:] = np.float32(0.0)
    slopes[:] = np.float32(0.0)
    for n in range(share.shape[0]):
        _blend(images, n, share[n, 0], share[n, 1], share[n, 2], sums[0], slopes[n], sums[1])


def _blends_cuda(share, images, sums, slopes):
    size = slopes.shape[1]
    for p in range(cuda.grid(1), size, cuda.gridsize(1)):
        mean, scatter = np.float32(0.0), np.float32(0.0)
        for n in range(share.shape[0]):
            slope = np.float32(0.0)
            for level in range(share.shape[2]):
                stars = images[(n * share.shape[2] + level) * size + p]
                mean += share[n, 0, level] * stars
                slope += share[n, 1, level] * stars
                scatter += share[n, 2, level] * stars
            slopes[n, p] = slope
        sums[0, p], sums[1, p] = mean, scatter


_blends = Twin(_blends_cpu, _blends_cuda, lambda *arguments: each(arguments[-1].shape[1]), outputs=2)


def blends(share: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Add up templates.

    Parameters
    ----------
    share
        Part of each template in the mean diagram, its derivative by the extinction, and that by what all distances have
        in common: (distances, 3, levels) float32.
    images
        (distances, levels, pixels) float32.

    Returns
    -------
    The first and the last summed over distances, (2, pixels) float32; the other of each distance, (distances, pixels)
    float32.
    """
    sums, slopes = np.empty((2, images.shape[2]), np.float32), np.empty((share.shape[0], images.shape[2]), np.float32)
    _blends(share, images.reshape(-1), sums, slopes)
    return sums, slopes
