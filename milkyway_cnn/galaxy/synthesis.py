"""Star counts and star lists of the model Galaxy in any direction, without extinction and without errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.galaxy.besancon import BesanconCatalog, BesanconModel
from milkyway_cnn.galaxy.cells import Limits, cells_of, states_of_model
from milkyway_cnn.galaxy.density import GalaxyModel
from milkyway_cnn.galaxy.models import EMBEDDED
from milkyway_cnn.galaxy.stars import Stars, StateTable
from milkyway_cnn.galaxy.states import STEP
from milkyway_cnn.kernels.draws import fork
from milkyway_cnn.kernels.stars import draw_counts, draw_stars
from milkyway_cnn.surveys.registry import usable_bands

__all__ = ["expected_counts", "synthesize", "synthesize_chunks"]

# Square degrees of the whole sky.
_SKY = 41_253


@lru_cache(maxsize=8)
def _states_of_output(catalog: BesanconCatalog) -> StateTable:
    """What the stars of an output of the Besancon model can be: its rows."""
    # Colors do not ask for the luminosity, which not every output tells.
    atmosphere = np.stack([np.zeros(len(catalog)), catalog.log_teff, catalog.log_g, catalog.metallicity])
    unknown = np.full(len(catalog), np.nan, np.float32)
    return StateTable(atmosphere[None, None], STEP, catalog.mass, unknown, catalog.luminosity_class)


def _check(l: float, b: float, solid_angle: float) -> None:
    if not (np.isfinite(l) and -90.0 <= b <= 90.0):
        msg = f"direction l={l:g}, b={b:g} deg is not on the sky; give a finite l and -90 <= b <= 90"
        raise InputError(msg)
    if not 0.0 < solid_angle <= _SKY:
        msg = f"solid_angle (={solid_angle:g}) must be positive and at most the sky's {_SKY} square degrees"
        raise InputError(msg)


def _limits(faintest_J: float, faintest_Ks: float, faintest: Mapping[str, float] | None) -> Limits:
    """Bands and limiting magnitudes, which all must be kept."""
    chosen = {"J": faintest_J, "Ks": faintest_Ks} if faintest is None else faintest
    if not chosen:
        msg = "faintest names no band; give at least one limiting magnitude, for example {'G': 20.7}"
        raise InputError(msg)
    return tuple((band, float(chosen[band])) for band in usable_bands(chosen))


def _bright(stars: Stars, limits: Limits) -> Stars:
    """Return the stars inside all limits."""
    return stars[np.logical_and.reduce([stars.magnitude(band) < np.float32(limit) for band, limit in limits])]


def _drawn(
    catalog: BesanconCatalog,
    direction: tuple[float, float],
    solid_angle: float,
    seed: int,
    limits: Limits,
    farthest: float,
    chunk: int,
) -> Iterator[Stars]:
    """Draw the stars of a sightline from an output of the Besancon model, each as often as chance has it."""
    rows = _seen(catalog, limits, farthest)
    generator = np.random.default_rng((seed, *np.array(direction).view(np.uint64).tolist()))
    times = generator.poisson(solid_angle / catalog.solid_angle, len(rows))
    drawn = np.repeat(np.arange(len(rows)), times)
    for begin in range(0, max(drawn.size, 1), chunk):
        yield rows[drawn[begin : begin + chunk]]


def _seen(catalog: BesanconCatalog, limits: Limits, farthest: float) -> Stars:
    """Stars of an output of the Besancon model inside the limits."""
    rows = np.arange(len(catalog), dtype=np.int32)
    known = (catalog.distance, catalog.J, catalog.H, catalog.Ks, catalog.component)
    stars = _bright(Stars(*known, rows, np.zeros(rows.size, np.float32), _states_of_output(catalog)), limits)
    return stars[stars.distance < farthest]


def expected_counts(
    l: float,
    b: float,
    *,
    faintest_J: float = 15.8,
    faintest_Ks: float = 14.3,
    faintest: Mapping[str, float] | None = None,
    farthest: float = 25.0,
    model: GalaxyModel | BesanconModel = EMBEDDED,
) -> float:
    """Stars per square degree with J < faintest_J and Ks < faintest_Ks, or inside `faintest`, without extinction.

    An integral, not a draw; the metallicity gradient's small effect on the limits is left out.
    """
    _check(l, b, 1.0)
    limits = _limits(faintest_J, faintest_Ks, faintest)
    if isinstance(model, BesanconModel):
        catalog = model.nearest(l, b)
        return len(_seen(catalog, limits, farthest)) / catalog.solid_angle
    return float(cells_of(l, b, 1.0, limits, farthest, model, at="middle").expected.sum())


def synthesize(
    l: float,
    b: float,
    solid_angle: float,
    *,
    seed: int,
    faintest_J: float = 16.2,
    faintest_Ks: float = 14.7,
    faintest: Mapping[str, float] | None = None,
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
    faintest
        In place of these two: limiting magnitudes of any bands, all of which are kept. The same limits give the same
        stars, whatever bands are looked at.
    farthest
        Distance at which the sightline ends (kpc).
    model
        The Galaxy, or outputs of the Besancon model to draw from.

    Raises
    ------
    InputError
        When the direction, the solid angle or the distance is out of range, or a band is unknown.
    """
    chunks = list(
        synthesize_chunks(
            l,
            b,
            solid_angle,
            seed=seed,
            faintest_J=faintest_J,
            faintest_Ks=faintest_Ks,
            faintest=faintest,
            farthest=farthest,
            model=model,
        )
    )
    return Stars.concatenate(chunks)


def synthesize_chunks(
    l: float,
    b: float,
    solid_angle: float,
    *,
    seed: int,
    faintest_J: float = 16.2,
    faintest_Ks: float = 14.7,
    faintest: Mapping[str, float] | None = None,
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
    limits = _limits(faintest_J, faintest_Ks, faintest)
    if isinstance(model, BesanconModel):
        yield from _drawn(model.nearest(l, b), (float(l), float(b)), solid_angle, seed, limits, farthest, chunk)
        return
    cells = cells_of(l, b, solid_angle, limits, farthest, model, at="near")
    key = np.uint64(seed)
    for branch in np.array((l, b), dtype=np.float64).view(np.uint64):
        key = np.uint64(fork(key, branch))
    counts = np.empty(cells.near.size, np.int64)
    draw_counts(np.uint64(fork(key, np.uint64(0))), cells.expected, counts)
    first = np.concatenate(([0], np.cumsum(counts)))
    for begin in range(0, max(first[-1], 1), chunk):
        size = min(chunk, first[-1] - begin)
        distance, J, H, Ks = np.empty((4, size), np.float32)
        cell_of, state_of = np.empty((2, size), np.int32)
        draw_stars(
            np.uint64(fork(key, np.uint64(1))), begin, first, cells.near, cells.far, cells.metallicity, cells.start,
            cells.visible, cells.cumulative, cells.magnitudes, cells.slopes, distance, J, H, Ks, cell_of, state_of,
        )  # fmt: skip
        known = cells.component[cell_of], cells.order[state_of], cells.metallicity[cell_of]
        yield _bright(Stars(distance, J, H, Ks, *known, states_of_model(model)), limits)
