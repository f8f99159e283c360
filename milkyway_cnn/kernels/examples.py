"""Training examples: resample a sightline's stars, redden them, observe them, bin them, in one pass.

The loops for mock diagrams with dust and for the expected diagram without it share one scalar body. The
arguments that describe the survey are plain numbers:

bands
    (3, 3) float32, one row for J, H, Ks: extinction per A_V, magnitude of S/N 10, faintest accepted magnitude.
half
    Magnitude of 50 % completeness of each band: (3,) float32, one row a sightline.
noise
    (smallest magnitude error, width of the completeness curve) float32.
"""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels import binning, draws, photometry, reddening
from milkyway_cnn.kernels._elementary import exponential
from milkyway_cnn.kernels._twin import Twin, block_each, cuda, each, exact, exact_loop, prange, uint32, vectors
from milkyway_cnn.kernels.draws import RUN

__all__ = ["draw_diagrams", "expected_diagram"]

_ONE, _HALF = np.float32(1.0), np.float32(0.5)
_LOST = np.int32(-2)
_LOSSES = 2  # numbers before those of the pixels: stars lost, and stars off the diagram
# Uses of the four parts of a star's random bits.
_ERROR_J, _ERROR_KS, _BEAM, _CHANCE = range(4)
_ERRORS = np.uint64(0xFFFFFFFF)


@exact
def _limits(bands, half, depth, noise, axes):
    """What the survey's bodies compare with, as a tuple of numbers: arrays would be read anew for each star."""
    return (
        bands[0, 1], bands[2, 1], bands[0, 2], bands[2, 2], half[0] + depth, half[1] + depth, half[2] + depth,
        noise[0], noise[1], axes[0], axes[1], axes[2], axes[3],
    )  # fmt: skip


@exact
def _beam(A_V, spread, word):
    """A_V towards one star: log-normal with the mean A_V, its logarithm scatters by `spread`."""
    return A_V * exponential(spread * (draws.rough_normal(word, _BEAM) - _HALF * spread))


@exact
def _reddened(J, H, Ks, A_V, per_A_V, fainter):
    """Magnitudes behind an extinction: `per_A_V` in each band; J has an offset of its own."""
    return (
        J + (A_V * per_A_V[0] + fainter[0]),
        H + (A_V * per_A_V[1] + fainter[1]),
        Ks + (A_V * per_A_V[2] + fainter[1]),
    )


@exact
def _chance(J, H, Ks, uniform, limits):
    """Uniform draw over the completeness of these magnitudes, the product of three: below 1, the star is found."""
    _, _, _, _, half_J, half_H, half_Ks, _, width, _, _, _, _ = limits
    stars = photometry.stars_per_found(J, half_J, width) * photometry.stars_per_found(H, half_H, width)
    return uniform * (stars * photometry.stars_per_found(Ks, half_Ks, width))


@exact
def _measured_pixel(J, Ks, chance, word, limits, pixels):
    """Pixel of a star of these magnitudes as it is measured; -1 off the diagram, -2 when not found or not accepted."""
    ten_sigma_J, ten_sigma_Ks, cut_J, cut_Ks, _, _, _, floor, _, color, per_color, magnitude, per_magnitude = limits
    J += draws.rough_normal(word, _ERROR_J) * photometry.magnitude_error(J, ten_sigma_J, floor)
    Ks += draws.rough_normal(word, _ERROR_KS) * photometry.magnitude_error(Ks, ten_sigma_Ks, floor)
    p = binning.pixel(J - Ks, Ks, (color, per_color, magnitude, per_magnitude), pixels)
    return p if (chance < _ONE) & (cut_J > J) & (cut_Ks > Ks) else _LOST


