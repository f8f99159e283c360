"""What mock profiles are like against what was asked for: totals, spectrum, mean and scatter of each bin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from milkyway_cnn.extinction.profiles import MockProfiles
from milkyway_cnn.kernels import draws

__all__ = ["asked_spectrum", "asked_totals", "profile_statistics"]

#: Branch of the seed that the profiles of statistics come from: apart from every sample.
_BRANCH = 1000


def profile_statistics(mock: MockProfiles, *, seed: int, count: int = 4000, sightline: int = 0) -> xr.Dataset:
    """Draw profiles of one sightline and describe them beside what the prior asks for.

    Returns
    -------
    Dataset with `mean`, `std` and `envelope` (mag) on `distance`; `total` and `asked_total` (mag), sorted, on
    `example`; `spectrum` and `asked_spectrum`, the power of ln(delta_A_V / envelope) on `frequency` (1 / kpc) of
    profiles without clouds, tapered by a Hann window; and `delta_A_V` on (example, distance). Attributes: `ks`, the
    largest difference between the distributions of totals, `empty`, the share of profiles without dust, and
    `above_10_mag`, that of totals beyond 10 mag.
    """
    prior, bins = mock.prior, mock.bins
    keys, rows = draws.keys(seed, _BRANCH, np.arange(count)), np.full(count, sightline)
    profiles = mock.draw(keys, rows)[:, :bins]
    smooth = mock.envelopes[sightline, :bins]
    total = np.sort(profiles.sum(axis=1, dtype=float))
    asked = np.sort(asked_totals(mock, sightline, 10 * count, np.random.default_rng(seed)))
    at = np.concatenate([total, asked])
    difference = np.searchsorted(total, at, side="right") / total.size
    difference -= np.searchsorted(asked, at, side="right") / asked.size

    frequency, power = _spectrum(mock, keys, sightline)
    edges = mock.all_edges[: bins + 1]
    middle = 0.5 * (edges[:-1] + edges[1:])
    return xr.Dataset(
        {
            "delta_A_V": (("example", "distance"), profiles, {"units": "mag"}),
            "mean": ("distance", profiles.mean(axis=0), {"units": "mag"}),
            "std": ("distance", profiles.std(axis=0), {"units": "mag"}),
            "envelope": ("distance", smooth, {"units": "mag"}),
            "total": ("example", total, {"units": "mag"}),
            "asked_total": ("example", asked[5::10], {"units": "mag"}),
            "spectrum": ("frequency", power),
            "asked_spectrum": ("frequency", asked_spectrum(mock, sightline)),
        },
        coords={"distance": ("distance", middle, {"units": "kpc"}), "frequency": ("frequency", frequency)},
        attrs={
            "ks": float(np.abs(difference).max()),
            "empty": float(np.mean(total == 0.0)),
            "above_10_mag": float(np.mean(total > 10.0)),
            "asked_empty": prior.empty,
        },
    )


def asked_totals(mock: MockProfiles, sightline: int, count: int, random: np.random.Generator) -> np.ndarray:
    """Totals A_V (mag) within the bins as `ProfilePrior` words them, without any profile: (count,).

    Clouds count whole, in front of the last edge or not at all.
    """
    prior = mock.prior
    total = mock.envelopes[sightline, : mock.bins].sum() * 10.0 ** random.uniform(-prior.scatter, prior.scatter, count)
    free = _log_uniform(prior.free_total, count, random)
    total = np.where(random.random(count) < prior.free_share, free, total)
    clouds = np.minimum(random.poisson(prior.clouds, count), 5)
    for cloud in range(5):
        inside = _log_uniform(prior.cloud_distance, count, random) < mock.all_edges[mock.bins]
        total += (clouds > cloud) * inside * _log_uniform(prior.cloud_A_V, count, random)
    return np.where(random.random(count) < prior.empty, 0.0, total)


def _log_uniform(limits: tuple[float, float], count: int, random: np.random.Generator) -> np.ndarray:
    low, high = np.log(limits)
    return np.exp(random.uniform(low, high, count))


def _taper(bins: int) -> np.ndarray:
    """Hann window of unit mean square: (bins,)."""
    window = np.hanning(bins + 2)[1:-1]
    return window / np.sqrt(np.mean(np.square(window)))


def _dusty(mock: MockProfiles, sightline: int) -> int:
    """Number of bins before the smooth disc ends."""
    return int(np.count_nonzero(mock.envelopes[sightline, : mock.bins] > 1e-20))


def _spectrum(mock: MockProfiles, keys: np.ndarray, sightline: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (1 / kpc) and mean power of the logarithm of profiles without clouds."""
    bins = _dusty(mock, sightline)
    plain = MockProfiles(mock.sightlines, mock.all_edges[: mock.bins + 1], replace(mock.prior, clouds=0.0, empty=0.0))
    smooth = mock.envelopes[sightline, :bins]
    profiles = plain.draw(keys, np.full(keys.size, sightline))[:, :bins]
    logarithm = np.log(np.maximum(profiles, 1e-30)) - np.log(np.maximum(smooth, 1e-30))
    logarithm -= logarithm.mean(axis=1, keepdims=True)
    power = np.mean(np.abs(np.fft.rfft(logarithm * _taper(bins), axis=1)) ** 2, axis=0) / bins
    return np.fft.rfftfreq(bins, float(mock.all_edges[1]))[2:], power[2:]


def asked_spectrum(mock: MockProfiles, sightline: int = 0) -> np.ndarray:
    """The spectrum that the prior asks for, seen through the same window: (bins // 2 - 1,), from the second mode on.

    Bins behind the end of the smooth disc are left out.
    """
    prior, bins, ring = mock.prior, _dusty(mock, sightline), mock.ring
    k = np.arange(1, (ring - 1) // 2 + 1)
    slopes = np.linspace(*prior.slope, 65)[:, None]
    modes = k**-slopes
    low, high = prior.contrast
    variance = (low * low + low * high + high * high) / 3.0  # mean square of a uniform draw
    power = variance * (modes / modes.sum(axis=1, keepdims=True)).mean(axis=0)
    # A mode of the ring leaks into the frequencies of the bins as the window's transform says; a cosine has two sides.
    position = np.arange(bins)
    waves = np.exp(2j * np.pi * np.outer(k, position) / ring)
    waves -= waves.mean(axis=1, keepdims=True)
    leak = np.abs(np.fft.fft(waves * _taper(bins), axis=1)) ** 2 / bins
    both = 0.5 * (leak + np.roll(leak[:, ::-1], 1, axis=1))
    return (power @ both)[2 : bins // 2 + 1]
