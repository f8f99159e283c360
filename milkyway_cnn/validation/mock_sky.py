"""A mock sky: the model Galaxy seen by 2MASS through a known dust model, as a catalog file and its truth.

Whatever reads the catalog cannot tell it from a real one; the truth has the form of the map that comes out at
the other end of the chain.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from milkyway_cnn import cube
from milkyway_cnn.extinction.dust import MockDust
from milkyway_cnn.extinction.law import DEFAULT, ratio
from milkyway_cnn.galaxy.models import Galaxy, chosen, describe
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.kernels.workers import workers
from milkyway_cnn.sightlines import Grid, distance_edges
from milkyway_cnn.surveys import twomass
from milkyway_cnn.surveys.catalog import Catalog, concatenate
from milkyway_cnn.surveys.diagrams import Diagram
from milkyway_cnn.surveys.observe import observe
from milkyway_cnn.surveys.registry import SURVEYS
from milkyway_cnn.surveys.write import ROW, write_catalog, writing_catalog

__all__ = ["mock_catalog", "observe_mock_sky", "observe_mock_survey", "star_seed"]

_BANDS = ("J", "H", "Ks")


def observe_mock_sky(
    grid: Grid,
    path: str | os.PathLike[str],
    *,
    seed: int,
    dust: MockDust | None = None,
    edges: np.ndarray | None = None,
    rays: int = 4,
    faintest_J: float = 16.0,
    faintest_Ks: float = 14.5,
    law: str = DEFAULT,
    R_V: float = 3.1,
    galaxy: str | Galaxy = "embedded",
    on_cells: Callable[[int], object] = lambda done: None,
) -> xr.Dataset:
    """Observe the model Galaxy through mock dust: write the catalog, return the truth.

    The stars of each cell of the grid are scattered over it at random and reddened along the nearest of
    rays x rays rays, so that the extinction differs inside a cell. Each band of each star is detected with the
    survey's completeness in a field of that many stars, and measured with its error; an undetected band is
    written as an upper limit, a star without any detection is not written. Rows are in random order within
    strips of a cell's width in longitude.

    Parameters
    ----------
    grid
        Cells of the sky.
    path
        FITS table to write, with the columns of VizieR's 2MASS. The same arguments write the same bytes.
    seed
        Of stars, positions, errors and detections, and of the dust if none is given.
    dust
        The dust model; by default `MockDust(seed)`.
    edges
        Distance bin edges (kpc), equally spaced from 0: (bins + 1,); by default 128 bins of 100 pc. There is no
        dust beyond the last.
    rays
        Rays along each side of a cell.
    faintest_J, faintest_Ks
        Stars that would be fainter without dust are not observed (mag).
    law, R_V
        Extinction law of the dust, see `milkyway_cnn.extinction.law`.
    galaxy
        Whose stars these are: a Galaxy, a model's name, or a path, see `milkyway_cnn.galaxy.models.chosen`.
    on_cells
        Told how many further cells are done.

    Returns
    -------
    xarray.Dataset
        A cube (see `cube.build`): `delta_A_V` and `A_V` (mag) on (b, l, distance), means over the rays of a
        cell. `cube.save` and `cube.load` keep it.
    """
    dust = MockDust(seed) if dust is None else dust
    edges = distance_edges() if edges is None else edges
    l, b = _ray_directions(grid, rays)
    delta_A_V = dust.integrate(l.ravel(), b.ravel(), edges).reshape(*grid.shape, rays**2, -1)
    A_V = np.zeros((*delta_A_V.shape[:-1], len(edges)), np.float32)
    np.cumsum(delta_A_V, axis=-1, out=A_V[..., 1:])

    def cell(row: int, column: int) -> np.ndarray:
        return _observe_cell(
            grid, row, column, A_V[row, column], edges[-1], rays, seed, faintest_J, faintest_Ks, per_A_V, model
        )

    model = chosen(galaxy)
    per_A_V = {band: np.float32(ratio(band, law, R_V)) for band in _BANDS}
    rows, columns = grid.shape
    with writing_catalog(path) as append, workers() as pool:
        for column in range(columns):
            strip = np.concatenate(list(pool.map(cell, range(rows), [column] * rows)))
            append(strip[_generator(seed, column).permutation(len(strip))])
            on_cells(rows)
    truth = cube.build(delta_A_V.mean(axis=2), grid, edges, reach=float(edges[-1]), attrs={"seed": seed, "rays": rays})
    galaxy = json.dumps(describe(model))
    return truth.drop_vars("delta_A_V_raw").assign_attrs(
        title="Extinction of a mock sky", dust=repr(dust), galaxy=galaxy
    )


def _ray_directions(grid: Grid, rays: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions l, b (deg) of the rays of every cell: (b, l, ray in b, ray in l)."""
    offset = ((np.arange(rays) + 0.5) / rays - 0.5) * grid.cell
    shape = (*grid.shape, rays, rays)
    l = np.broadcast_to((grid.l[:, None] + offset)[None, :, None, :], shape)
    b = np.broadcast_to((grid.b[:, None] + offset)[:, None, :, None], shape)
    return l, b


