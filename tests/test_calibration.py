"""Spreads against errors whose law is known, and a sample's own, small."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from milkyway_cnn import calibration, cube, prediction, samples
from milkyway_cnn.calibration import QUANTILES, Calibration, log_variance_weights
from milkyway_cnn.diagrams import observe_cells
from milkyway_cnn.ensemble import Ensemble, Read
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.never_falling import never_falling
from milkyway_cnn.nn import features
from milkyway_cnn.profile_network import build
from milkyway_cnn.sightlines import Grid, distance_edges
from milkyway_cnn.surveys.catalog import Catalog

ARCHITECTURE = "C5x5.2/4-P2-D32-D16"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    stream = samples.Stream([(215.0, -19.0)], np.array([0.1]), distance_edges(16, 0.2), seed=1)
    other = stream.on([(212.0, -19.0), (218.0, -18.5)], np.array([0.1, 0.2]))
    path = tmp_path_factory.mktemp("sample") / "calibration.zarr"
    samples.store(other, "validation", 512, path)
    return samples.load(path)


def network(seed=1, dropout=0.0):
    return build(ARCHITECTURE, bins=16, seed=seed, dropout=dropout)


def test_a_linear_log_variance_is_found():
    rng = np.random.default_rng(1)
    x = np.concatenate([np.ones((20_000, 1)), rng.normal(size=(20_000, 2))], axis=1)
    weights = np.array([[0.5, -1.0], [0.6, 0.0], [-0.3, 0.4]])
    errors = rng.normal(size=(20_000, 2)) * np.exp(0.5 * (x @ weights))
    np.testing.assert_allclose(log_variance_weights(x, errors), weights, atol=0.05)


def test_features_are_what_the_last_layer_multiplies():
    own = network()
    x = np.random.default_rng(1).integers(0, 9, (150, 2, 64, 64)).astype(np.uint16)
    weights, bias = (parameter.value for parameter in own.layers[-1].parameters)
    seen = features.features(own, x)
    assert seen.shape == (150, 32)
    np.testing.assert_allclose((seen @ weights.T + bias) * own.output_scale, own.predict(x), rtol=1e-4, atol=1e-5)


def test_curves_never_fall_and_stay_near():
    curves = np.array([[1.0, 3.0, 2.0, 4.0], [-1.0, 0.5, 0.5, 1.0], [0.1, 0.2, 0.3, 0.4]])
    found = never_falling(curves)
    np.testing.assert_allclose(found, [[1.0, 2.5, 2.5, 4.0], [0.0, 0.5, 0.5, 1.0], [0.1, 0.2, 0.3, 0.4]])


def test_quantiles_hold_on_examples_like_those_they_come_from(sample, tmp_path):
    own = Ensemble([network()])
    made = Calibration.of(own, sample)
    made.save(tmp_path / "calibration.zarr")
    stored = Calibration.load(tmp_path / "calibration.zarr")
    np.testing.assert_array_equal(stored.A_V_weights, made.A_V_weights)
    read = own.read(np.asarray(prediction_inputs(sample)))
    second = sample["sightline"].values % 2 == 1
    true = np.cumsum(sample["delta_A_V"].values, axis=1)
    mean = never_falling(np.cumsum(read.delta_A_V, axis=1))
    below = true < mean + made.deviations(read)[0] * made.A_V_quantiles[:, None, :]
    np.testing.assert_allclose(below[:, second].mean(axis=(1, 2)), QUANTILES, atol=0.03)
    assert np.mean(made.novelty(read.features[second]) > 1) == pytest.approx(0.01, abs=0.005)
    assert made.novelty(read.features[second] + 10 * read.features.std(axis=0)).min() > 1
    with pytest.raises(InputError, match="is no calibration of a network; train the run again"):
        Calibration.load(tmp_path)


def prediction_inputs(sample):
    from milkyway_cnn.training import Inputs

    return Inputs(sample)


def test_no_diagrams_are_read_as_none():
    read = Ensemble([network()]).read(np.zeros((0, 2, 64, 64), np.uint16))
    assert read.delta_A_V.shape == (0, 16) and read.features.shape == (0, 32) and read.fit.shape == (0, 0)


def test_draws_and_members_widen_the_spread(sample):
    images = np.asarray(prediction_inputs(sample))[:40]
    alone = Ensemble([network()], samples=5).read(images)
    assert not alone.A_V_variance.any()  # no dropout, one network
    draws = Ensemble([network(dropout=0.3)], samples=50).read(images)
    members = Ensemble([network(), network(2)])
    several = members.read(images)
    assert members.draws == 2 and draws.A_V_variance.min() > 0
    each = np.stack([network(seed).predict(images) for seed in (1, 2)])
    np.testing.assert_allclose(several.delta_A_V, each.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(several.A_V_variance, np.cumsum(each, axis=2).var(axis=0), rtol=1e-3, atol=1e-6)
    made = Calibration.of(members, sample)
    narrow = made.deviations(Read(*(value * (number == 3) for number, value in enumerate(several))))
    assert all((wide >= thin).all() for wide, thin in zip(made.deviations(several), narrow, strict=True))
    with pytest.raises(InputError, match=r"network 2 of the ensemble reads .* choose runs with the same diagrams"):
        Ensemble([network(), build(ARCHITECTURE, bins=8)])


def test_a_cube_holds_the_spread_and_says_where_to_doubt(sample):
    rng = np.random.default_rng(1)
    Ks = rng.uniform(9, 14, 8000).astype(np.float32)
    columns = {"J": Ks + 0.6, "H": Ks + 0.1, "Ks": Ks}
    columns |= {f"{band}_error": np.full(Ks.size, 0.03, np.float32) for band in ("J", "H", "Ks")}
    stars = Catalog(rng.uniform(215, 215.5, Ks.size), rng.uniform(-19, -18.5, Ks.size), columns)
    grid, own = Grid(215.0, 216.0, -19.0, -18.5, 0.5), Ensemble([network()])
    observed = observe_cells(stars, grid)
    bare = xr.zeros_like(observed["diagram"], np.float32) + 1
    found = prediction.predict(own, observed, bare, calibration=Calibration.of(own, sample))
    made = cube.build(found["delta_A_V"].values, grid, distance_edges(16, 0.2), beside=found.drop_vars("delta_A_V"))
    assert made["A_V_quantiles"].dims == ("quantile", "b", "l", "distance")
    assert made["quantile"].values.tolist() == [0.025, 0.16, 0.5, 0.84, 0.975]
    inside = made["A_V_quantiles"].isel(l=0)
    assert (inside.diff("quantile") >= 0).all() and (inside.diff("distance") >= 0).all() and (inside >= 0).all()
    assert (made["A_V_std"].isel(l=0) > 0).all() and made["A_V_std"].isel(l=1).isnull().all()
    assert made["flags"].dtype == np.uint8 and (made["flags"].isel(l=1) == 8).all()
    # A diagram as no Galaxy has it, and a network that has learned nothing: it follows no dust but in the last bin.
    assert float(made["nearest"][0, 0]) == pytest.approx(3.2)
    assert (made["flags"].isel(l=0) == 2 + 16 * (np.arange(16) < 15)).all()
    assert made["A_V"].attrs["ancillary_variables"] == "A_V_std A_V_quantiles flags"


def test_the_map_follows_the_dust_from_where_it_grows_as_the_dust_does():
    from milkyway_cnn.calibration import _nearest

    rng, edges = np.random.default_rng(1), distance_edges(4, 0.1)
    true = rng.gamma(1.0, 1.0, (4000, 4))
    slopes = np.array([0.5, 0.9, 1.0, 0.95])  # what leans again farther away is another matter
    found = slopes * true + rng.normal(0, 0.1, true.shape)
    assert _nearest(true, found, edges) == pytest.approx(0.3)  # the first A_V that follows is that to 0.3 kpc
    assert _nearest(true, true, edges) == 0.0 and _nearest(true, 0 * true, edges) == pytest.approx(0.4)


def test_standardized_errors_of_a_gaussian_have_its_quantiles():
    from milkyway_cnn.calibration import _quantiles

    found = _quantiles(np.random.default_rng(1).normal(size=(4000, 30)))
    np.testing.assert_allclose(found, np.broadcast_to(norm.ppf(QUANTILES)[:, None], found.shape), atol=0.1)


def test_profiles_that_are_refined_have_intervals_of_their_own(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "_REFINED", 40)
    own = Ensemble([network()], samples=3)
    made = Calibration.of(own, sample, 2)
    made.save(tmp_path / "calibration.zarr")
    stored = Calibration.load(tmp_path / "calibration.zarr")
    assert stored.refinement == made.refinement and stored.refinement.steps == 2
    np.testing.assert_array_equal(stored.A_V_weights, made.A_V_weights)
    # A sky of stars on one half of the field.
    rng = np.random.default_rng(1)
    Ks = rng.uniform(9, 14, 800).astype(np.float32)
    columns = {"J": Ks + 0.7, "H": Ks + 0.2, "Ks": Ks}
    columns |= {f"{band}_error": np.full(Ks.size, 0.03, np.float32) for band in ("J", "H", "Ks")}
    stars = Catalog(rng.uniform(215, 215.5, Ks.size), rng.uniform(-19, -18.5, Ks.size), columns)
    observed = observe_cells(stars, Grid(215.0, 216.0, -19.5, -18.5, 0.5))
    found = prediction.read_cells(own, observed, distance_edges(16, 0.2), calibration=stored, seed=1, keep_draws=True)
    assert found["delta_A_V_network"].dims == ("b", "l", "distance") and found["A_V_samples"].sizes["draw"] == 3
    seen, unseen = found.isel(b=1, l=0), found.isel(b=0)  # a row without any star
    assert (seen["delta_A_V"] > 0).all() and not np.allclose(seen["delta_A_V"], seen["delta_A_V_network"])
    assert (seen["A_V_std"] > 0).all() and (seen["A_V_quantiles"].diff("quantile") >= 0).all()
    assert (seen["A_V_samples"].diff("distance") >= 0).all()
    assert all(unseen[name].isnull().all() for name in ("delta_A_V", "delta_A_V_network", "A_V_samples", "deviance"))