@vectors
def _draw_diagram_cpu(
    stars, first, number, key, drawn, spread, profile, bins_per_kpc, per_A_V, fainter, limits, pixels,
    J, H, Ks, chance, errors, where, image,
):  # fmt: skip
    """Count the stars of one diagram into `image`, which begins with two numbers for stars that have no pixel.

    A run of neighbors goes through each step together: processors work on several vectors at a time only where few
    instructions have to wait for each other.
    """
    star_keys, run_keys = draws.fork(key, np.uint64(1)), draws.fork(key, np.uint64(2))
    image[:] = 0
    for begin in range(0, drawn, RUN):
        k = draws.below(draws.bits(run_keys, np.uint64(begin)), number)
        done = 0
        while done < RUN:  # once, or more often where the list ends and goes on at its beginning
            count = min(RUN - done, number - k)
            for i in range(count):
                star, to = np.uintp(4) * np.uintp(first + k + i), np.uintp(done + i)
                word = draws.bits(star_keys, np.uint64(begin + done + i))
                A_V = _beam(reddening.extinction_at(profile, bins_per_kpc, stars[star]), spread, word)
                chance[to], errors[to] = draws.part(word, _CHANCE), np.uint32(word & _ERRORS)
                J[to], H[to], Ks[to] = _reddened(
                    stars[star + np.uintp(1)],
                    stars[star + np.uintp(2)],
                    stars[star + np.uintp(3)],
                    A_V,
                    per_A_V,
                    fainter,
                )
            done += count
            k = np.int64(0)
        for i in range(RUN):
            chance[i] = _chance(J[i], H[i], Ks[i], chance[i], limits)
        for i in range(RUN):
            where[i] = _measured_pixel(J[i], Ks[i], chance[i], errors[i], limits, pixels)
        for i in range(min(RUN, drawn - begin)):
            image[np.uintp(where[i] + _LOSSES)] += np.uint32(1)


@exact
def _of_example(n, s, color_shift, nuisance, bands, half, noise, axes):
    """Extinction per A_V, offsets of magnitudes, and limits of an example."""
    per_A_V = bands[0, 0] * nuisance[n, 2], bands[1, 0] * nuisance[n, 3], bands[2, 0] * nuisance[n, 4]
    fainter = color_shift[n] + nuisance[n, 0], nuisance[n, 0]
    return per_A_V, fainter, _limits(bands, half[s], nuisance[n, 1], noise, axes)


@exact_loop
def _draw_diagrams_cpu(
    stars, first, number, sightline, keys, mean, scatter, color_shift, nuisance, cumulative, bins_per_kpc,
    bands, half, noise, axes, counts, outside,
):  # fmt: skip
    pixels = counts.shape[1]
    for n in prange(counts.shape[0]):
        s = sightline[n]
        J, H, Ks = np.empty(RUN, np.float32), np.empty(RUN, np.float32), np.empty(RUN, np.float32)
        chance, errors, where = np.empty(RUN, np.float32), np.empty(RUN, np.uint32), np.empty(RUN, np.int32)
        image = np.empty(_LOSSES + pixels * pixels, np.uint32)
        per_A_V, fainter, limits = _of_example(n, s, color_shift, nuisance, bands, half, noise, axes)
        drawn = draws.poisson(mean[n], draws.fork(keys[n], np.uint64(0)))
        _draw_diagram_cpu(
            stars, first[s], number[s], keys[n], drawn, scatter[n], cumulative[n], bins_per_kpc, per_A_V, fainter,
            limits, np.int32(pixels), J, H, Ks, chance, errors, where, image,
        )  # fmt: skip
        counts[n].reshape(-1)[:] = image[_LOSSES:]
        outside[n] = image[1]


