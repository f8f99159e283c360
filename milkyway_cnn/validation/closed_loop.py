"""Mock skies through the chain of a run that is done: its network, its field, its settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn import cube, diagrams, prediction, samples
from milkyway_cnn.calibration import Calibration
from milkyway_cnn.comparison import coverage, rivals
from milkyway_cnn.comparison.scores import Score, against_truth, score
from milkyway_cnn.ensemble import Ensemble
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn import Network
from milkyway_cnn.sightlines import Grid, distance_edges
from milkyway_cnn.surveys.read import read_catalog
from milkyway_cnn.validation.mock_sky import observe_mock_sky
from milkyway_cnn.validation.skies import SKIES, Checkerboard, CubeDust, Dust, Screen

__all__ = ["Check", "Setting", "judged", "map_sky", "validate"]

#: Largest false structure behind a screen (mag per kpc) in steps of so many kpc, and the part behind it that is not
#: judged, within which the map cannot tell the screen's distance (kpc).
_FALSE, _STEP, _BEHIND = 0.3, 0.5, 0.5
#: Largest relative error of A_V on the disc and of the screen, largest A_V of the empty sky (mag), and least share of
#: the contrast of a checkerboard that the map must show [OC].
_ERROR, _NOTHING, _CONTRAST = 0.15, 0.1, 0.8
#: Least and largest share of the disc's true A_V that lies in the intervals.
_COVERAGE = {"coverage_68": (0.65, 0.71), "coverage_95": (0.92, 0.97)}


@dataclass(frozen=True)
class Check:
    """Whether a score is as it must be.

    Parameters
    ----------
    sky, name
        Of the mock sky, and of the score.
    score
        The score.
    at_most, at_least
        What it must not exceed or fall below; None for no bound.
    """

    sky: str
    name: str
    score: Score
    at_most: float | None = None
    at_least: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is within its bounds; an undefined score is not."""
        value = self.score["value"]
        if value is None:
            return False
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)


