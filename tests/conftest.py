"""What all tests share: settings, and cubes on which the maps, their views and their scores are tested."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import settings

from milkyway_cnn import cube
from milkyway_cnn.extinction.diffuse import diffuse_dust
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.sightlines import Grid, distance_edges, galactocentric

# Without bytecode that is kept, each of the processes that the tests start compiles all libraries anew, for seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The first call of a kernel compiles it; a deadline would blame the drawn example for that.
settings.register_profile("kernels compile", deadline=None)
settings.load_profile("kernels compile")


def points(grid: Grid, edges: np.ndarray) -> tuple[np.ndarray, ...]:
    """l, b, distance of the bin centers, each (b, l, bins)."""
    center = (edges[1:] + edges[:-1]) / 2
    return tuple(np.broadcast_arrays(grid.l[None, :, None], grid.b[:, None, None], center[None, None, :]))


@pytest.fixture(scope="session")
def carina() -> xr.Dataset:
    """Smooth disc and a cloud at l = 284.5 deg, b = 0.5 deg, 2.35 kpc."""
    grid, edges = Grid(257, 303, -5, 5, 1.0), distance_edges()
    l, b, distance = points(grid, edges)
    cloud = 0.8 * np.exp(-0.5 * (((l - 284.5) / 2) ** 2 + (b - 0.5) ** 2 + ((distance - 2.35) / 0.15) ** 2))
    delta = diffuse_dust(*galactocentric(l, b, distance)) * 0.1 + cloud
    return cube.build(delta, grid, edges, stars=np.full(grid.shape, 500), attrs={"seed": 1, "note": "made up"})


@pytest.fixture(scope="session")
def noisy(carina: xr.Dataset) -> xr.Dataset:
    """The same with noise of either sign, and without the two easternmost cells of the lowest row."""
    noise = np.random.default_rng(1).normal(0, 0.02, carina["delta_A_V"].shape)
    delta = (carina["delta_A_V"].values + noise).astype(np.float32)
    delta[0, -2:] = np.nan
    return cube.build(delta, Grid(257, 303, -5, 5, 1.0), carina["distance_edges"].values)


@pytest.fixture(scope="session")
def orion() -> xr.Dataset:
    """A single cloud at 430 pc, away from the plane, with standard deviations."""
    grid, edges = Grid(207, 216, -20.5, -18, 0.5), distance_edges(60, 0.05)
    l, b, distance = points(grid, edges)
    screen = np.exp(-0.5 * (((l - 211.5) / 2) ** 2 + ((b + 19.3) / 0.5) ** 2))
    delta = screen * np.exp(-0.5 * ((distance - 0.43) / 0.06) ** 2)
    beside = xr.Dataset({"delta_A_V_std": (("b", "l", "distance"), (0.2 * delta + 0.01).astype(np.float32))})
    return cube.build(delta, grid, edges, reach=2.0, beside=beside)


@pytest.fixture(scope="session")
def besancon_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as the Besancon model's service writes it: 0.1 square degrees at l = 280 deg, b = 0.

    Its stars are those of the embedded Galaxy, twice as many as there are.
    """
    stars = synthesize(280.0, 0.0, 0.2, seed=5)
    path = tmp_path_factory.mktemp("besancon") / "besancon_l280_b0.txt"
    with path.open("w") as file:
        file.write("# V J-K H-K V-K Mv CL Typ Teff logg Pop Age Mass Mbol [M/H] longitude latitude Dist Av\n")
        for d, J, H, K, component in zip(stars.distance, stars.J, stars.H, stars.Ks, stars.component, strict=True):
            file.write(f"{K + 3:.4f} {J - K:.4f} {H - K:.4f} 3.0 5.0 5 6.0 5000 4.5 {component} 5.0 1.0 5.0 0.0")
            file.write(f" 280.0 0.0 {d:.5f} 0.0\n")
        file.write(f"# Solid angle 0.1 square degree\n# TOTAL NUMBER OF STARS : {len(stars)}\n")
    return path
