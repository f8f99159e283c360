from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn import samples, sightlines, trained, training

PLAN = training.Plan(network="C5x5.2/4-P2-D32-D128", epochs=1, examples_per_epoch=64, batch=32)


def test_a_network_is_trained_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILKYWAY_HEADLESS", "1")
    edges = sightlines.distance_edges(32, 0.2)
    stream = samples.Stream([(285.0, 0.0)], np.array([0.25]), edges, seed=1)
    first = trained.trained_network(stream, PLAN, cache=tmp_path)
    monkeypatch.setattr(training, "train", lambda *_, **__: pytest.fail("it is there already"))
    again = trained.trained_network(stream, PLAN, cache=tmp_path)
    x = np.random.default_rng(1).random((3, 2, 64, 64), np.float32)
    np.testing.assert_array_equal(first.predict(x), again.predict(x))
    with pytest.raises(pytest.fail.Exception):
        trained.trained_network(stream, PLAN, seed=2, cache=tmp_path)  # another network
