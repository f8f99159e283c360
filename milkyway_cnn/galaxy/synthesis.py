"""Star counts and star lists of the model Galaxy in any direction, without extinction and without errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.galaxy.besancon import BesanconModel
from milkyway_cnn.galaxy.density import GalaxyModel, density
from milkyway_cnn.galaxy.models import EMBEDDED
from milkyway_cnn.galaxy.populations import states
from milkyway_cnn.kernels.draws import fork
from milkyway_cnn.kernels.stars import draw_counts, draw_stars
from milkyway_cnn.sightlines import SQUARE_DEGREE, galactocentric

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = ["Stars", "expected_counts", "synthesize", "synthesize_chunks"]

# Square degrees of the whole sky.
_SKY = 41_253
# Distances from the nearest star on, in equal steps of distance modulus (mag).
_NEAREST, _STEP = 0.005, 0.02


@dataclass(frozen=True)
class Stars:
    """A star list: one row a star, ordered by distance step and component, not at random.

    Parameters
    ----------
    distance
        From the Sun (kpc): (stars,) float32.
    J, H, Ks
        Apparent magnitudes: (stars,) float32.
    component
        1 to 7 for the age classes of the thin disc, 8 thick disc, 9 spheroid, 10 bulge: (stars,) uint8.
    """

    distance: np.ndarray
    J: np.ndarray
    H: np.ndarray
    Ks: np.ndarray
    component: np.ndarray

    def __len__(self) -> int:
        return self.distance.size

    def table(self) -> QTable:
        """Return the stars as an astropy table with units."""
        from astropy import units as u
        from astropy.table import QTable

        bands = {band: getattr(self, band) * u.mag for band in ("J", "H", "Ks")}
        return QTable({"distance": self.distance * u.kpc, **bands, "component": self.component})


@dataclass(frozen=True)
class _Cells:
    """Steps of distance x components: volume x density (pc^3), what is visible, and the states, sorted."""

    near: np.ndarray
    far: np.ndarray
    volume: np.ndarray
    metallicity: np.ndarray
    start: np.ndarray
    visible: np.ndarray
    component: np.ndarray
    cumulative: np.ndarray
    magnitudes: np.ndarray
    slopes: np.ndarray

    @property
    def expected(self) -> np.ndarray:
        """Mean number of stars of each cell: (cells,) float64."""
        last = self.start + np.maximum(self.visible, 1) - 1
        return np.where(self.visible > 0, self.volume * self.cumulative[last], 0.0)


@dataclass(frozen=True)
class _Sorted:
    """States of all components in a row, in each component the ones first that are seen farthest."""

    start: np.ndarray
    keys: tuple[np.ndarray, ...]
    steepest: tuple[float, ...]
    cumulative: np.ndarray
    magnitudes: np.ndarray
    slopes: np.ndarray


@lru_cache(maxsize=8)
def _sorted_states(model: GalaxyModel, faintest_J: float, faintest_Ks: float) -> _Sorted:
    lists = [states(component, model.binary_fraction) for component in model.components]
    keys = [np.maximum(s.magnitudes[:, 0] - faintest_J, s.magnitudes[:, 2] - faintest_Ks) for s in lists]
    orders = [np.argsort(key, kind="stable") for key in keys]
    pairs = list(zip(lists, orders, strict=True))
    return _Sorted(
        start=np.cumsum([0] + [s.number.size for s in lists]),
        keys=tuple(key[order] for key, order in zip(keys, orders, strict=True)),
        steepest=tuple(float(np.abs(s.slopes).max()) for s in lists),
        cumulative=np.concatenate([np.cumsum(s.number[order]) for s, order in pairs]),
        magnitudes=np.concatenate([s.magnitudes[order] for s, order in pairs]),
        slopes=np.concatenate([s.slopes[order] for s, order in pairs]),
    )


def _cells(
    l: float,
    b: float,
    solid_angle: float,
    faintest_J: float,
    faintest_Ks: float,
    farthest: float,
    model: GalaxyModel,
    *,
    at: str,
) -> _Cells:
    """Cells of a sightline; what is visible is counted at the steps' near edges or at their middles."""
    if not _NEAREST < farthest < np.inf:
        msg = f"farthest (={farthest:g} kpc) must exceed {_NEAREST:g}; 25 holds the whole disc"
        raise InputError(msg)
    steps = int(np.ceil(5.0 * np.log10(farthest / _NEAREST) / _STEP))
    edges = np.minimum(_NEAREST * 10.0 ** (0.2 * _STEP * np.arange(steps + 1)), farthest)
    middle = np.sqrt(edges[:-1] * edges[1:])
    shell = 1e9 * solid_angle * SQUARE_DEGREE * np.diff(edges**3) / 3.0
    x, y, z = galactocentric(np.asarray(l), np.asarray(b), middle, model.r_sun, model.z_sun)
    relative = density(model, x, y, z)
    thin = np.arange(len(model.components)) < len(model.thin)
    metallicity = model.metallicity_gradient * thin[:, None] * (np.hypot(x, y) - model.r_sun)

    count = len(model.components)
    sorted_states = _sorted_states(model, faintest_J, faintest_Ks)
    modulus = 5.0 * np.log10(edges[:-1] if at == "near" else middle) + 10.0
    visible = []
    for key, steepest, dex in zip(sorted_states.keys, sorted_states.steepest, metallicity, strict=True):
        margin = np.abs(dex) * steepest + 1e-4 if at == "near" else 0.0
        visible.append(np.searchsorted(key, -modulus + margin))
    # Ordered by distance and then by component: what is drawn together lies together.
    return _Cells(
        near=np.repeat(edges[:-1], count).astype(np.float32),
        far=np.repeat(edges[1:], count).astype(np.float32),
        volume=(shell * relative).T.ravel(),
        metallicity=metallicity.T.astype(np.float32).ravel(),
        start=np.tile(sorted_states.start[:-1], steps),
        visible=np.array(visible).T.ravel(),
        component=np.tile(np.array(model.numbers, np.uint8), steps),
        cumulative=sorted_states.cumulative,
        magnitudes=sorted_states.magnitudes,
        slopes=sorted_states.slopes,
    )