def _draw_diagrams_cuda(
    stars, first, number, sightline, keys, mean, scatter, color_shift, nuisance, cumulative, bins_per_kpc,
    bands, half, noise, axes, counts, outside,
):  # fmt: skip
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    image = cuda.shared.array(0, uint32)
    pixels = np.int32(counts.shape[1])
    size = pixels * pixels
    for n in range(cuda.blockIdx.x, counts.shape[0], cuda.gridDim.x):
        for i in range(thread, _LOSSES + size, threads):
            image[i] = 0
        cuda.syncthreads()
        s = sightline[n]
        per_A_V, fainter, limits = _of_example(n, s, color_shift, nuisance, bands, half, noise, axes)
        star_keys, run_keys = draws.fork(keys[n], np.uint64(1)), draws.fork(keys[n], np.uint64(2))
        for i in range(thread, draws.poisson(mean[n], draws.fork(keys[n], np.uint64(0))), threads):
            star = 4 * (first[s] + draws.neighbor(run_keys, i, number[s]))
            word = draws.bits(star_keys, np.uint64(i))
            A_V = _beam(reddening.extinction_at(cumulative[n], bins_per_kpc, stars[star]), scatter[n], word)
            J, H, Ks = _reddened(stars[star + 1], stars[star + 2], stars[star + 3], A_V, per_A_V, fainter)
            chance = _chance(J, H, Ks, draws.part(word, _CHANCE), limits)
            place = _measured_pixel(J, Ks, chance, word, limits, pixels)
            if place != _LOST:  # threads that add to one number wait for each other
                cuda.atomic.add(image, _LOSSES + place, 1)
        cuda.syncthreads()
        for i in range(thread, size, threads):
            counts[n, i // pixels, i % pixels] = image[_LOSSES + i]
        if thread == 0:
            outside[n] = image[1]
        cuda.syncthreads()


def _diagrams_grid(*arguments):
    n, pixels, _ = arguments[-2].shape
    return block_each(n, threads=256, shared=4 * (_LOSSES + pixels * pixels))


_draw_diagrams = Twin(_draw_diagrams_cpu, _draw_diagrams_cuda, _diagrams_grid, outputs=2)


def draw_diagrams(
    stars: np.ndarray,
    first: np.ndarray,
    number: np.ndarray,
    sightline: np.ndarray,
    keys: np.ndarray,
    mean: np.ndarray,
    scatter: np.ndarray,
    color_shift: np.ndarray,
    cumulative: np.ndarray,
    bins_per_kpc: float,
    survey: tuple[np.ndarray, np.ndarray, np.ndarray],
    axes: np.ndarray,
    counts: np.ndarray,
    outside: np.ndarray,
    nuisance: np.ndarray | None = None,
) -> None:
    """Draw one diagram an example; an example depends on its key and its own arguments alone.

    A Poisson number of stars is drawn from the parents of the example's sightline, in runs of 64 neighbors from
    random places of the list. Where the list is in random order, this is the same as to draw each star by itself,
    and several times faster.

    Parameters
    ----------
    stars
        Distance (kpc), J, H, Ks (mag, without dust and noise) of all parents, sightline after sightline, in
        random order within each: (parents, 4) float32.
    first, number
        Index of the first parent and number of parents of each sightline: (sightlines,) int64.
    sightline, keys, mean, scatter, color_shift
        Of each example, (n,): sightline (int64), key (uint64), expected number of stars drawn (float64),
        standard deviation of ln(A_V) from star to star (float32), and shift of J (mag, float32).
    cumulative
        A_V at the bin edges of each example: (n, bins + 1) float32.
    bins_per_kpc
        Inverse of the bin width.
    survey
        bands, half, noise of the module docstring; half is (sightlines, 3).
    axes
        As for `binning.pixel`.
    counts, outside
        Filled: (n, pixels, pixels) uint16 and stars accepted but off the diagram, (n,) int32.
    nuisance
        Of each example what is added to all magnitudes, what to the magnitudes of half completeness, and the factors
        of the extinction in J, H and Ks: (n, 5) float32; none is zero, zero, and ones.
    """
    if nuisance is None:
        nuisance = np.tile(np.array([0, 0, 1, 1, 1], np.float32), (len(keys), 1))
    if not sightline.shape == keys.shape == mean.shape == cumulative.shape[:1] == counts.shape[:1] == outside.shape:
        msg = (
            f"draw_diagrams: sightline {sightline.shape}, keys {keys.shape}, mean {mean.shape}, cumulative"
            f" {cumulative.shape}, counts {counts.shape} and outside {outside.shape} must have one number of examples"
        )
        raise ValueError(msg)
    bands, half, noise = survey
    _draw_diagrams(
        stars.reshape(-1), first, number, sightline, keys, mean, scatter, color_shift, nuisance, cumulative,
        np.float32(bins_per_kpc),
        bands, half, noise, axes, counts, outside,
    )  # fmt: skip


@exact
def _expected_pixel(stars, k, word, limits, pixels):
    """Pixel of a parent, without dust, in one observation."""
    J, H, Ks = stars[k, 1], stars[k, 2], stars[k, 3]
    return _measured_pixel(J, Ks, _chance(J, H, Ks, draws.part(word, _CHANCE), limits), word, limits, pixels)


@exact_loop
def _expected_diagram_cpu(stars, key, repeats, bands, half, noise, axes, strips):
    pixels = np.int32(math.sqrt(strips.shape[1]))
    per = -(-stars.shape[0] // strips.shape[0])
    limits = _limits(bands, half, np.float32(0.0), noise, axes)
    for strip in prange(strips.shape[0]):
        image = strips[strip]
        for k in range(strip * per, min(stars.shape[0], (strip + 1) * per)):
            for r in range(repeats):
                p = _expected_pixel(stars, k, draws.bits(key, np.uint64(k * repeats + r)), limits, pixels)
                if p >= 0:
                    image[p] += 1


def _expected_diagram_cuda(stars, key, repeats, bands, half, noise, axes, strips):
    pixels = np.int32(math.sqrt(strips.shape[1]))
    limits = _limits(bands, half, np.float32(0.0), noise, axes)
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
