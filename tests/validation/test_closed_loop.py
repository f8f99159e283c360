"""Mock skies through the chain, with a network that is made up, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn import cube, samples
from milkyway_cnn.calibration import Calibration
from milkyway_cnn.cli import main
from milkyway_cnn.ensemble import Ensemble
from milkyway_cnn.errors import InputError
from milkyway_cnn.pipeline.parameters import Parameters
from milkyway_cnn.profile_network import build
from milkyway_cnn.sightlines import Grid, distance_edges, solid_angle
from milkyway_cnn.validation import Checkerboard, CubeDust, Screen, judged, validate

EDGES = distance_edges()
GRID = Grid(284, 286, -1, 1, 0.5)
REGION = {"l_min": 284.0, "l_max": 286.0, "b_min": -1.0, "b_max": 1.0}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a network that has learned nothing."""
    folder = tmp_path_factory.mktemp("run")
    area = solid_angle(0.5, np.array([-0.25]), np.array([0.25]))
    stream = samples.Stream([(285.0, 0.0)], area, EDGES, seed=1)
    samples.store(stream, "validation", 32, folder / "sample" / "validation.zarr")
    (folder / "network").mkdir()
    build("C5x5.2/4-P2-D16-D128", bins=128, seed=1).save(folder / "network" / "network.npz")
    sample = samples.load(folder / "sample" / "validation.zarr")
    Calibration.of(Ensemble.of([folder]), sample).save(folder / "network" / "calibration.zarr")
    (folder / "run.json").write_text(json.dumps({"parameters": Parameters(**REGION).model_dump()}))
    return folder


def test_the_command_maps_the_skies_and_says_what_fails(run: Path, tmp_path: Path, capsys) -> None:
    words = ["validate", str(run), "--skies", "screen,empty", "--cells", "4", "--output", str(tmp_path / "out")]
    assert main(words) == 1  # such a network finds no screen
    said = capsys.readouterr().out
    assert "FAILS  screen" in said and "classical_A_V" in said and "ridge_A_V" in said
    found = json.loads((tmp_path / "out" / "validation.json").read_text())
    assert {row["sky"] for row in found} == {"screen", "empty"}
    classical = next(row for row in found if row["name"] == "classical_A_V" and row["sky"] == "screen")
    assert classical["value"] == pytest.approx(3.0, abs=0.3)
    assert "data:image/png" in (tmp_path / "out" / "validation.html").read_text()
    truth = cube.load(tmp_path / "out" / "screen" / "truth.zarr")
    assert truth.sizes["l"] * truth.sizes["b"] == 4 and float(truth["A_V"].max()) == pytest.approx(3.0)


def test_what_cannot_be_validated_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run with a trained network; make one with: milkyway-cnn demo"):
        validate(tmp_path, tmp_path)
    with pytest.raises(InputError, match="no mock sky 'snow'; choose among disc, screen, empty, checkerboard"):
        validate(run, tmp_path, skies=["snow"])


def test_a_cube_of_dust_is_seen_as_it_is(carina) -> None:
    l, b = np.array([284.5, 290.2, 100.0]), np.array([0.5, -3.3, 0.0])
    found = CubeDust(carina).integrate(l, b, EDGES[:101])
    for ray, (x, y) in enumerate(zip(l[:2], b[:2], strict=True)):
        expected = carina["delta_A_V"].sel(l=x, b=y, method="nearest").values[:100]
        np.testing.assert_allclose(found[ray], expected, atol=1e-5)
    assert not found[2].any()


def made(profile: np.ndarray) -> dict:
    return {
        "truth": cube.build(np.zeros((*GRID.shape, 128), np.float32), GRID, EDGES),
        "map": cube.build(np.broadcast_to(profile, (*GRID.shape, 128)).astype(np.float32), GRID, EDGES),
    }


@pytest.mark.parametrize(("density", "holds"), [(0.2, True), (0.4, False)])
def test_structure_behind_the_screen_is_found(density: float, holds: bool) -> None:
    profile = np.zeros(128)
    profile[2], profile[30:40] = 3.0, density / 10
    checks = {check.name: check for check in judged("screen", Screen(), made(profile))}
    assert checks["map_false_structure"].holds is holds
    assert checks["map_false_structure"].score["value"] == pytest.approx(density, rel=0.01)


def test_a_checkerboard_that_is_smeared_fails() -> None:
    board = Checkerboard()
    l, b = np.meshgrid(GRID.l, GRID.b)
    profiles = board.integrate(l.ravel(), b.ravel(), EDGES).reshape(*GRID.shape, -1)
    truth = cube.build(profiles, GRID, EDGES)
    smeared = cube.build((profiles + profiles.mean(axis=(0, 1))) / 2, GRID, EDGES)
    contrast = {}
    for name, found in (("sharp", truth), ("smeared", smeared)):
        checks = judged("checkerboard", board, {"truth": truth, "map": found})
        contrast[name] = next(check for check in checks if check.name == "map_contrast")
    assert contrast["sharp"].holds and contrast["sharp"].score["value"] == pytest.approx(1, abs=1e-4)
    assert not contrast["smeared"].holds and contrast["smeared"].score["value"] == pytest.approx(0.5, abs=0.01)