def _check(l: float, b: float, solid_angle: float) -> None:
    if not (np.isfinite(l) and -90.0 <= b <= 90.0):
        msg = f"direction l={l:g}, b={b:g} deg is not on the sky; give a finite l and -90 <= b <= 90"
        raise InputError(msg)
    if not 0.0 < solid_angle <= _SKY:
        msg = f"solid_angle (={solid_angle:g}) must be positive and at most the sky's {_SKY} square degrees"
        raise InputError(msg)


def _drawn(
    model: BesanconModel,
    l: float,
    b: float,
    solid_angle: float,
    seed: int,
    faintest_J: float,
    faintest_Ks: float,
    farthest: float,
    chunk: int,
) -> Iterator[Stars]:
    """Draw the stars of a sightline from the nearest output of the Besancon model, each as often as chance has it."""
    catalog = model.nearest(l, b)
    seen = np.flatnonzero((faintest_J > catalog.J) & (catalog.Ks < faintest_Ks) & (catalog.distance < farthest))
    place = np.array((l, b), dtype=np.float64).view(np.uint64)
    generator = np.random.default_rng((seed, *place.tolist()))
    times = generator.poisson(solid_angle / catalog.solid_angle, seen.size)
    rows = np.repeat(seen, times)
    for begin in range(0, max(rows.size, 1), chunk):
        some = rows[begin : begin + chunk]
        yield Stars(*(getattr(catalog, field.name)[some] for field in fields(Stars)))


