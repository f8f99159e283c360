"""Prediction: observed diagrams in, extinction profiles out, cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr

from milkyway_cnn.calibration import QUANTILES, Calibration
from milkyway_cnn.diagrams import over_channels
from milkyway_cnn.ensemble import Ensemble, Read
from milkyway_cnn.errors import InputError
from milkyway_cnn.expected import bare_of
from milkyway_cnn.extinction.law import DEFAULT
from milkyway_cnn.extinction.never_falling import never_falling
from milkyway_cnn.forward import AREA, Modeled
from milkyway_cnn.galaxy.models import Galaxy, chosen
from milkyway_cnn.kernels.workers import workers
from milkyway_cnn.profile_network import channels
from milkyway_cnn.refinement import MEASURES, Refinement
from milkyway_cnn.sightlines import spaced
from milkyway_cnn.surveys.diagrams import Diagram, diagram_named

__all__ = ["bare_cells", "predict", "read_cells"]

#: Largest step of longitude between directions with modeled stars (deg) [OC].
_STEP = 2.0
#: Least standard deviation of draws (mag) that is brought to that of the calibration: near the Sun there may be none.
_LEAST = 1e-4


def bare_cells(
    observed: xr.Dataset,
    *,
    seed: int,
    kinds: Sequence[Diagram | str] | None = None,
    galaxy: str | Galaxy = "embedded",
    on_cell: Callable[[int], None] = lambda cells: None,
) -> xr.DataArray:
    """Model the diagram of every cell as it would be without dust.

    Along longitude, where the sky without dust changes slowly, cells between two directions with modeled stars have the
    diagram that lies between theirs.

    Parameters
    ----------
    observed
        `diagrams.observe_cells` of a catalog on a grid: its coordinates and solid angles are used.
    kinds
        Its diagrams, where they are not those of the table that have their names.
    galaxy
        Whose stars these are: a Galaxy, a model's name, or a path, see `milkyway_cnn.galaxy.models.chosen`.

    Returns
    -------
    Expected stars per pixel, (b, l, magnitude, color) or (b, l, channel, magnitude, color) float32.
    """
    named, model = _named(observed, kinds), chosen(galaxy)
    bare = np.empty(observed["diagram"].shape, np.float32)
    longitudes = observed["l"].values
    for row, (b, area) in enumerate(zip(observed["b"].values, observed["solid_angle"].values, strict=True)):
        drawn = max(AREA, float(area))
        images = [
            [bare_of(kind, float(l), float(b), drawn, seed=seed, model=model) for kind in named]
            for l in spaced(longitudes, _STEP)
        ]
        bare[row] = _between(longitudes, images, float(area)).reshape(bare[row].shape)
        on_cell(len(longitudes))
    return _labeled(bare, observed)


def _named(observed: xr.Dataset, kinds: Sequence[Diagram | str] | None) -> list[Diagram]:
    names = kinds or observed.attrs["diagrams"]
    return [diagram_named(kind) if isinstance(kind, str) else kind for kind in names]


def _between(longitudes: np.ndarray, images: Sequence[Sequence[np.ndarray]], area: float) -> np.ndarray:
    """Diagrams of cells, linearly between those per square degree of the `spaced` directions: (cells, kinds, ...)."""
    modeled, scaled = spaced(longitudes, _STEP), [np.float32(area) * np.array(each) for each in images]
    last = len(modeled) - 1
    cells = np.empty((len(longitudes), *scaled[0].shape), np.float32)
    for cell, x in zip(cells, np.interp(longitudes, modeled, np.arange(len(modeled))), strict=True):
        before = max(min(int(x), last - 1), 0)
        share = np.float32(x - before)
        cell[:] = (1 - share) * scaled[before] + share * scaled[min(before + 1, last)]
    return cells


def _labeled(bare: np.ndarray, observed: xr.Dataset) -> xr.DataArray:
    return xr.DataArray(bare, observed["diagram"].coords, observed["diagram"].dims, attrs={"units": "stars / pixel"})


def read_cells(
    ensemble: Ensemble,
    observed: xr.Dataset,
    edges: np.ndarray,
    *,
    calibration: Calibration,
    seed: int,
    least_coverage: float = 0.9,
    keep_draws: bool = False,
    kinds: Sequence[Diagram | str] | None = None,
    galaxy: str | Galaxy = "embedded",
    law: str = DEFAULT,
    R_V: float = 3.1,
    on_cell: Callable[[int], None] = lambda cells: None,
) -> xr.Dataset:
    """Read every cell beside its bare diagram, and judge what was read by the same modeled stars.

    Row by row of latitude: the stars of a direction are modeled once, for the bare diagrams and for the judgment.

    Parameters
    ----------
    ensemble, observed, calibration, least_coverage, keep_draws
        As for `predict`.
    edges
        Of the distance bins (kpc): (bins + 1,).
    seed, kinds, galaxy, on_cell
        As for `bare_cells`.
    law, R_V
        The extinction law.

    Returns
    -------
    What `predict` does, refined by the same stars if the calibration is of refined profiles, and beside it on (b, l),
    float32 and NaN in cells not read: `horizon` (kpc), see `extinction.horizon`, and `deviance`, how far the diagram is
    from the one expected behind what was read, see `judgment`; 1 for one that is as far off as 1 % of the examples.
    """
    named, model, longitudes = _named(observed, kinds), chosen(galaxy), observed["l"].values
    modeled = spaced(longitudes, _STEP)
    nearest = np.abs(longitudes[:, None] - modeled).argmin(axis=1)
    refinement = calibration.refinement
    rows = []
    for row, b in enumerate(observed["b"].values):
        some = observed.isel(b=[row]).load()
        area, images = float(some["solid_angle"][0]), some["diagram"].values[0]
        around = max(AREA, area)

        def towards(l: float, b: float = float(b), around: float = around) -> Modeled:
            return Modeled.towards(named, l, b, edges, law, R_V, seed, model, around)

        with workers() as pool:
            directions = list(pool.map(towards, map(float, modeled)))
        bare = _between(longitudes, [each.bare for each in directions], area)
        found = predict(
            replace(ensemble, seed=ensemble.seed + row * len(longitudes)),
            some,
            _labeled(bare.reshape(some["diagram"].shape), some),
            calibration=calibration,
            least_coverage=least_coverage,
            keep_draws=keep_draws,
            refined=partial(_refined, refinement, directions, nearest, images, area) if refinement else None,
        )
        judged = _judged(calibration, directions, nearest, images, found["delta_A_V"].values[0], area)
        rows.append(found.assign(horizon=(("b", "l"), judged[:1]), deviance=(("b", "l"), judged[1:])))
        on_cell(len(longitudes))
    return xr.concat(rows, "b")


def _judged(
    calibration: Calibration,
    directions: Sequence[Modeled],
    nearest: np.ndarray,
    images: np.ndarray,
    profiles: np.ndarray,
    area: float,
) -> np.ndarray:
    """Horizon and deviance of the cells of a row: (2, cells) float32, NaN where nothing is read."""
    judged = np.full((2, len(profiles)), np.nan, np.float32)

    def judge(direction: int) -> None:
        stars = directions[direction]
        told = np.flatnonzero((nearest == direction) & np.isfinite(profiles[:, 0]))
        judged[0, told] = stars.horizons(profiles[told], area)
        if told.size:
            differences = np.array([stars.differences(images[cell], profiles[cell], area) for cell in told])
            counted = images[told].reshape(len(told), -1).sum(axis=1)
            A_V = np.maximum(profiles[told], 0.0).sum(axis=1)
            judged[1, told] = calibration.judgment(differences, counted, A_V)

    with workers() as pool:
        list(pool.map(judge, range(len(directions))))
    return judged


def _refined(
    refinement: Refinement,
    directions: Sequence[Modeled],
    nearest: np.ndarray,
    images: np.ndarray,
    area: float,
    told: np.ndarray,
    read: Read,
    draw: int,
) -> Read:
    """Refine what was read from the images of cells `told`, by the stars of the direction that is nearest to each."""
    if not told.size:
        return read._replace(fit=np.empty((0, MEASURES)), A_V_draws=np.empty((0, draw, read.delta_A_V.shape[1])))
    order = [np.flatnonzero(nearest[told] == direction) for direction in range(len(directions))]

    def of(stars: Modeled, some: np.ndarray) -> Read:
        values = Read(*(each[some] for each in read))
        return refinement.towards(stars)(images[told[some]], values, area, draw)

    with workers() as pool:
        each = [(stars, some) for stars, some in zip(directions, order, strict=True) if some.size]
        parts = list(pool.map(of, *zip(*each, strict=True)))
    back = np.argsort(np.concatenate(order))
    return Read(*(np.concatenate(column)[back] for column in zip(*parts, strict=True)))


def predict(
    ensemble: Ensemble,
    observed: xr.Dataset,
    bare: xr.DataArray,
    *,
    calibration: Calibration | None = None,
    least_coverage: float = 0.9,
    keep_draws: bool = False,
    refined: Callable[[np.ndarray, Read, int], Read] | None = None,
) -> xr.Dataset:
    """Read the profile of every cell from its diagram, and how sure that is.

    Parameters
    ----------
    ensemble
        Networks trained on diagrams of the same axes.
    observed, bare
        `diagrams.observe_cells` and `bare_cells` of the same grid.
    calibration
        Of the ensemble; without it there are no quantiles, and no standard deviations but those over draws.
    least_coverage
        Cells of which the catalog covers less are not read: missing sky looks like dust.
    keep_draws
        Return the draws of the ensemble as well. With a calibration they scatter by its standard deviations: each is
        moved away from their mean by the factor that is missing, distance by distance.
    refined
        Given which cells were read, what was read, and how many draws are kept: returns it refined.

    Returns
    -------
    On (b, l, distance), float32 and NaN in cells not read: `delta_A_V`, the extinction added per bin (mag, of either
    sign), and its standard deviation `delta_A_V_std`; `A_V_std`, that of the extinction to the far edge of the bin;
    on (quantile, b, l, distance) `A_V_quantiles` and `delta_A_V_quantiles`; on (b, l) `novelty` and `nearest`; on
    (draw, b, l, distance) `A_V_samples`, which never fall with distance; on (b, l, distance) `delta_A_V_network`,
    what was read before it was refined.

    Raises
    ------
    InputError
        When draws are to be kept of an ensemble that makes but one.
    """
    draws = ensemble.draws if refined is None else ensemble.samples
    if keep_draws and draws < 2:
        ways = "samples and dropout, or an ensemble of runs" if refined is None else "samples to their number"
        msg = f"keep_draws = True keeps draws, and there are {draws}; set {ways}"
        raise InputError(msg)
    place = observed["diagram"].dims[:-3] if "channel" in observed.dims else observed["diagram"].dims[:-2]
    shape = [observed.sizes[axis] for axis in place]
    images = observed["diagram"].values.reshape(-1, *observed["diagram"].shape[len(shape) :])
    told = (over_channels(observed)["coverage"].values >= least_coverage).ravel()
    pairs = channels(images[told], bare.values.reshape(images.shape)[told])
    read = ensemble.read(pairs, keep_draws=keep_draws and refined is None)
    found: dict[str, np.ndarray] = {}
    if refined is not None:
        found["delta_A_V_network"] = read.delta_A_V
        read = refined(np.flatnonzero(told), read, draws if keep_draws else 0)
    found["delta_A_V"] = read.delta_A_V
    total = never_falling(read.delta_A_V.cumsum(axis=1, dtype=np.float64))
    A_V_std, delta_A_V_std = np.sqrt(read.A_V_variance), np.sqrt(read.delta_A_V_variance)
    drawn = np.maximum(A_V_std, _LEAST)
    if calibration is not None:
        A_V_std, delta_A_V_std = calibration.deviations(read)
        quantiles = np.moveaxis(total + A_V_std * calibration.A_V_quantiles[:, None, :], 0, 1)
        steps = read.delta_A_V + delta_A_V_std * calibration.delta_A_V_quantiles[:, None, :]
        found |= {"A_V_std": A_V_std, "delta_A_V_std": delta_A_V_std, "novelty": calibration.novelty(read.features)}
        found["nearest"] = np.full(len(read.features), calibration.nearest)
        found["A_V_quantiles"] = never_falling(quantiles)
        found["delta_A_V_quantiles"] = np.moveaxis(np.maximum(steps, 0.0), 0, 1)
    elif ensemble.draws > 1:
        found |= {"A_V_std": A_V_std, "delta_A_V_std": delta_A_V_std}
    if keep_draws:
        off = read.A_V_draws - read.delta_A_V.cumsum(axis=1)[:, None]
        found["A_V_samples"] = never_falling(total[:, None] + off * (A_V_std / drawn)[:, None])
    fields = {}
    for name, values in found.items():
        cells = np.full((len(told), *values.shape[1:]), np.nan, np.float32)
        cells[told] = values
        cells = cells.reshape(*shape, *values.shape[1:])
        lead = "draw" if name == "A_V_samples" else "quantile"
        inner = (lead, "distance")[3 - values.ndim :] if values.ndim > 1 else ()
        fields[name] = xr.DataArray(cells, dims=(*place, *inner)).transpose(*inner[:-1], *place, *inner[-1:])
    coords = {"quantile": QUANTILES} if calibration is not None else {}
    return xr.Dataset(fields, coords | ({"draw": np.arange(draws)} if keep_draws else {}))
