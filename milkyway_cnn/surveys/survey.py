"""What a survey is to this package: its bands, how well it measures, how many stars it misses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from milkyway_cnn.errors import InputError

__all__ = ["Survey", "background_limited", "confusion", "logistic"]

Values = np.ndarray | float


@dataclass(frozen=True)
class Survey:
    """A survey, as a record of functions; `dataclasses.replace` puts another error model in place of one of them.

    All functions take arrays, magnitudes as observed.

    Parameters
    ----------
    name
        Under which it is asked for.
    bands
        Columns of its magnitudes in this package's tables.
    magnitude_error
        (magnitude, band) -> standard error (mag).
    completeness
        (magnitude, band, star density) -> part of the stars that the survey holds in that band, 0 to 1; the
        density is that of the survey's own stars (per square degree).
    parallax_error
        (magnitude in the first band) -> standard error (mas); None where there is no astrometry.
    parallax_zero_point
        (magnitude in the first band) -> mean of measured less true parallax (mas).
    """

    name: str
    bands: tuple[str, ...]
    magnitude_error: Callable[[Values, str], np.ndarray]
    completeness: Callable[[Values, str, Values], np.ndarray]
    parallax_error: Callable[[Values], np.ndarray] | None = None
    parallax_zero_point: Callable[[Values], np.ndarray] | None = None

    def check(self, band: str) -> None:
        """Raise an InputError unless `band` is one of the survey's."""
        if band not in self.bands:
            msg = f"{self.name} has no band {band!r}; choose from {', '.join(self.bands)}"
            raise InputError(msg)


def background_limited(magnitude: Values, ten_sigma: float, floor: float) -> np.ndarray:
    """Evaluate the standard error of a magnitude (mag): sqrt(floor^2 + (0.109 x 10^(0.4 (m - m10)))^2).

    Noise of the sky, with a signal-to-noise ratio of 10 at m10, over a constant error of the calibration. The
    kernels' form of it is `milkyway_cnn.kernels.photometry.magnitude_error`.
    """
    return np.hypot(floor, 0.109 * 10.0 ** (0.4 * (np.asarray(magnitude) - ten_sigma)))


def logistic(magnitude: Values, half: Values, width: float) -> np.ndarray:
    """Part of the stars of a magnitude that are found, 1 / (1 + exp((m - half) / width))."""
    return 1.0 / (1.0 + np.exp((np.asarray(magnitude) - half) / width))


def confusion(star_density: Values, starts: float, one_magnitude: float) -> np.ndarray:
    """How much brighter a survey ends where stars crowd (mag): log(n / starts) / log(one_magnitude / starts).

    Never below 0; all three densities in stars per square degree.
    """
    crowding = np.maximum(np.asarray(star_density, dtype=float) / starts, 1.0)
    return np.log(crowding) / np.log(one_magnitude / starts)
