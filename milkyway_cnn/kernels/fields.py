"""One-dimensional Gaussian random fields of a power-law spectrum, one row an example."""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels import draws
from milkyway_cnn.kernels._twin import loop, prange

__all__ = ["basis", "gaussian_fields"]


def basis(points: int) -> np.ndarray:
    """Cosines and sines of all modes of a ring twice as long as the field: (points, 2, points) float32.

    The field is cut from a ring of ``2 * points``, so that its two ends know nothing of each other. Mode k
    (from 1) is row k - 1.
    """
    phase = 2.0 * np.pi * np.outer(np.arange(1, points + 1), np.arange(points)) / (2 * points)
    return np.stack([np.cos(phase), np.sin(phase)], axis=1).astype(np.float32)


@loop
def _gaussian_fields_cpu(keys, branch, slope, modes, out):
    for n in prange(out.shape[0]):
        row = out[n]
        row[:] = np.float32(0.0)
        power = np.float32(0.0)
        key = draws.fork(keys[n], branch)
        for k in range(modes.shape[0]):
            amplitude = np.float32(math.pow(np.float32(k + 1), np.float32(-0.5) * slope[n]))
            power += amplitude * amplitude
            a, b = draws.normal(draws.bits(key, np.uint64(k)))
            a *= amplitude
            b *= amplitude
            for j in range(row.size):
                row[j] += a * modes[k, 0, j] + b * modes[k, 1, j]
        row *= np.float32(1.0) / math.sqrt(power)


def gaussian_fields(keys: np.ndarray, branch: int, slope: np.ndarray, modes: np.ndarray, out: np.ndarray) -> None:
    """Fill each row of `out` with a Gaussian field of zero mean and unit variance over the ensemble.

    out[n, j] = sum_k k^(-slope / 2) (a_k cos(pi k j / points) + b_k sin(pi k j / points)), divided by the
    square root of its expected power, with a_k, b_k standard normal: a spectrum P(k) ~ k^-slope.

    Parameters
    ----------
    keys, branch
        Row n is drawn from branch number `branch` of ``keys[n]``, (n,) uint64, and depends on nothing else but
        its slope.
    slope
        Spectral slope of each row: (n,) float32.
    modes
        `basis` of the row length.
    out
        (n, points) float32.
    """
    if modes.shape[2] != out.shape[1] or keys.shape != slope.shape != out.shape[:1]:
        given = f"keys {keys.shape}, slope {slope.shape} and modes {modes.shape}"
        msg = f"gaussian_fields: {given} do not fit out {out.shape}; give one key and slope a row, and its basis"
        raise ValueError(msg)
    _gaussian_fields_cpu(keys, np.uint64(branch), slope, modes, out)
