"""Training and prediction end to end, small: learns, resumes exactly, and reads a cell."""

import shutil

import numpy as np
import pytest
import xarray as xr

from milkyway_cnn import diagrams, prediction, samples, training
from milkyway_cnn.batches import Stored
from milkyway_cnn.ensemble import Ensemble
from milkyway_cnn.errors import InputError
from milkyway_cnn.expected import bare_of
from milkyway_cnn.nn import Network
from milkyway_cnn.sightlines import Grid, distance_edges
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.diagrams import DIAGRAMS

PLAN = training.Plan(network="C5x5.2/4-P2-D32-D16", batch=32, examples_per_epoch=256, epochs=3)


@pytest.fixture(scope="module")
def stream():
    return samples.Stream([(215.0, -19.0), (220.0, -19.0)], np.array([0.1, 0.1]), distance_edges(16, 0.2), seed=1)


@pytest.fixture(scope="module")
def validation(stream, tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "validation.zarr"
    samples.store(stream, "validation", 64, path)
    return samples.load(path)


def _train(stream, validation, folder, epochs=None):
    folder.mkdir(exist_ok=True)
    return training.train(stream, validation, PLAN, folder, seed=2)


def test_the_loss_falls_and_the_best_network_is_kept(stream, validation, tmp_path):
    records = list(_train(stream, validation, tmp_path))
    assert [record.epoch for record in records] == [1, 2, 3]
    assert records[-1].validation_loss < records[0].validation_loss
    history = training.history(records)
    assert history["loss"].dims == ("epoch",)
    assert Network.load(tmp_path / "network.npz").output_shape == (16,)


def test_an_interrupted_training_ends_as_an_uninterrupted_one(stream, validation, tmp_path):
    whole = list(_train(stream, validation, tmp_path / "whole"))
    interrupted = _train(stream, validation, tmp_path / "parts")
    next(interrupted)
    interrupted.close()
    resumed = list(_train(stream, validation, tmp_path / "parts"))
    assert [r.loss for r in resumed] == [r.loss for r in whole]
    x = np.random.default_rng(1).integers(0, 9, (3, 2, 64, 64)).astype(np.float32)
    networks = [Network.load(tmp_path / name / "network.npz") for name in ("whole", "parts")]
    np.testing.assert_array_equal(networks[0].predict(x), networks[1].predict(x))


@pytest.fixture(scope="module")
def stored(stream, tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "training.zarr"
    samples.store(stream, "training", 200, path, chunk=64)
    return path


def test_a_stored_sample_is_learned_from_again_and_again(stream, stored, validation, tmp_path):
    seen, counted = [], []
    sample = samples.load(stored)
    batches = Stored(sample, 32, lambda profiles, horizon: (profiles, horizon), seed=2)
    assert batches.steps == 7
    for epoch in range(2):
        seen.append([np.concatenate(parts) for parts in zip(*batches(epoch), strict=True)])
    made = stream.examples(0, 200)
    order = [np.lexsort(images[:, 0].reshape(200, -1).T) for images, _, _ in seen]
    expected = np.lexsort(made.diagrams.reshape(200, -1).T)
    assert not np.array_equal(seen[0][1], seen[1][1])
    for (images, profiles, horizon), mine in zip(seen, order, strict=True):
        np.testing.assert_array_equal(images[mine, 0], made.diagrams[expected])
        np.testing.assert_array_equal(images[mine, 1], made.bare[expected])
        np.testing.assert_array_equal(profiles[mine], made.delta_A_V[expected])
        np.testing.assert_array_equal(horizon[mine], made.horizon[expected])

    count = training.train(
        sample, validation, PLAN, tmp_path / "whole", seed=2, on_batch=lambda epoch, n, loss: counted.append(n)
    )
    (tmp_path / "whole").mkdir()
    whole = list(count)
    assert sum(counted) == 3 * 200 and len(whole) == 3
    assert whole[-1].validation_loss < whole[0].validation_loss
    parts = training.train(sample, validation, PLAN, tmp_path / "parts", seed=2)
    (tmp_path / "parts").mkdir()
    next(parts)
    parts.close()
    resumed = list(training.train(samples.load(stored), validation, PLAN, tmp_path / "parts", seed=2))
    assert [record.loss for record in resumed] == [record.loss for record in whole]


def test_a_sample_that_cannot_be_learned_from_is_refused(stream, stored, validation, tmp_path):
    with pytest.raises(InputError, match=r"validation.zarr holds the validation split; learn from a sample of"):
        next(training.train(validation, validation, PLAN, tmp_path, seed=2))
    other = samples.Stream(stream.sightlines, stream.solid_angle, stream.edges, seed=7, law="F04")
    samples.store(other, "training", 32, tmp_path / "other.zarr")
    with pytest.raises(InputError, match=r"other.zarr was made with another seed, law than the validation sample"):
        next(training.train(samples.load(tmp_path / "other.zarr"), validation, PLAN, tmp_path, seed=2))
    broken = shutil.copytree(stored, tmp_path / "broken.zarr")
    (broken / "diagram" / "c" / "1" / "0" / "0").write_bytes(b"nonsense")
    with pytest.raises(
        InputError, match=r"broken.zarr is damaged \(.*\); 'milkyway-cnn sample .*broken.zarr' mends it"
    ):
        next(training.train(samples.load(broken), validation, PLAN, tmp_path, seed=2))


def test_an_epoch_shorter_than_a_batch_is_refused(stream, validation, tmp_path):
    plan = training.Plan(batch=512, examples_per_epoch=256)
    with pytest.raises(InputError, match="must hold at least one batch"):
        next(training.train(stream, validation, plan, tmp_path, seed=1))


def test_it_stops_early_when_nothing_improves(stream, validation, tmp_path):
    plan = training.Plan(
        network=PLAN.network, learning_rate=1e-12, final_learning_rate=1e-12, clip=0.0, batch=32,
        examples_per_epoch=32, epochs=9, patience=2,
    )  # fmt: skip
    records = list(training.train(stream, validation, plan, tmp_path, seed=1))
    losses = [record.validation_loss for record in records]
    assert len(records) == losses.index(min(losses)) + 3 < 9
    history = xr.open_zarr(tmp_path / "history.zarr", consolidated=False, chunks=None)
    np.testing.assert_array_equal(history["validation_loss"], losses)


def test_what_is_learned_behind_the_horizon():
    edges = distance_edges(3, 1.0)
    profiles, horizon = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]], np.float32), np.array([2.0, 3.0], np.float32)
    goal = {name: training.Plan(horizon=name).goal(profiles, horizon, edges) for name in ("keep", "zero", "mask")}
    np.testing.assert_array_equal(goal["keep"][0], profiles)
    np.testing.assert_allclose(goal["keep"][1], [[1 / 7], [1 / 2]])
    np.testing.assert_array_equal(goal["zero"][0], [[1.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(goal["zero"][1], goal["keep"][1])
    np.testing.assert_array_equal(goal["mask"][0], profiles)
    np.testing.assert_allclose(goal["mask"][1], [[1 / 7, 1 / 7, 0.0], [1 / 2, 1 / 2, 1 / 2]])


def test_inputs_are_read_as_they_are_sliced(stream, validation):
    inputs, made = training.Inputs(validation), stream.examples(0, 64, "validation")
    assert len(inputs) == 64
    np.testing.assert_array_equal(inputs[3:5][:, 0], made.diagrams[3:5])
    np.testing.assert_array_equal(np.asarray(inputs)[:, 1], made.bare)


def test_sgd_with_exponential_decay_trains_too(stream, validation, tmp_path):
    plan = training.Plan(
        network=PLAN.network, optimizer="sgd", schedule="exponential", learning_rate=1e-3, batch=32,
        examples_per_epoch=64, epochs=2,
    )  # fmt: skip
    records = list(training.train(stream, validation, plan, tmp_path, seed=1))
    assert records[1].rate < records[0].rate


def test_bare_diagrams_between_modeled_directions_lie_between_theirs():
    grid = Grid(280.0, 282.5, 1.0, 1.5, 0.5)
    bands = ("J", "H", "Ks")
    columns = {name: np.full(1, 10.0, np.float32) for band in bands for name in (band, f"{band}_error")}
    star = Catalog(np.array([281.0]), np.array([1.25]), columns)
    observed = diagrams.observe_cells(star, grid)
    bare = prediction.bare_cells(observed, seed=1).values[0]
    area = observed["solid_angle"].values[0]
    modeled = [area * bare_of(DIAGRAMS["2mass"], l, 1.25, 4.0, seed=1) for l in (280.25, 281.25, 282.25)]
    np.testing.assert_allclose(bare[0], modeled[0], rtol=1e-6)
    np.testing.assert_allclose(bare[4], modeled[2], rtol=1e-6)
    np.testing.assert_allclose(bare[2], (modeled[0] + modeled[2]) / 2, rtol=1e-5, atol=1e-6)
    assert bare[2].sum() == pytest.approx(modeled[1].sum(), rel=0.02)


def test_uncovered_cells_are_not_read(stream, tmp_path):
    rng = np.random.default_rng(1)
    n = 4000
    Ks = rng.uniform(9, 14, n).astype(np.float32)
    columns = {"J": Ks + 0.6, "H": Ks + 0.1, "Ks": Ks}
    columns |= {f"{band}_error": np.full(n, 0.03, np.float32) for band in ("J", "H", "Ks")}
    catalog = Catalog(rng.uniform(215, 215.5, n), rng.uniform(-19, -18.5, n), columns)
    observed = diagrams.observe_cells(catalog, Grid(215.0, 216.0, -19.0, -18.5, 0.5))
    bare = prediction.bare_cells(observed, seed=1)
    assert bare.dims == observed["diagram"].dims
    network = PLAN.build(16, 64, seed=1)
    found = prediction.predict(Ensemble([network]), observed, bare)
    assert list(found) == ["delta_A_V"] and found["delta_A_V"].sizes == {"b": 1, "l": 2, "distance": 16}
    assert np.isfinite(found["delta_A_V"][0, 0]).all()
    assert np.isnan(found["delta_A_V"][0, 1]).all()
