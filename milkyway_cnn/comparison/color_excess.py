"""The plain near-infrared color-excess map of a star catalog: integrated extinction, without distances."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
import xarray as xr

from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.law import DEFAULT, ratio
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.sightlines import Grid
from milkyway_cnn.surveys.twomass import SAFE, magnitude_error

__all__ = ["FEWEST", "bare_control", "color_excess"]

#: Stars that a cell, or the control field, must have to count.
FEWEST = 10


def color_excess(
    l: np.ndarray,
    b: np.ndarray,
    J: np.ndarray,
    H: np.ndarray,
    Ks: np.ndarray,
    grid: Grid,
    control: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    method: Literal["nice", "nicer"] = "nice",
    statistic: Literal["mean", "median"] = "mean",
    law: str = DEFAULT,
    R_V: float = 3.1,
) -> xr.Dataset:
    """Map the extinction that reddens the stars of each cell.

    Each star that passes the safe cut (J < 15.8, Ks < 14.3, detected in J, H and Ks) gives the estimate
    A_V = w . (c - c0) with its colors c = (J-H, H-Ks), the statistic c0 of the control stars and weights w of
    which w . k = 1, k being the reddening per magnitude of A_V, by default (0.107, 0.063).

    Parameters
    ----------
    l, b
        Galactic positions (deg), (stars,).
    J, H, Ks
        Magnitudes, (stars,); NaN where not detected.
    grid
        The cells.
    control
        J, H, Ks of stars without dust to which the same cut is applied: those of a control field at a like
        latitude, or modeled bare stars with the errors of the survey.
    method
        ``nice``: both colors weigh the same, which is the excess in J-Ks (Lada et al. 1994, ApJ 429, 694).
        ``nicer``: w = C^-1 k / (k . C^-1 k) with the covariance C of the control stars' colors, which has the
        least variance (Lombardi & Alves 2001, A&A 377, 1023, eq. 11, one C for all stars).
    statistic
        How the stars of a cell, and the control stars, are put together. The mean is linear in the dust, so that
        cells average to larger cells, and is what the methods above were published with; the median withstands
        young stars and galaxies of odd color, but falls below the mean where the dust within a cell is uneven
        (by a fifth in the dense parts of Orion A).
    law, R_V
        Extinction law that gives k, see `milkyway_cnn.extinction.law`.

    Returns
    -------
    xarray.Dataset
        On (b, l): `A_V` and its standard error `A_V_error` (mag; the scatter of the cell's stars and of the
        control stars over the root of their numbers), and the number of `stars`. Cells of fewer than `FEWEST`
        stars are NaN. Stars behind so much dust that they fail the cut are not seen: A_V is too low where it
        varies within a cell and is high.

    Raises
    ------
    InputError
        When fewer than `FEWEST` control stars pass the cut.
    """
    bare = _colors(*control)
    bare = bare[np.isfinite(bare).all(axis=1)]
    if len(bare) < FEWEST:
        msg = f"only {len(bare)} control stars pass J < {SAFE.J} and Ks < {SAFE.Ks}; give at least {FEWEST}"
        raise InputError(msg)
    inverse = np.ones((2, 2)) if method == "nice" else np.linalg.inv(np.cov(bare.T))
    reddening = -np.diff([ratio(band, law, R_V) for band in ("J", "H", "Ks")])
    weights = inverse @ reddening / (reddening @ inverse @ reddening)
    zero, zero_error = _center(bare @ weights, statistic)

    colors = _colors(J, H, Ks)
    cell = grid.cell_index(l, b)
    cell[np.isnan(colors).any(axis=1)] = -1
    order = np.argsort(cell, kind="stable")
    estimate = colors[order] @ weights
    bounds = np.searchsorted(cell[order], np.arange(grid.shape[0] * grid.shape[1] + 1))
    A_V, error = np.full((2, len(bounds) - 1), np.nan, dtype=np.float32)
    for index, (first, last) in enumerate(pairwise(bounds)):
        if last - first >= FEWEST:
            middle, middle_error = _center(estimate[first:last], statistic)
            A_V[index], error[index] = middle - zero, np.hypot(middle_error, zero_error)
    fields = {
        "A_V": (A_V, "mag", "visual extinction by color excess"),
        "A_V_error": (error, "mag", "standard error of the visual extinction"),
        "stars": (np.diff(bounds), "1", "stars within the safe cut"),
    }
    sky = ("b", "l")
    return xr.Dataset(
        {
            name: (sky, values.reshape(grid.shape), {"units": unit, "long_name": meaning})
            for name, (values, unit, meaning) in fields.items()
        },
        coords={"b": ("b", grid.b.round(10), {"units": "deg"}), "l": ("l", grid.l.round(10), {"units": "deg"})},
        attrs={"method": method, "statistic": statistic, "control_stars": len(bare), "cell_deg": grid.cell},
    )


def bare_control(l: float, b: float, seed: int, solid_angle: float = 4.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Modeled stars to stand for a control field where there is none: J, H, Ks (mag) with the survey's errors.

    `solid_angle` square degrees of the Galaxy model without dust, seen along (l, b) in deg.
    """
    stars = synthesize(l, b, solid_angle, seed=seed)
    rng = np.random.default_rng(seed)
    J, H, Ks = (
        (bare + rng.normal(size=bare.size) * magnitude_error(bare, band)).astype(np.float32)
        for band, bare in (("J", stars.J), ("H", stars.H), ("Ks", stars.Ks))
    )
    return J, H, Ks


def _colors(J: np.ndarray, H: np.ndarray, Ks: np.ndarray) -> np.ndarray:
    """Colors J-H and H-Ks, (stars, 2) float64; NaN for stars that fail the safe cut."""
    colors = np.stack([np.subtract(J, H, dtype=np.float64), np.subtract(H, Ks, dtype=np.float64)], axis=1)
    colors[~((np.asarray(J) < SAFE.J) & (np.asarray(Ks) < SAFE.Ks))] = np.nan
    return colors


def _center(values: np.ndarray, statistic: str) -> tuple[float, float]:
    """Mean or median and its standard error, that of the median from the median absolute deviation."""
    root = np.sqrt(len(values))
    if statistic == "mean":
        return float(values.mean()), float(values.std(ddof=1) / root)
    median = np.median(values)
    # sqrt(pi / 2) is the error of the median over that of the mean, and 1.4826 the standard deviation over the
    # median absolute deviation, of a normal distribution
    return float(median), float(np.sqrt(np.pi / 2) * 1.4826 * np.median(np.abs(values - median)) / root)
