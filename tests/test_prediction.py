"""Cells read and judged by the same modeled stars, and draws of several networks on their way into a cube."""

import numpy as np
import pytest
import xarray as xr
from astropy import units as u
from astropy.coordinates import SkyCoord

from milkyway_cnn import cube, prediction, samples
from milkyway_cnn.calibration import Calibration
from milkyway_cnn.diagrams import observe_cells
from milkyway_cnn.ensemble import Ensemble
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.never_falling import never_falling
from milkyway_cnn.profile_network import build, channels
from milkyway_cnn.sightlines import Grid, distance_edges
from milkyway_cnn.surveys.catalog import Catalog

EDGES, GRID = distance_edges(16, 0.2), Grid(215.0, 218.0, -19.5, -18.5, 0.5)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Two that have learned nothing, one of them with dropout, in files."""
    folder = tmp_path_factory.mktemp("networks")
    for name, seed, dropout in (("a", 1, 0.3), ("b", 2, 0.0)):
        build("C5x5.2/4-P2-D32-D16", bins=16, seed=seed, dropout=dropout).save(folder / f"{name}.npz")
    return [folder / "a.npz", folder / "b.npz"]


@pytest.fixture(scope="module")
def calibration(networks, tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "calibration.zarr"
    stream = samples.Stream([(215.0, -19.0), (218.0, -19.0)], np.array([0.2, 0.2]), EDGES, seed=1)
    samples.store(stream, "validation", 256, path)
    return Calibration.of(Ensemble.of(networks, samples=3), samples.load(path))


@pytest.fixture(scope="module")
def observed():
    """Cells of which the last column is empty."""
    rng = np.random.default_rng(1)
    n = 30_000
    Ks = rng.uniform(9, 14, n).astype(np.float32)
    columns = {"J": Ks + 0.6, "H": Ks + 0.1, "Ks": Ks}
    columns |= {f"{band}_error": np.full(n, 0.03, np.float32) for band in ("J", "H", "Ks")}
    return observe_cells(Catalog(rng.uniform(215, 217.5, n), rng.uniform(-19.5, -18.5, n), columns), GRID)


def test_cells_are_read_as_by_their_bare_diagrams_and_judged_beside(networks, calibration, observed):
    own = Ensemble.of(networks[1:])
    done = []
    found = prediction.read_cells(own, observed, EDGES, calibration=calibration, seed=1, on_cell=done.append)
    bare = prediction.bare_cells(observed, seed=1)
    alone = prediction.predict(own, observed, bare, calibration=calibration)
    for name in alone:
        np.testing.assert_allclose(found[name].values, alone[name].values, rtol=1e-4, atol=1e-5)
    assert sum(done) == observed["stars"].size
    told = found["delta_A_V"].notnull().all("distance")
    assert told[:, :-1].all() and not told[:, -1].any()
    for name in ("horizon", "deviance"):
        assert found[name].dims == ("b", "l") and (found[name].notnull() == told).all()
        assert (found[name].isel(l=slice(-1)) >= 0).all()


def test_draws_of_an_ensemble_come_out_of_the_cube(networks, calibration, observed, tmp_path):
    several = Ensemble.of(networks, samples=20, seed=1)
    found = prediction.read_cells(several, observed, EDGES, calibration=calibration, seed=1, keep_draws=True)
    drawn = found["A_V_samples"]
    assert drawn.dims == ("draw", "b", "l", "distance") and drawn.sizes["draw"] == several.draws == 21
    inside = drawn.isel(l=slice(-1))
    assert (inside.diff("distance") >= 0).all() and (inside >= 0).all()
    # About their mean they scatter by the standard deviation of the calibration, before they are kept from falling.
    bare = prediction.bare_cells(observed, seed=1).values[0, :-1]
    read = several.read(channels(observed["diagram"].values[0, :-1], bare), keep_draws=True)
    mean = read.A_V_draws.mean(axis=1, keepdims=True)
    off = (read.A_V_draws - mean) / read.A_V_draws.std(axis=1, keepdims=True)
    spread = found["A_V_std"].values[0, :-1, None]
    expected = never_falling(never_falling(mean) + off * spread)
    np.testing.assert_allclose(drawn[:, 0, :-1].transpose("l", "draw", "distance"), expected, rtol=1e-3, atol=1e-3)
    assert not np.array_equal(drawn[:, 0, 0], drawn[:, 1, 0])  # rows have draws of their own
    dust = cube.build(found["delta_A_V"].values, GRID, EDGES, beside=found.drop_vars("delta_A_V"))
    cube.save(dust, tmp_path / "cube.zarr")
    query = cube.CubeQuery.read(tmp_path / "cube.zarr")
    place = SkyCoord(215.25 * u.deg, -19.25 * u.deg, distance=2.0 * u.kpc, frame="galactic")
    np.testing.assert_allclose(query(place, mode="samples"), drawn[:, 0, 0, 9], rtol=1e-6)


def test_one_draw_is_none(networks, observed):
    bare = xr.zeros_like(observed["diagram"], np.float32)
    with pytest.raises(InputError, match="keep_draws = True keeps draws, and there are 1; set samples"):
        prediction.predict(Ensemble.of(networks[1:]), observed, bare, keep_draws=True)
