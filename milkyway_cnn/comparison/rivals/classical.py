"""Extinction against distance by colors, in the manner of Marshall et al. 2006 (A&A 453, 635).

Modeled stars of a sightline are reddened by a trial profile, given the survey's errors and limits, and set in order of
their color, as the observed ones are: the k-th reddest modeled star stands for the k-th reddest observed one. Where the
observed one is redder than the modeled one, there is more dust in front of the distance at which the model has such
stars. The profile that follows is the next trial, until they agree.

Marshall et al. order all giants of a sightline together. Here they are ordered within slices of magnitude, which tells
more, and stars of either kind take part in the model as in the sky, but only those redder than main-sequence stars of
the solar neighborhood tell of dust. Slices, sizes of groups and number of rounds are our choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from milkyway_cnn.diagrams import of_channel
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.law import DEFAULT, ratio
from milkyway_cnn.galaxy.models import Galaxy, chosen
from milkyway_cnn.galaxy.stars import Stars
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.kernels.workers import workers
from milkyway_cnn.surveys import twomass
from milkyway_cnn.surveys.diagrams import DIAGRAMS, DiagramAxes

__all__ = ["match_colors"]

_BANDS = ("J", "H", "Ks")
#: Ks (mag) at which slices meet, and the bluest J-Ks (mag) that counts: dwarfs that are seen near by are bluer.
_SLICES, _REDDEST_DWARF = (10.0, 11.0, 12.0, 13.0), 0.5
#: Observed stars of a group, and most groups of a slice.
_GROUP, _MOST_GROUPS = 30, 40
#: Rounds, how far each goes towards what it finds, and the last rounds over which the mean is taken.
_ROUNDS, _STEP, _LAST = 14, 0.7, 4
#: Solid angle of the modeled stars (square degrees), at least.
_AREA = 0.5


def match_colors(
    observed: xr.Dataset,
    edges: np.ndarray,
    *,
    seed: int,
    cells: np.ndarray | None = None,
    galaxy: str | Galaxy = "embedded",
    law: str = DEFAULT,
    R_V: float = 3.1,
    on_cell: Callable[[int], object] = lambda cells: None,
) -> np.ndarray:
    """Find the profile of each cell by the colors of its stars.

    Parameters
    ----------
    observed
        `diagrams.observe_cells` of a catalog on a grid, with the diagram ``2mass``.
    edges
        Edges of equal distance bins from the Sun outwards (kpc): (bins + 1,).
    seed
        Of the modeled stars and their errors.
    cells
        Which cells to do, (b, l) bool; all by default.
    galaxy, law, R_V
        Whose stars are modeled, and the extinction law.
    on_cell
        Told how many further cells are done.

    Returns
    -------
    A_V added in each bin (mag), (b, l, bins) float32; NaN in cells that are not done or have too few stars. Behind the
    last giants there is none.

    Raises
    ------
    InputError
        When 2mass is not among the diagrams.
    """
    kind = DIAGRAMS["2mass"]
    if kind.name not in observed.attrs["diagrams"]:
        msg = f"colors are matched in the diagram 2mass, which is not among {', '.join(observed.attrs['diagrams'])}"
        raise InputError(msg)
    counts = of_channel(observed["diagram"], kind).values
    l, b, areas = (observed[name].values for name in ("l", "b", "solid_angle"))
    done = np.ones(counts.shape[:2], bool) if cells is None else cells
    per_A_V = np.array([ratio(band, law, R_V) for band in _BANDS], np.float32)
    model = chosen(galaxy)

    def cell(place: tuple[int, int]) -> np.ndarray:
        row, column = place
        area = max(_AREA, areas[row])
        entropy = np.random.SeedSequence(seed, spawn_key=(column, row, 2))
        number = int(entropy.generate_state(1, np.uint64)[0])
        stars = synthesize(
            float(l[column]), float(b[row]), area, seed=number, faintest_J=16.2, faintest_Ks=14.7, model=model
        )
        sky = _Sky.draw(stars, area, per_A_V, np.random.default_rng(entropy))
        return _profile(sky, counts[place], kind.axes, edges)

    found = np.full((*counts.shape[:2], len(edges) - 1), np.nan, np.float32)
    places = [(int(row), int(column)) for row, column in np.argwhere(done)]
    with workers() as pool:
        for place, profile in zip(places, pool.map(cell, places), strict=True):
            found[place] = profile
            on_cell(1)
    return found


@dataclass(frozen=True)
class _Sky:
    """Modeled stars of a sightline, and the chance in how the survey sees them: arrays of (bands, stars) float32."""

    distance: np.ndarray
    magnitudes: np.ndarray
    per_A_V: np.ndarray
    #: errors in units of their standard deviation
    noise: np.ndarray
    #: faintest magnitudes at which each star is detected in a field that is not crowded
    limits: np.ndarray
    solid_angle: float

    @classmethod
    def draw(cls, stars: Stars, solid_angle: float, per_A_V: np.ndarray, random: np.random.Generator) -> _Sky:
        magnitudes = np.stack([getattr(stars, band) for band in _BANDS])
        half = np.array([[twomass.BANDS[band].half] for band in _BANDS])
        u = np.clip(random.random(magnitudes.shape), 1e-6, 1 - 1e-6)
        limits = half + twomass.COMPLETENESS_WIDTH * np.log(1.0 / u - 1.0)  # the logistic completeness, inverted
        noise = random.standard_normal(magnitudes.shape, np.float32)
        return cls(stars.distance, magnitudes, per_A_V, noise, limits.astype(np.float32), solid_angle)

    def seen_behind(self, A_V: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Indices of the stars that pass the safe cut behind A_V (mag) each, their J-Ks and Ks as measured."""
        dimmed = self.magnitudes + self.per_A_V[:, None] * A_V
        inside = (dimmed[0] < twomass.SAFE.J) & (dimmed[2] < twomass.SAFE.Ks)
        shift = np.float32(twomass.confusion_shift(np.count_nonzero(inside) / self.solid_angle))
        found = np.flatnonzero((dimmed < self.limits - shift).all(axis=0))
        J, Ks = (
            dimmed[n, found] + self.noise[n, found] * twomass.magnitude_error(dimmed[n, found], _BANDS[n])
            for n in (0, 2)
        )
        kept = (twomass.SAFE.J > J) & (twomass.SAFE.Ks > Ks)
        return found[kept], J[kept] - Ks[kept], Ks[kept]


