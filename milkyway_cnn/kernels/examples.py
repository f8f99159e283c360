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
from milkyway_cnn.kernels._twin import body, loop, prange

__all__ = ["draw_diagrams", "expected_diagram"]

_S32 = np.uint64(32)
_MARGIN = np.float32(0.5)  # no star this much fainter than the cut is scattered into it (4.5 sigma at S/N 10)
_SURE = np.float32(7.0)  # so many widths above the half-way magnitude a star is missed once in a thousand times
_RUN = 64  # neighbors drawn together


@body
def _limits(bands, half, noise, axes):
    """What `_observed_pixel` compares with, as a tuple of numbers: arrays would be read anew for each star."""
    sure = _SURE * noise[1]
    return (
        bands[0, 1], bands[2, 1], bands[0, 2], bands[2, 2], half[0], half[1], half[2],
        half[0] - sure, half[1] - sure, half[2] - sure, noise[0], noise[1], axes[0], axes[1], axes[2], axes[3],
    )  # fmt: skip


@body
def _observed_pixel(J, H, Ks, word, limits, pixels):
    """Pixel of a star of these magnitudes as the survey sees it; -1 off the diagram, -2 when not accepted."""
    (
        ten_sigma_J, ten_sigma_Ks, cut_J, cut_Ks, half_J, half_H, half_Ks,
        sure_J, sure_H, sure_Ks, floor, width, color, per_color, magnitude, per_magnitude,
    ) = limits  # fmt: skip
    if sure_J < J or sure_H < H or Ks > sure_Ks:
        seen = photometry.completeness(J, half_J, width) * photometry.completeness(H, half_H, width)
        if draws.uniform(word) > seen * photometry.completeness(Ks, half_Ks, width):
            return -2
    J += draws.rough_normal(word, 0) * photometry.magnitude_error(J, ten_sigma_J, floor)
    Ks += draws.rough_normal(word, 1) * photometry.magnitude_error(Ks, ten_sigma_Ks, floor)
    if cut_J <= J or Ks >= cut_Ks:
        return -2
    return binning.pixel(J - Ks, Ks, (color, per_color, magnitude, per_magnitude), pixels)


@loop
def _draw_diagrams_cpu(
    stars, first, number, sightline, keys, mean, scatter, color_shift, nuisance, cumulative, bins_per_kpc,
    bands, half, noise, axes, counts, outside,
):  # fmt: skip
    pixels = counts.shape[1]
    faint_J, faint_Ks = bands[0, 2] + _MARGIN, bands[2, 2] + _MARGIN
    for n in prange(counts.shape[0]):
        s = sightline[n]
        image = counts[n].ravel()
        image[:] = 0
        lost = 0
        limits = _limits(bands, half[s] + nuisance[n, 1], noise, axes)
        red_J, red_H = bands[0, 0] * nuisance[n, 2], bands[1, 0] * nuisance[n, 3]
        red_Ks = bands[2, 0] * nuisance[n, 4]
        spread = scatter[n]
        fainter = nuisance[n, 0]
        shift = color_shift[n] + fainter
        profile = cumulative[n]
        star_keys = draws.fork(keys[n], np.uint64(1))
        run_keys = draws.fork(keys[n], np.uint64(2))
        drawn = draws.poisson(mean[n], draws.fork(keys[n], np.uint64(0)))
        reddened = np.empty((_RUN, 3), np.float32)
        words = np.empty(_RUN, np.uint64)
        for begin in range(0, drawn, _RUN):
            place = draws.bits(run_keys, np.uint64(begin)) >> _S32
            k = np.int64((place * np.uint64(number[s])) >> _S32)
            # First without a branch, so that reads from memory overlap; then the survivors, who cost more.
            kept = 0
            for i in range(begin, min(begin + _RUN, drawn)):
                star = first[s] + k
                k += 1
                if k == number[s]:
                    k -= number[s]
                word = draws.bits(star_keys, np.uint64(i))
                A_V = reddening.extinction_at(profile, bins_per_kpc, stars[star, 0])
                if spread > 0.0:
                    A_V *= math.exp(spread * (draws.rough_normal(word, 2) - np.float32(0.5) * spread))
                J = stars[star, 1] + A_V * red_J + shift
                Ks = stars[star, 3] + A_V * red_Ks + fainter
                reddened[kept, 0] = J
                reddened[kept, 1] = stars[star, 2] + A_V * red_H + fainter
                reddened[kept, 2] = Ks
                words[kept] = word
                kept += (faint_J >= J) & (Ks <= faint_Ks)
            for i in range(kept):
                p = _observed_pixel(reddened[i, 0], reddened[i, 1], reddened[i, 2], words[i], limits, pixels)
                if p >= 0:
                    image[p] += 1
                elif p == -1:
                    lost += 1
        outside[n] = lost


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
    _draw_diagrams_cpu(
        stars, first, number, sightline, keys, mean, scatter, color_shift, nuisance, cumulative,
        np.float32(bins_per_kpc),
        bands, half, noise, axes, counts, outside,
    )  # fmt: skip


@loop
def _expected_diagram_cpu(stars, key, repeats, bands, half, noise, axes, strips):
    pixels = int(math.sqrt(strips.shape[1]))
    per = -(-stars.shape[0] // strips.shape[0])
    limits = _limits(bands, half, noise, axes)
    for strip in prange(strips.shape[0]):
        image = strips[strip]
        image[:] = 0
        for k in range(strip * per, min(stars.shape[0], (strip + 1) * per)):
            for r in range(repeats):
                word = draws.bits(key, np.uint64(k * repeats + r))
                p = _observed_pixel(stars[k, 1], stars[k, 2], stars[k, 3], word, limits, pixels)
                if p >= 0:
                    image[p] += 1


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
    strips = np.empty((8, pixels * pixels), np.uint32)
    _expected_diagram_cpu(stars, key, repeats, bands, half, noise, axes, strips)
    return (strips.sum(axis=0, dtype=np.float64) / repeats).astype(np.float32).reshape(pixels, pixels)
