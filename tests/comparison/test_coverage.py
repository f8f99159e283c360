"""Coverage of a map whose errors are Gaussian and known."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from milkyway_cnn import cube
from milkyway_cnn.comparison.coverage import coverage, coverage_figure, ranks
from milkyway_cnn.sightlines import Grid, distance_edges

GRID, EDGES = Grid(10, 20, -5, 5, 0.25), distance_edges(25, 0.1)
LEVELS = np.array([0.025, 0.16, 0.5, 0.84, 0.975])


@pytest.fixture(scope="module")
def pair():
    """A map with errors of 0.2 mag, said to be so, and a horizon at 2 kpc; and its truth."""
    truth = cube.build(np.full((*GRID.shape, 25), 0.1, np.float32), GRID, EDGES)
    total = truth["A_V"].values + 0.2 * np.random.default_rng(1).standard_normal(truth["A_V"].shape)
    axes = ("b", "l", "distance")
    quantiles = total + 0.2 * norm.ppf(LEVELS)[:, None, None, None]
    beside = xr.Dataset(
        {
            "A_V_std": (axes, np.full(total.shape, 0.2)),
            "A_V_quantiles": (("quantile", *axes), quantiles),
            "horizon": (axes[:2], np.full(GRID.shape, 2.0)),
        },
        {"quantile": LEVELS},
    )
    made = cube.build(np.full((*GRID.shape, 25), 0.1, np.float32), GRID, EDGES, beside=beside)
    return made.assign(A_V=(axes, total)), truth


def test_intervals_cover_what_they_say(pair):
    made, truth = pair
    found = {name: each["value"] for name, each in coverage(made, truth).items()}
    assert found["coverage_68"] == pytest.approx(0.68, abs=0.01)
    assert found["coverage_95"] == pytest.approx(0.95, abs=0.005)
    assert found["coverage_68_2kpc"] == pytest.approx(0.68, abs=0.04) and "coverage_68_4kpc" not in found
    assert found["deviation_mean"] == pytest.approx(0.0, abs=0.02)
    assert found["deviation_rms"] == pytest.approx(1.0, abs=0.02)
    assert found["beyond_horizon"] == pytest.approx(0.2)
    assert (made["flags"].isel(distance=slice(20)) == 0).all() and (
        made["flags"].isel(distance=slice(20, None)) == 1
    ).all()
    expected, share = ranks(made, truth)
    np.testing.assert_allclose(share, expected, atol=0.01)


def test_intervals_that_are_too_narrow_are_found_out(pair):
    made, truth = pair
    narrow = made.assign(A_V_quantiles=made["A_V"] + 0.5 * (made["A_V_quantiles"] - made["A_V"]))
    assert coverage(narrow, truth)["coverage_68"]["value"] == pytest.approx(0.38, abs=0.02)
    assert coverage_figure(narrow, truth)._repr_png_()[:4] == b"\x89PNG"