@dataclass(frozen=True)
class Setting:
    """The chain of a run, on the cells in the middle of its field.

    Parameters
    ----------
    folder
        Of the run.
    parameters
        Of the run.
    grid
        The cells.
    network, calibration
        The trained network, and what is known of its errors.
    """

    folder: Path
    parameters: Mapping[str, Any]
    grid: Grid
    network: Network
    calibration: Calibration

    @classmethod
    def of(cls, folder: str | Path, most: int = 120) -> Setting:
        """Take it from the folder of a run, with at most so many cells.

        Raises
        ------
        InputError
            When there is no trained network, or the run has other diagrams than 2mass.
        """
        folder = Path(folder)
        if not (folder / "run.json").is_file() or not (folder / "network" / "network.npz").is_file():
            msg = f"{folder} holds no run with a trained network; make one with: milkyway-cnn demo --output {folder}"
            raise InputError(msg)
        values = json.loads((folder / "run.json").read_text(encoding="utf-8"))["parameters"]
        if values["diagrams"] != ["2mass"]:
            msg = f"mock skies are observed by 2MASS alone, and {folder} has the diagrams {values['diagrams']}"
            raise InputError(msg)
        whole = Grid(*(values[name] for name in ("l_min", "l_max", "b_min", "b_max", "cell")))
        rows, columns = whole.shape
        rows = min(rows, max(1, int(np.sqrt(most))))
        columns = min(columns, max(1, most // rows))
        b_min, l_min = (
            low + whole.cell * ((count - kept) // 2)
            for low, count, kept in zip((whole.b_min, whole.l_min), whole.shape, (rows, columns), strict=True)
        )
        grid = Grid(l_min, l_min + columns * whole.cell, b_min, b_min + rows * whole.cell, whole.cell)
        network = folder / "network"
        return cls(
            folder,
            values,
            grid,
            Network.load(network / "network.npz"),
            Calibration.load(network / "calibration.zarr"),
        )

    @property
    def edges(self) -> np.ndarray:
        """Edges of the distance bins (kpc)."""
        return distance_edges(self.parameters["bins"], self.parameters["bin_width"])


def map_sky(
    setting: Setting, dust: Dust, catalog: Path, *, seed: int, ridge: rivals.Ridge | None = None
) -> dict[str, xr.Dataset]:
    """Observe a mock sky and map it: cubes by name, `truth`, `map`, and the rivals `classical` and `ridge`.

    The catalog that is written is read, counted and predicted from as any other is.
    """
    values, grid, edges = setting.parameters, setting.grid, setting.edges
    chosen = {name: values[name] for name in ("law", "R_V", "galaxy")}
    truth = observe_mock_sky(grid, catalog, seed=seed, dust=dust, edges=edges, **chosen)  # type: ignore[arg-type]
    observed = diagrams.observe_cells(read_catalog(catalog), grid)
    found = prediction.read_cells(
        Ensemble([setting.network]),
        observed,
        edges,
        calibration=setting.calibration,
        seed=values["seed"],
        least_coverage=values["least_coverage"],
        **chosen,
    )
    profiles = {
        "map": found["delta_A_V"].values,
        "classical": rivals.match_colors(observed, edges, seed=seed, **chosen),
    }
    if ridge is not None:
        everywhere = np.ones(grid.shape, bool)
        profiles["ridge"] = rivals.predict_cells(
            ridge, observed, everywhere, seed=values["seed"], galaxy=values["galaxy"]
        )
    reach = values["reach"]
    cubes = {"truth": cube.within(truth, reach)}
    for name, profile in profiles.items():
        beside = found.drop_vars("delta_A_V") if name == "map" else None
        cubes[name] = cube.build(profile, grid, edges, reach=reach, beside=beside)
    return cubes


def validate(
    run: str | Path,
    output: str | Path,
    *,
    skies: Iterable[str] = tuple(SKIES),
    dust: str | Path = "",
    seed: int = 1,
    most: int = 120,
    learned: int = 20_480,
    on_sky: Callable[[str], object] = lambda name: None,
) -> tuple[list[Check], dict[str, dict[str, xr.Dataset]]]:
    """Send mock skies through the chain of a run.

    Parameters
    ----------
    run
        Folder of a run that is done.
    output
        Folder of what comes out: for each sky its catalog and its cubes.
    skies
        Names of `SKIES`.
    dust
        A cube whose dust is one more sky, "cube".
    seed
        Of the skies.
    most
        Cells, at most.
    learned
        Examples from which the ridge regression learns.
    on_sky
        Told of each sky when it is done.

    Returns
    -------
    The checks, and the cubes of each sky.

    Raises
    ------
    InputError
        As `Setting.of`, and for a sky that is not known.
    """
    makers: dict[str, Dust] = {}
    for name in skies:
        if name not in SKIES:
            msg = f"there is no mock sky {name!r}; choose among {', '.join(SKIES)}"
            raise InputError(msg)
        makers[name] = SKIES[name](seed)
    if dust:
        makers["cube"] = CubeDust(cube.load(dust))
    setting, output = Setting.of(run, most), Path(output)
    validation = samples.load(setting.folder / "sample" / "validation.zarr")
    stream = samples.Stream.of(json.loads(validation.attrs["stream"]))
    ridge = rivals.fit_ridge(stream, validation, learned, relative=setting.parameters["relative"])
    checks, made = [], {}
    for name, model in makers.items():
        (output / name).mkdir(parents=True, exist_ok=True)
        cubes = map_sky(setting, model, output / name / "stars.fits", seed=seed + 1000, ridge=ridge)
        for what, each in cubes.items():
            cube.save(each, output / name / f"{what}.zarr")
        checks += judged(name, model, cubes)
        made[name] = cubes
        on_sky(name)
    return checks, made


def judged(sky: str, dust: Dust, cubes: Mapping[str, xr.Dataset]) -> list[Check]:
    """Check the map of a sky, and score its rivals without bounds; which checks, its dust decides."""
    truth, methods = cubes["truth"], [name for name in cubes if name != "truth"]
    checks = []
    for method in methods:
        own = method == "map"
        found = cubes[method]
        if isinstance(dust, Screen):
            total = score(_median(cube.integrate(found, min(8.0, _end(found)))), "mag", "median A_V over the cells")
            most = (1 + _ERROR) * dust.A_V or _NOTHING
            bounds = {"at_most": most, "at_least": (1 - _ERROR) * dust.A_V} if own else {}
            checks.append(Check(sky, f"{method}_A_V", total, **bounds))
            if dust.A_V:
                for name, each in behind(found, dust).items():
                    bound = _FALSE if own and name.startswith("false_structure") else None
                    checks.append(Check(sky, f"{method}_{name}", each, at_most=bound))
            continue
        scores = against_truth(found, truth)
        for name, each in scores.items():
            if name.startswith(("relative_error", "correlation_500pc")) and not name.endswith("sightline"):
                bound = _ERROR if own and name.startswith("relative_error") and sky == "disc" else None
                checks.append(Check(sky, f"{method}_{name}", each, at_most=bound))
        if own and "A_V_quantiles" in found:
            for name, each in coverage(found, truth).items():
                if name in _COVERAGE or name.startswith("deviation"):
                    low, high = _COVERAGE.get(name, (None, None)) if sky == "disc" else (None, None)
                    checks.append(Check(sky, f"{method}_{name}", each, at_least=low, at_most=high))
        if isinstance(dust, Checkerboard):
            checks.append(
                Check(sky, f"{method}_contrast", _contrast(dust, found, truth), at_least=_CONTRAST if own else None)
            )
    return checks


def behind(found: xr.Dataset, screen: Screen) -> dict[str, Score]:
    """What a map has behind a screen, where there is nothing, in steps of 500 pc within its horizon.

    `false_structure` is the largest mean over the cells of a step, `false_structure_95` the 95th percentile over
    all cells and steps, in mag per kpc.
    """
    steps = np.arange(np.ceil((screen.distance + _BEHIND) * 10) / 10, _end(found) + 1e-6, _STEP)
    values = np.stack([cube.integrate(found, near).values for near in steps])
    density = np.diff(values, axis=0) / _STEP
    if "horizon" in found:
        density = np.where(steps[1:, None, None] <= found["horizon"].transpose("b", "l").values + 1e-6, density, np.nan)
    seen = np.isfinite(density)
    means = [layer[kept].mean() for layer, kept in zip(density, seen, strict=True) if kept.any()]
    where = f"behind {screen.distance + _BEHIND:g} kpc, in steps of {_STEP * 1000:g} pc within the horizon"
    return {
        "false_structure": score(max(means, default=np.nan), "mag / kpc", f"largest mean over cells of a step {where}"),
        "false_structure_95": score(
            np.quantile(density[seen], 0.95) if seen.any() else np.nan,
            "mag / kpc",
            f"95 % of cells and steps lie below, {where}",
        ),
    }


def _contrast(board: Checkerboard, found: xr.Dataset, truth: xr.Dataset) -> Score:
    """Difference of A_V between odd and even squares over the true one."""
    to = min(4.0, _end(found))
    l, b = np.meshgrid(truth["l"].values, truth["b"].values)
    odd = board.odd(l, b)
    found_A_V, true_A_V = (cube.integrate(each, to).transpose("b", "l").values for each in (found, truth))
    differences = [np.nanmean(each[odd]) - np.nanmean(each[~odd]) for each in (found_A_V, true_A_V)]
    return score(
        differences[0] / differences[1], "1", f"contrast of A_V to {to:g} kpc between squares over the true one"
    )


def _end(found: xr.Dataset) -> float:
    return float(found["distance_edges"][-1])


def _median(values: xr.DataArray) -> float:
    return float(np.nanmedian(values.values))
