"""One-dimensional Gaussian random fields of a power-law spectrum, one row an example."""

from __future__ import annotations

import math

import numpy as np
from scipy import fft

from milkyway_cnn import backend
from milkyway_cnn.kernels import draws
from milkyway_cnn.kernels._twin import Twin, block_each, cuda, exact, exact_loop, float32, prange

__all__ = ["gaussian_fields"]

_PI = np.float32(math.pi)
_LARGEST = 2048  # points of a ring that fit into the shared memory of a block


@exact
def _amplitude(k, slope):
    """Square root of the power of mode `k`, without its unit."""
    return np.float32(math.pow(np.float32(k), np.float32(-0.5) * slope))


@exact_loop
def _spectra_cpu(keys, branch, slope, ring, out):
    for n in prange(out.shape[0]):
        row = out[n]
        row[:] = np.complex64(0.0)
        power = np.float32(0.0)
        key = draws.fork(keys[n], branch)
        modes = (ring - 1) // 2
        for k in range(1, modes + 1):
            amplitude = _amplitude(k, slope[n])
            power += amplitude * amplitude
            a, b = draws.normal(draws.bits(key, np.uint64(k - 1)))
            row[k] = complex(amplitude * a, -amplitude * b)
        row *= np.float32(ring) * np.float32(0.5) / np.float32(math.sqrt(power))


def _spectra_cuda(keys, branch, slope, ring, out):
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    amplitude = cuda.shared.array(0, float32)
    modes = (ring - 1) // 2
    for n in range(cuda.blockIdx.x, out.shape[0], cuda.gridDim.x):
        for k in range(1 + thread, modes + 1, threads):
            amplitude[k] = _amplitude(k, slope[n])
        cuda.syncthreads()
        power = np.float32(0.0)
        for k in range(1, modes + 1):  # by every thread, in the order of the host
            power += amplitude[k] * amplitude[k]
        unit = np.float32(ring) * np.float32(0.5) / np.float32(math.sqrt(power))
        key = draws.fork(keys[n], branch)
        for k in range(thread, out.shape[1], threads):
            out[n, k] = 0.0
            if 0 < k <= modes:
                a, b = draws.normal(draws.bits(key, np.uint64(k - 1)))
                out[n, k] = complex(amplitude[k] * a * unit, -amplitude[k] * b * unit)
        cuda.syncthreads()


_spectra = Twin(
    _spectra_cpu,
    _spectra_cuda,
    lambda keys, branch, slope, ring, out: block_each(out.shape[0], shared=2 * ring + 4),
)


def _synthesize_cpu(spectra, ring, out):
    out[...] = fft.irfft(spectra, n=ring, axis=1, overwrite_x=True)[:, : out.shape[1]]


def _synthesize_cuda(spectra, ring, out):
    """Invert each row in shared memory, radix 2, from one half of it to the other at each step (Stockham)."""
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    shared = cuda.shared.array(0, float32)
    half = ring // 2
    scale = np.float32(1.0) / np.float32(ring)
    for n in range(cuda.blockIdx.x, out.shape[0], cuda.gridDim.x):
        for k in range(thread, ring, threads):
            value = spectra[n, k if k <= half else ring - k]
            shared[k] = value.real
            shared[ring + k] = value.imag if k <= half else -value.imag
        cuda.syncthreads()
        source, target, done = 0, 2 * ring, 1
        while done < ring:
            for j in range(thread, half, threads):
                place = j % done
                angle = _PI * np.float32(place) / np.float32(done)
                c, s = math.cos(angle), math.sin(angle)
                x, y = shared[source + half + j], shared[source + ring + half + j]
                x, y = c * x - s * y, s * x + c * y
                k = target + (j - place) * 2 + place
                shared[k] = shared[source + j] + x
                shared[ring + k] = shared[source + ring + j] + y
                shared[k + done] = shared[source + j] - x
                shared[ring + k + done] = shared[source + ring + j] - y
            cuda.syncthreads()
            source, target, done = target, source, 2 * done
        for j in range(thread, out.shape[1], threads):
            out[n, j] = scale * shared[source + j]
        cuda.syncthreads()


def _synthesis_grid(spectra, ring, out):
    if ring & (ring - 1) or ring > _LARGEST:
        msg = f"gaussian_fields: on a card the ring must be a power of two up to {_LARGEST}, not {ring}"
        raise ValueError(msg)
    return block_each(out.shape[0], shared=16 * ring)


# The host has a library for this.
_synthesize = Twin(_synthesize_cpu, _synthesize_cuda, _synthesis_grid)


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
        Points after which the field repeats itself, on a card a power of two up to 2048. A row is a part of the ring;
        of one that is half of it or less, the two ends know nothing of each other.
    out
        (n, points) float32.
    """
    if not 3 <= out.shape[1] <= ring or not keys.shape == slope.shape == out.shape[:1]:
        given = f"keys {keys.shape}, slope {slope.shape} and a ring of {ring}"
        msg = f"gaussian_fields: {given} do not fit out {out.shape}; give a key and slope a row, and a ring as long"
        raise ValueError(msg)
    spectra = backend.home(out).empty((keys.shape[0], ring // 2 + 1), np.complex64)
    _spectra(keys, np.uint64(branch), slope, ring, spectra)
    _synthesize(spectra, ring, out)