def _profile(sky: _Sky, counts: np.ndarray, axes: DiagramAxes, edges: np.ndarray) -> np.ndarray:
    """Extinction added in each bin (mag), given the observed diagram (magnitude, color); NaN with too few stars."""
    from scipy.optimize import isotonic_regression

    centers = axes.centers()
    slices = np.digitize(centers["magnitude"], _SLICES)
    observed = [counts[slices == number].sum(axis=0) for number in range(len(_SLICES) + 1)]
    colors = (
        np.append(centers["color"], 2 * centers["color"][-1] - centers["color"][-2]) - np.diff(centers["color"])[0] / 2
    )
    reddening = float(sky.per_A_V[0] - sky.per_A_V[2])
    A_V = np.minimum(0.5 * edges, 5.0)  # any start will do
    last = []
    for _ in range(_ROUNDS):
        extinction = np.interp(sky.distance, edges, A_V).astype(np.float32)
        stars, color, Ks = sky.seen_behind(extinction)
        number = np.digitize(Ks, _SLICES)
        pairs = [
            _pairs(
                observed[n],
                colors,
                color[number == n],
                sky.distance[stars[number == n]],
                extinction[stars[number == n]],
                reddening,
            )
            for n in range(len(observed))
        ]
        distance, behind, weight = np.concatenate(pairs, axis=1)
        if distance.size < 3:
            return np.full(len(edges) - 1, np.nan, np.float32)
        order = np.argsort(distance)
        rising = np.maximum(isotonic_regression(behind[order], weights=weight[order]).x, 0.0)
        found = np.interp(edges, np.append(0.0, distance[order]), np.append(0.0, rising))
        A_V = A_V + _STEP * (found - A_V)
        last.append(A_V)
    return np.diff(np.mean(last[-_LAST:], axis=0)).astype(np.float32)


def _pairs(
    observed: np.ndarray,
    edges: np.ndarray,
    color: np.ndarray,
    distance: np.ndarray,
    extinction: np.ndarray,
    reddening: float,
) -> np.ndarray:
    """Distances (kpc), extinctions in front of them (mag) and weights that a slice tells of: (3, groups).

    `observed` has the counts between the `edges` of color, the others are those of the modeled stars of the slice.
    """
    inside = np.flatnonzero((color > edges[0]) & (color < edges[-1]))
    number, size = observed.sum(), 0
    groups = int(min(number // _GROUP, _MOST_GROUPS))
    if groups:
        size = inside.size // groups
    if not size:
        return np.empty((3, 0))
    order = inside[np.argsort(color[inside])][: groups * size].reshape(groups, size)
    share = np.append(0.0, np.cumsum(observed)) / number
    rising = np.append(True, np.diff(share) > 0)
    matched = np.interp((np.arange(groups) + 0.5) / groups, share[rising], edges[rising])
    modeled, far, behind = (_medians(values[order]) for values in (color, distance, extinction))
    told = modeled > _REDDEST_DWARF
    weight = np.full(groups, number / groups)
    return np.stack([far, behind + (matched - modeled) / reddening, weight])[:, told]


def _medians(rows: np.ndarray) -> np.ndarray:
    """Median of each row; of few and short ones, which are sorted sooner than NumPy's median parts them."""
    low, high = (rows.shape[1] - 1) // 2, rows.shape[1] // 2
    return np.sort(rows, axis=1)[:, low : high + 1].mean(axis=1)
