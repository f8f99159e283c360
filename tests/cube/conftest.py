"""A cube with everything that a cube may hold."""

import numpy as np
import pytest
import xarray as xr

from milkyway_cnn import cube
from milkyway_cnn.cube.fields import described, dimensions
from milkyway_cnn.sightlines import Grid, distance_edges

QUANTILES = np.array([0.025, 0.16, 0.5, 0.84, 0.975])


def with_everything(grid: Grid, bins: int = 12, draws: int = 5, seed: int = 1) -> xr.Dataset:
    """Normal errors of 20 % of A_V, a horizon at half the distance, flags of any kind, one cell empty."""
    random = np.random.default_rng(seed)
    shape = (*grid.shape, bins)
    delta = random.random(shape, dtype=np.float32)
    delta[0, 0] = np.nan
    plain = cube.build(delta, grid, distance_edges(bins, 0.1), stars=random.integers(0, 99, grid.shape))
    A_V, deviate = plain["A_V"].values, np.array([-1.959964, -0.9944579, 0.0, 0.9944579, 1.959964])
    fields = {
        "A_V_std": 0.2 * A_V,
        "delta_A_V_std": 0.2 * plain["delta_A_V"].values,
        "A_V_quantiles": A_V * (1 + 0.2 * deviate[:, None, None, None]),
        "delta_A_V_quantiles": plain["delta_A_V"].values * (1 + 0.2 * deviate[:, None, None, None]),
        "A_V_samples": A_V * (1 + 0.2 * random.standard_normal((draws, 1, 1, 1))),
        "flags": random.integers(0, 16, shape),
        "horizon": np.full(grid.shape, 0.05 * bins),
        "novelty": random.random(grid.shape),
        "deviance": random.random(grid.shape),
        "coverage": random.random(grid.shape),
        "nearest": 0.05 + 0.1 * random.random(grid.shape),
    }
    kind = {"flags": np.uint8}
    held = {name: (dimensions(name), values.astype(kind.get(name, np.float32))) for name, values in fields.items()}
    full = plain.assign(held).assign_coords(quantile=QUANTILES, draw=np.arange(draws))
    return described(full.assign_attrs(list=[1, [2, "three"]], nothing=None, yes=True, **{"π": "Σ"}, note="a\nb"))


@pytest.fixture(scope="session")
def everything() -> xr.Dataset:
    """Across l = 0, on 12 x 20 cells of 0.5 deg and 12 bins of 100 pc."""
    return with_everything(Grid(355, 365, -4, 2, 0.5))


@pytest.fixture(scope="session")
def pixels(everything: xr.Dataset) -> xr.Dataset:
    """The same in HEALPix pixels."""
    return cube.to_healpix(everything, 64)


@pytest.fixture
def tall() -> xr.Dataset:
    """With more rows and draws than a chunk of a file has."""
    return with_everything(Grid(355, 357, -12, 11, 0.5), bins=3, draws=27)