def expected_counts(
    l: float,
    b: float,
    *,
    faintest_J: float = 15.8,
    faintest_Ks: float = 14.3,
    farthest: float = 25.0,
    model: GalaxyModel | BesanconModel = EMBEDDED,
) -> float:
    """Stars per square degree with J < faintest_J and Ks < faintest_Ks, without extinction.

    An integral, not a draw; the metallicity gradient's small effect on the limits is left out.
    """
    _check(l, b, 1.0)
    if isinstance(model, BesanconModel):
        stars = model.nearest(l, b)
        seen = (faintest_J > stars.J) & (stars.Ks < faintest_Ks) & (stars.distance < farthest)
        return float(np.count_nonzero(seen) / stars.solid_angle)
    return float(_cells(l, b, 1.0, faintest_J, faintest_Ks, farthest, model, at="middle").expected.sum())


def synthesize(
    l: float,
    b: float,
    solid_angle: float,
    *,
    seed: int,
    faintest_J: float = 16.2,
    faintest_Ks: float = 14.7,
    farthest: float = 25.0,
    model: GalaxyModel | BesanconModel = EMBEDDED,
) -> Stars:
    """Draw the stars of a sightline, without extinction and without photometric errors.

    Parameters
    ----------
    l, b
        Galactic direction (deg).
    solid_angle
        Square degrees; the whole of it has the densities along (l, b).
    seed
        The same seed and direction give the same stars on any number of threads.
    faintest_J, faintest_Ks
        Only stars brighter than both are kept: what noise may scatter to the survey's limits.
    farthest
        Distance at which the sightline ends (kpc).
    model
        The Galaxy, or outputs of the Besancon model to draw from.

    Raises
    ------
    InputError
        When the direction, the solid angle or the distance is out of range.
    """
    chunks = list(
        synthesize_chunks(
            l,
            b,
            solid_angle,
            seed=seed,
            faintest_J=faintest_J,
            faintest_Ks=faintest_Ks,
            farthest=farthest,
            model=model,
        )
    )
    return Stars(*(np.concatenate([getattr(chunk, field.name) for chunk in chunks]) for field in fields(Stars)))


def synthesize_chunks(
    l: float,
    b: float,
    solid_angle: float,
    *,
    seed: int,
    faintest_J: float = 16.2,
    faintest_Ks: float = 14.7,
    farthest: float = 25.0,
    model: GalaxyModel | BesanconModel = EMBEDDED,
    chunk: int = 1 << 20,
) -> Iterator[Stars]:
    """Draw the stars of `synthesize` in turns of at most `chunk`, so that they never lie in memory together.

    Any `chunk` gives the same stars in the same order.
    """
    if chunk < 1:
        msg = f"chunk (={chunk}) must be at least 1 star; 1048576 of them take 25 MB"
        raise InputError(msg)
    _check(l, b, solid_angle)
    if isinstance(model, BesanconModel):
        yield from _drawn(model, l, b, solid_angle, seed, faintest_J, faintest_Ks, farthest, chunk)
        return
    cells = _cells(l, b, solid_angle, faintest_J, faintest_Ks, farthest, model, at="near")
    key = np.uint64(seed)
    for branch in np.array((l, b), dtype=np.float64).view(np.uint64):
        key = np.uint64(fork(key, branch))
    counts = np.empty(cells.near.size, np.int64)
    draw_counts(np.uint64(fork(key, np.uint64(0))), cells.expected, counts)
    first = np.concatenate(([0], np.cumsum(counts)))
    for begin in range(0, max(first[-1], 1), chunk):
        size = min(chunk, first[-1] - begin)
        distance, J, H, Ks = np.empty((4, size), np.float32)
        cell_of = np.empty(size, np.int32)
        draw_stars(
            np.uint64(fork(key, np.uint64(1))), begin, first, cells.near, cells.far, cells.metallicity, cells.start,
            cells.visible, cells.cumulative, cells.magnitudes, cells.slopes, distance, J, H, Ks, cell_of,
        )  # fmt: skip
        kept = (faintest_J > J) & (Ks < faintest_Ks)
        yield Stars(distance[kept], J[kept], H[kept], Ks[kept], cells.component[cell_of[kept]])
