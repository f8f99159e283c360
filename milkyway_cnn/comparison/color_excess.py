"""The plain near-infrared color-excess map of a star catalog: integrated extinction, without distances."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.law import DEFAULT, ratio
from milkyway_cnn.galaxy.models import Galaxy, chosen
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.reduction import reduce_catalog
from milkyway_cnn.sightlines import Grid
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.twomass import SAFE, magnitude_error

__all__ = ["FEWEST", "ExcessSums", "bare_control", "catalog_color_excess", "color_excess"]

#: Parts of a magnitude to which estimates are rounded where they are summed.
_UNIT = 4096
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
    weights, bare = _reference(control, method, law, R_V)
    if statistic == "mean":
        sums = ExcessSums(grid, weights).add_stars(l, b, J, H, Ks)
        return _labeled(grid, sums.number, sums.means(), _mean(bare), bare.size, method, statistic)
    colors = _colors(J, H, Ks)
    cell = grid.cell_index(l, b)
    cell[np.isnan(colors).any(axis=1)] = -1
    order = np.argsort(cell, kind="stable")
    estimate = colors[order] @ weights
    bounds = np.searchsorted(cell[order], np.arange(grid.shape[0] * grid.shape[1] + 1))
    pairs = [_median(estimate[first:last]) if last > first else (np.nan, np.nan) for first, last in pairwise(bounds)]
    return _labeled(grid, np.diff(bounds), np.array(pairs).T, _median(bare), bare.size, method, statistic)


def catalog_color_excess(
    catalog: str | Path,
    grid: Grid,
    control: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    method: Literal["nice", "nicer"] = "nice",
    law: str = DEFAULT,
    R_V: float = 3.1,
    cluster: str = "",
) -> xr.Dataset:
    """Map the mean extinction that reddens the stars of a catalog, of any size: `color_excess` of its stars.

    Parameters
    ----------
    catalog, cluster
        As for `reduction.reduce_catalog`; however the catalog is divided, the map is the same bit for bit.
    grid, control, method, law, R_V
        As for `color_excess`.

    Raises
    ------
    InputError
        As these two.
    """
    weights, bare = _reference(control, method, law, R_V)
    sums = reduce_catalog(catalog, partial(_begin, grid, weights), grid.region, cluster=cluster).parts[0]
    return _labeled(grid, sums.number, sums.means(), _mean(bare), bare.size, method, "mean")


@dataclass
class ExcessSums:
    """Number, sum and sum of squares of the estimates A_V of each cell's stars; those of parts of a catalog add up.

    Estimates are rounded to 1/4096 mag, far below the error of any star, and summed as integers: in any order, and
    however the stars are divided, the sums are the same.

    Parameters
    ----------
    grid
        The cells.
    weights
        Of the colors J-H and H-Ks, (2,).
    """

    grid: Grid
    weights: np.ndarray
    number: np.ndarray = field(init=False, repr=False)
    first: np.ndarray = field(init=False, repr=False)
    second: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.number, self.first, self.second = np.zeros((3, self.grid.shape[0] * self.grid.shape[1]), np.int64)

    def add(self, stars: Catalog) -> ExcessSums:
        """Take in further stars."""
        return self.add_stars(stars.l, stars.b, stars["J"], stars["H"], stars["Ks"])

    def add_stars(self, l: np.ndarray, b: np.ndarray, J: np.ndarray, H: np.ndarray, Ks: np.ndarray) -> ExcessSums:
        """Take in further stars."""
        colors = _colors(J, H, Ks)
        cell = self.grid.cell_index(l, b)
        counted = (cell >= 0) & ~np.isnan(colors).any(axis=1)
        cell, colors = cell[counted], colors[counted]
        # Written out, for a matrix product may round a star's estimate by its place among others.
        estimate = colors[:, 0] * self.weights[0] + colors[:, 1] * self.weights[1]
        estimate = np.rint(estimate * _UNIT).astype(np.int64)
        self.number += np.bincount(cell, minlength=self.number.size)
        np.add.at(self.first, cell, estimate)
        np.add.at(self.second, cell, estimate**2)
        return self

    def __iadd__(self, other: ExcessSums) -> ExcessSums:
        self.number += other.number
        self.first += other.first
        self.second += other.second
        return self

    def means(self) -> np.ndarray:
        """Mean of each cell and its standard error (mag), (2, cells); NaN where there are not two stars."""
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.first / self.number
            variance = (self.second - self.first * mean) / (self.number - 1)
            return np.stack([mean, np.sqrt(variance / self.number)]) / _UNIT


def _begin(grid: Grid, weights: np.ndarray) -> list[ExcessSums]:
    return [ExcessSums(grid, weights)]


def bare_control(
    l: float, b: float, seed: int, solid_angle: float = 4.0, galaxy: str | Galaxy = "embedded"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Modeled stars to stand for a control field where there is none: J, H, Ks (mag) with the survey's errors.

    `solid_angle` square degrees of a Galaxy (see `milkyway_cnn.galaxy.models.chosen`) without dust, seen along (l, b)
    in deg.
    """
    stars = synthesize(l, b, solid_angle, seed=seed, model=chosen(galaxy))
    rng = np.random.default_rng(seed)
    J, H, Ks = (
        (bare + rng.normal(size=bare.size) * magnitude_error(bare, band)).astype(np.float32)
        for band, bare in (("J", stars.J), ("H", stars.H), ("Ks", stars.Ks))
    )
    return J, H, Ks


