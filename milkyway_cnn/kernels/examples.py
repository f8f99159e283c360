"""Training examples: resample a sightline's stars, redden them, observe them, bin them, in one pass.

How the survey is described stands in `kernels.observing`.
"""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels import draws, observing, reddening
from milkyway_cnn.kernels._twin import Twin, block_each, cuda, exact, exact_loop, prange, uint32, vectors
from milkyway_cnn.kernels.draws import RUN

__all__ = ["draw_diagrams"]

_LOSSES = 2  # numbers before those of the pixels: stars lost, and stars off the diagram
_ERRORS = np.uint64(0xFFFFFFFF)


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
                A_V = observing.beam(reddening.extinction_at(profile, bins_per_kpc, stars[star]), spread, word)
                chance[to], errors[to] = draws.part(word, observing.CHANCE), np.uint32(word & _ERRORS)
                J[to], H[to], Ks[to] = observing.reddened(
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
            chance[i] = observing.chance(J[i], H[i], Ks[i], chance[i], limits)
        for i in range(RUN):
            where[i] = observing.measured_pixel(J[i], Ks[i], chance[i], errors[i], limits, pixels)
        for i in range(min(RUN, drawn - begin)):
            image[np.uintp(where[i] + _LOSSES)] += np.uint32(1)


@exact
def _of_example(n, s, color_shift, nuisance, bands, half, noise, axes):
    """Extinction per A_V, offsets of magnitudes, and limits of an example."""
    per_A_V = bands[0, 0] * nuisance[n, 2], bands[1, 0] * nuisance[n, 3], bands[2, 0] * nuisance[n, 4]
    fainter = color_shift[n] + nuisance[n, 0], nuisance[n, 0]
    return per_A_V, fainter, observing.limits(bands, half[s], nuisance[n, 1], noise, axes)


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
            A_V = observing.beam(reddening.extinction_at(cumulative[n], bins_per_kpc, stars[star]), scatter[n], word)
            J, H, Ks = observing.reddened(stars[star + 1], stars[star + 2], stars[star + 3], A_V, per_A_V, fainter)
            chance = observing.chance(J, H, Ks, draws.part(word, observing.CHANCE), limits)
            place = observing.measured_pixel(J, Ks, chance, word, limits, pixels)
            if place != observing.LOST:  # threads that add to one number wait for each other
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
        bands, half, noise of `kernels.observing`; half is (sightlines, 3).
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
