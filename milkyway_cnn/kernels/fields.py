"""One-dimensional Gaussian random fields of a power-law spectrum, one row an example."""

from __future__ import annotations

import math

import numpy as np
from scipy import fft

from milkyway_cnn.kernels import draws
from milkyway_cnn.kernels._twin import loop, prange

__all__ = ["gaussian_fields"]


@loop
def _spectra_cpu(keys, branch, slope, ring, out):
    for n in prange(out.shape[0]):
        row = out[n]
        row[:] = np.complex64(0.0)
        power = np.float32(0.0)
        key = draws.fork(keys[n], branch)
        modes = (ring - 1) // 2
        for k in range(1, modes + 1):
            amplitude = np.float32(math.pow(np.float32(k), np.float32(-0.5) * slope[n]))
            power += amplitude * amplitude
            a, b = draws.normal(draws.bits(key, np.uint64(k - 1)))
            row[k] = complex(amplitude * a, -amplitude * b)
        row *= np.float32(0.5 * ring) / np.float32(math.sqrt(power))


def gaussian_fields(keys: np.ndarray, branch: int, slope: np.ndarray, ring: int, out: np.ndarray) -> None:
    """Fill each row of `out` with a Gaussian field of zero mean and unit variance over the ensemble.

    out[n, j] = sum_k k^(-slope / 2) (a_k cos(2 pi k j / ring) + b_k sin(2 pi k j / ring)), divided by the square root
    of its expected power, with a_k, b_k standard normal and k from 1 to (ring - 1) // 2: a spectrum P(k) ~ k^-slope,
    by one Fourier transform of all rows.

    Parameters
    ----------
    keys, branch
        Row n is drawn from branch number `branch` of ``keys[n]``, (n,) uint64, and depends on nothing else but
        its slope and the ring.
    slope
        Spectral slope of each row: (n,) float32.
    ring
        Points after which the field repeats itself. A row is a part of the ring; of one that is half of it or less,
        the two ends know nothing of each other.
    out
        (n, points) float32.
    """
    if not 3 <= out.shape[1] <= ring or not keys.shape == slope.shape == out.shape[:1]:
        given = f"keys {keys.shape}, slope {slope.shape} and a ring of {ring}"
        msg = f"gaussian_fields: {given} do not fit out {out.shape}; give a key and slope a row, and a ring as long"
        raise ValueError(msg)
    spectra = np.empty((len(keys), ring // 2 + 1), np.complex64)
    _spectra_cpu(keys, np.uint64(branch), np.ascontiguousarray(slope, np.float32), ring, spectra)
    out[...] = fft.irfft(spectra, n=ring, axis=1, overwrite_x=True)[:, : out.shape[1]]
