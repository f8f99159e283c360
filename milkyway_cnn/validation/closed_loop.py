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
from milkyway_cnn.comparison import rivals
from milkyway_cnn.ensemble import Ensemble
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn import Network
from milkyway_cnn.sightlines import Grid, distance_edges
from milkyway_cnn.surveys.read import read_catalog
from milkyway_cnn.validation.checks import Check, judged
from milkyway_cnn.validation.mock_sky import observe_mock_sky
from milkyway_cnn.validation.skies import SKIES, CubeDust, Dust

__all__ = ["Setting", "map_sky", "validate"]


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
    setting: Setting, dust: Dust, catalog: Path, *, seed: int, ridge: rivals.Ridge | None = None, galaxy: str = ""
) -> dict[str, xr.Dataset]:
    """Observe a mock sky and map it: cubes by name, `truth`, `map`, and the rivals `classical` and `ridge`.

    The catalog that is written is read, counted and predicted from as any other is. Where profiles are refined,
    `network` holds them as they were before. `galaxy` names the model whose stars the sky has; by default that of the
    run, whose network and rivals know no other.
    """
    values, grid, edges = setting.parameters, setting.grid, setting.edges
    chosen = {name: values[name] for name in ("law", "R_V", "galaxy")}
    of_sky = chosen | {"galaxy": galaxy or values["galaxy"]}
    truth = observe_mock_sky(grid, catalog, seed=seed, dust=dust, edges=edges, **of_sky)  # type: ignore[arg-type]
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
    if "delta_A_V_network" in found:
        profiles["network"] = found["delta_A_V_network"].values
        found = found.drop_vars("delta_A_V_network")
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
    galaxy: str = "",
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
    galaxy
        Whose stars the skies have, see `map_sky`.
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
        cubes = map_sky(setting, model, output / name / "stars.fits", seed=seed + 1000, ridge=ridge, galaxy=galaxy)
        for what, each in cubes.items():
            cube.save(each, output / name / f"{what}.zarr")
        checks += judged(name, model, cubes)
        made[name] = cubes
        on_sky(name)
    return checks, made