def star_seed(seed: int, column: int, row: int) -> int:
    """Seed of the stars of a cell.

    It is not the seed of the run: with that one the chain draws its model stars in the same directions, and the
    diagrams that it expects without dust would hold the stars that it observes.
    """
    return int(np.random.SeedSequence(seed, spawn_key=(column, row, 0)).generate_state(1, np.uint64)[0])


def _generator(seed: int, *place: int) -> np.random.Generator:
    """Random numbers of a place on the grid, whatever is drawn elsewhere."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=place))


def _observe_cell(
    grid: Grid,
    row: int,
    column: int,
    A_V: np.ndarray,
    reach: float,
    rays: int,
    seed: int,
    faintest_J: float,
    faintest_Ks: float,
    per_A_V: Mapping[str, np.float32],
    model: Galaxy,
) -> np.ndarray:
    """Catalog rows of one cell, given A_V (mag) at the bin edges along its rays: (rays^2, bins + 1)."""
    solid_angle = grid.solid_angle[row]
    stars = synthesize(
        grid.l[column],
        grid.b[row],
        solid_angle,
        seed=star_seed(seed, column, row),
        faintest_J=faintest_J,
        faintest_Ks=faintest_Ks,
        model=model,
    )
    random = _generator(seed, column, row)
    u, v = random.random((2, len(stars)))
    ray = (v * rays).astype(int) * rays + (u * rays).astype(int)
    # All rays in one table: the place in it never passes the last edge of a star's own ray.
    bins = A_V.shape[1] - 1
    place = ray * (bins + 1) + np.minimum(stars.distance * (bins / reach), bins)
    extinction = np.interp(place, np.arange(A_V.size), A_V.ravel()).astype(np.float32)
    dimmed = {band: getattr(stars, band) + part * extinction for band, part in per_A_V.items()}
    density = np.count_nonzero((dimmed["J"] < twomass.SAFE.J) & (dimmed["Ks"] < twomass.SAFE.Ks)) / solid_angle

    table = np.empty(len(stars), ROW)
    detected = np.zeros(len(stars), bool)
    for band, magnitude in dimmed.items():
        found = random.random(len(stars)) < twomass.completeness(magnitude, band, density)
        limit = np.float32(twomass.BANDS[band].half - twomass.confusion_shift(density))
        magnitude = np.where(found, magnitude, limit)
        error = twomass.magnitude_error(magnitude, band)
        name = band[0] + "mag"  # Kmag for Ks
        table[name] = magnitude + error * random.standard_normal(len(stars), np.float32)
        table["e_" + name] = np.where(found, error, np.nan)
        detected |= found
    sine_low, sine_high = np.sin(np.radians(grid.b[row] + np.array([-0.5, 0.5]) * grid.cell))
    table["GLON"] = (grid.l[column] + (u - 0.5) * grid.cell) % 360.0
    table["GLAT"] = np.degrees(np.arcsin(sine_low + v * (sine_high - sine_low)))
    return table[detected]


def mock_catalog(folder: Path, kind: Diagram) -> Path:
    """Where the catalog of a mock sky for a diagram lies: stars.fits for that of the default, else one of its own."""
    return folder / ("stars.fits" if kind.name == "2mass" else f"{kind.name.replace('/', '_against_')}.fits")


def observe_mock_survey(
    kind: Diagram,
    grid: Grid,
    path: str | os.PathLike[str],
    *,
    seed: int,
    dust: MockDust | None = None,
    edges: np.ndarray | None = None,
    rays: int = 4,
    law: str = DEFAULT,
    R_V: float = 3.1,
    galaxy: str | Galaxy = "embedded",
    on_cells: Callable[[int], object] = lambda done: None,
) -> None:
    """Observe the sky of `observe_mock_sky` with the survey of a diagram: write the stars that it can count.

    The dust is the same; the stars are drawn anew, for the diagrams of different surveys are compared with none of
    each other's stars.

    Parameters
    ----------
    kind
        Its columns are written, of stars up to 0.4 mag fainter without dust than it accepts.
    path
        Catalog to write (see `surveys.write.write_catalog`). The same arguments write the same bytes.
    grid, seed, dust, edges, rays, law, R_V, galaxy, on_cells
        As for `observe_mock_sky`.
    """
    dust = MockDust(seed) if dust is None else dust
    edges = distance_edges() if edges is None else edges
    l, b = _ray_directions(grid, rays)
    delta_A_V = dust.integrate(l.ravel(), b.ravel(), edges).reshape(*grid.shape, rays**2, -1)

    def cell(place: tuple[int, int]) -> Catalog:
        return _observe_kind(kind, grid, place[0], place[1], delta_A_V[place], edges, rays, seed, law, R_V, model)

    model = chosen(galaxy)
    parts = []
    with workers() as pool:
        for part in pool.map(cell, np.ndindex(*grid.shape)):
            parts.append(part)
            on_cells(1)
    write_catalog(concatenate(parts), path)


def _observe_kind(
    kind: Diagram,
    grid: Grid,
    row: int,
    column: int,
    delta_A_V: np.ndarray,
    edges: np.ndarray,
    rays: int,
    seed: int,
    law: str,
    R_V: float,
    model: Galaxy,
) -> Catalog:
    """Stars of one cell as a survey lists them, given the extinction of the bins along its rays."""
    solid_angle = grid.solid_angle[row]
    entropy = np.random.SeedSequence(seed, spawn_key=(column, row, 1 + list(SURVEYS).index(kind.noise)))
    star_seed, error_seed = (int(word) for word in entropy.generate_state(2, np.uint64))
    limits = {band: limit + 0.4 for band, limit in kind.faintest}
    stars = synthesize(grid.l[column], grid.b[row], solid_angle, seed=star_seed, faintest=limits, model=model)
    u, v = np.random.default_rng(entropy).random((2, len(stars)))
    ray = (v * rays).astype(int) * rays + (u * rays).astype(int)
    A_V = np.zeros(len(stars), np.float32)
    for number in range(rays**2):
        here = ray == number
        A_V[here] = stars[here].behind(edges, delta_A_V[number])
    bands = [name for name in kind.columns if name != "parallax"]
    dimmed = {band: stars.reddened(band, A_V, law, R_V) for band in bands}
    inside = np.logical_and.reduce([dimmed[band] < limit for band, limit in kind.faintest])
    columns = observe(
        dimmed,
        SURVEYS[kind.noise],
        seed=error_seed,
        star_density=float(np.count_nonzero(inside) / solid_angle),
        parallax=stars.parallax() if "parallax" in kind.columns else None,
    )
    sine_low, sine_high = np.sin(np.radians(grid.b[row] + np.array([-0.5, 0.5]) * grid.cell))
    l = (grid.l[column] + (u - 0.5) * grid.cell) % 360.0
    b = np.degrees(np.arcsin(sine_low + v * (sine_high - sine_low)))
    return Catalog(l, b, columns).select(np.logical_or.reduce([np.isfinite(columns[band]) for band in bands]))