def _reference(
    control: tuple[np.ndarray, np.ndarray, np.ndarray], method: Literal["nice", "nicer"], law: str, R_V: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the two colors, and the estimates of the control stars."""
    bare = _colors(*control)
    bare = bare[np.isfinite(bare).all(axis=1)]
    if len(bare) < FEWEST:
        msg = f"only {len(bare)} control stars pass J < {SAFE.J} and Ks < {SAFE.Ks}; give at least {FEWEST}"
        raise InputError(msg)
    inverse = np.ones((2, 2)) if method == "nice" else np.linalg.inv(np.cov(bare.T))
    reddening = -np.diff([ratio(band, law, R_V) for band in ("J", "H", "Ks")])
    weights = inverse @ reddening / (reddening @ inverse @ reddening)
    return weights, bare @ weights


def _labeled(
    grid: Grid,
    number: np.ndarray,
    centers: np.ndarray,
    zero: tuple[float, float],
    control_stars: int,
    method: str,
    statistic: str,
) -> xr.Dataset:
    """Dataset of the centers of each cell's estimates and their errors, less those of the control stars."""
    A_V, error = np.where(number >= FEWEST, [centers[0] - zero[0], np.hypot(centers[1], zero[1])], np.nan)
    fields = {
        "A_V": (A_V.astype(np.float32), "mag", "visual extinction by color excess"),
        "A_V_error": (error.astype(np.float32), "mag", "standard error of the visual extinction"),
        "stars": (number, "1", "stars within the safe cut"),
    }
    sky = ("b", "l")
    return xr.Dataset(
        {
            name: (sky, values.reshape(grid.shape), {"units": unit, "long_name": meaning})
            for name, (values, unit, meaning) in fields.items()
        },
        coords={"b": ("b", grid.b.round(10), {"units": "deg"}), "l": ("l", grid.l.round(10), {"units": "deg"})},
        attrs={"method": method, "statistic": statistic, "control_stars": control_stars, "cell_deg": grid.cell},
    )


def _colors(J: np.ndarray, H: np.ndarray, Ks: np.ndarray) -> np.ndarray:
    """Colors J-H and H-Ks, (stars, 2) float64; NaN for stars that fail the safe cut."""
    colors = np.stack([np.subtract(J, H, dtype=np.float64), np.subtract(H, Ks, dtype=np.float64)], axis=1)
    colors[~((np.asarray(J) < SAFE.J) & (np.asarray(Ks) < SAFE.Ks))] = np.nan
    return colors


def _mean(values: np.ndarray) -> tuple[float, float]:
    """Mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def _median(values: np.ndarray) -> tuple[float, float]:
    """Median and its standard error, from the median absolute deviation."""
    median = np.median(values)
    # sqrt(pi / 2) is the error of the median over that of the mean, and 1.4826 the standard deviation over the
    # median absolute deviation, of a normal distribution
    deviation = 1.4826 * np.median(np.abs(values - median))
    return float(median), float(np.sqrt(np.pi / 2) * deviation / np.sqrt(len(values)))
