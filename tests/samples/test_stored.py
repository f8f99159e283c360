"""Stored samples hold the stream, whole and unchanged."""

import json

import numpy as np
import pytest

from milkyway_cnn import samples
from milkyway_cnn.extinction.profiles import ProfilePrior
from milkyway_cnn.sightlines import distance_edges


@pytest.fixture(scope="module")
def stream():
    prior = ProfilePrior(empty=0.3)
    area = np.array([0.02, 0.1])
    return samples.Stream([(280.0, 0.0), (210.0, -19.0)], area, distance_edges(32, 0.2), seed=3, prior=prior)


def test_a_stored_sample_is_the_stream_and_knows_it(stream, tmp_path):
    made = []
    samples.store(stream, "validation", 10, tmp_path / "validation.zarr", made.append)
    stored = samples.load(tmp_path / "validation.zarr")
    expected = stream.examples(0, 10, "validation")
    np.testing.assert_array_equal(stored["diagram"], expected.diagrams)
    np.testing.assert_array_equal(stored["delta_A_V"], expected.delta_A_V)
    np.testing.assert_array_equal(stored["bare"].values[stored["sightline"].values], expected.bare)
    np.testing.assert_array_equal(stored["horizon"], expected.horizon)
    assert sum(made) == 10

    again = samples.Stream.of(json.loads(stored.attrs["stream"]))
    np.testing.assert_array_equal(again.examples(4, 2, "test").diagrams, stream.examples(4, 2, "test").diagrams)


def test_a_sample_is_written_in_pieces_that_do_not_show(stream, tmp_path, monkeypatch):
    monkeypatch.setattr("milkyway_cnn.samples.stored._CHUNK", 4)
    samples.store(stream, "test", 10, tmp_path / "test.zarr")
    stored, expected = samples.load(tmp_path / "test.zarr"), stream.examples(0, 10, "test")
    for name, values in {"diagram": expected.diagrams, "sightline": expected.sightline}.items():
        np.testing.assert_array_equal(stored[name], values)
    assert stored["bare"].shape == (2, 64, 64)
