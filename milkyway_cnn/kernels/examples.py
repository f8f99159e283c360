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
_LOW_32 = np.uint64(0xFFFFFFFF)
_MARGIN = np.float32(0.5)  # no star this much fainter than the cut is scattered into it (4.5 sigma at S/N 10)
_SURE = np.float32(7.0)  # this many widths above the half-way magnitude a star is missed once in a thousand times


@body
def _observed_pixel(J, H, Ks, A_V, color_shift, key, bands, half, noise, axes, pixels):
    """Pixel of one star behind A_V as the survey sees it; -1 off the diagram, -2 when it is not accepted."""
    J += A_V * bands[0, 0] + color_shift
    Ks += A_V * bands[2, 0]
    if bands[0, 2] + _MARGIN < J or Ks > bands[2, 2] + _MARGIN:
        return -2
    H += A_V * bands[1, 0]
    sure = _SURE * noise[1]
    if half[0] - sure < J or half[1] - sure < H or Ks > half[2] - sure:
        seen = (
            photometry.completeness(J, half[0], noise[1])
            * photometry.completeness(H, half[1], noise[1])
            * photometry.completeness(Ks, half[2], noise[1])
        )
        if draws.uniform(draws.bits(key, np.uint64(1))) > seen:
            return -2
    z_J, z_Ks = draws.normal(draws.bits(key, np.uint64(2)))
    J += z_J * photometry.magnitude_error(J, bands[0, 1], noise[0])
    Ks += z_Ks * photometry.magnitude_error(Ks, bands[2, 1], noise[0])
    if bands[0, 2] <= J or Ks >= bands[2, 2]:
        return -2
    return binning.pixel(J - Ks, Ks, axes, pixels)


@loop
def _draw_diagrams_cpu(
    stars, first, number, sightline, keys, mean, scatter, color_shift, cumulative, bins_per_kpc,
    bands, half, noise, axes, counts, outside,
):  # fmt: skip
    pixels = counts.shape[1]
    for n in prange(counts.shape[0]):
        s = sightline[n]
        image = counts[n].ravel()
        image[:] = 0
        lost = 0
        key = keys[n]
        spread = scatter[n]
        shift = color_shift[n]
        start = first[s]
        parents = np.uint64(number[s])
        profile = cumulative[n]
        faint = half[s]
        drawn = draws.poisson(mean[n], draws.fork(key, np.uint64(0)))
        for i in range(drawn):
            star_key = draws.bits(key, np.uint64(i + 1))
            word = draws.bits(star_key, np.uint64(0))
            k = start + np.int64(((word & _LOW_32) * parents) >> _S32)
            A_V = reddening.extinction_at(profile, bins_per_kpc, stars[k, 0])
            if spread > 0.0:
                z, _ = draws.normal(draws.bits(star_key, np.uint64(3)))
                A_V *= math.exp(spread * (z - np.float32(0.5) * spread))
            p = _observed_pixel(
                stars[k, 1], stars[k, 2], stars[k, 3], A_V, shift, star_key, bands, faint, noise, axes, pixels
            )
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
) -> None:
    """Draw one diagram an example; an example depends on its key and its own arguments alone.

    A Poisson number of stars is drawn with replacement from the parents of the example's sightline, which
    is the same as giving each parent a Poisson number of its own.

    Parameters
    ----------
    stars
        Distance (kpc), J, H, Ks (mag, without dust and noise) of all parents, sightline after sightline:
        (parents, 4) float32, so that a star is one access to memory.
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
    """
    if not sightline.shape == keys.shape == mean.shape == cumulative.shape[:1] == counts.shape[:1] == outside.shape:
        msg = (
            f"draw_diagrams: sightline {sightline.shape}, keys {keys.shape}, mean {mean.shape}, cumulative"
            f" {cumulative.shape}, counts {counts.shape} and outside {outside.shape} must have one number of examples"
        )
        raise ValueError(msg)
    bands, half, noise = survey
    _draw_diagrams_cpu(
        stars, first, number, sightline, keys, mean, scatter, color_shift, cumulative, np.float32(bins_per_kpc),
        bands, half, noise, axes, counts, outside,
    )  # fmt: skip


@loop
def _expected_diagram_cpu(stars, key, repeats, bands, half, noise, axes, strips):
    pixels = int(math.sqrt(strips.shape[1]))
    per = -(-stars.shape[0] // strips.shape[0])
    for strip in prange(strips.shape[0]):
        image = strips[strip]
        image[:] = 0
        for k in range(strip * per, min(stars.shape[0], (strip + 1) * per)):
            for r in range(repeats):
                star_key = draws.bits(key, np.uint64(k * repeats + r))
                p = _observed_pixel(
                    stars[k, 1],
                    stars[k, 2],
                    stars[k, 3],
                    np.float32(0.0),
                    np.float32(0.0),
                    star_key,
                    bands,
                    half,
                    noise,
                    axes,
                    pixels,
                )
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
