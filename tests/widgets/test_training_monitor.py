"""The training monitor: what it reads of a run, and a training in a thread of its own."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn import nn, samples, sightlines, training
from milkyway_cnn.examination import worst_examples
from milkyway_widgets import TrainingMonitor
from milkyway_widgets.training_state import TrainingState, bar_of, curve_data, status, worst_data

EDGES = sightlines.distance_edges(16, 0.4)
PLAN = training.Plan(network="C5x5.2/4-P2-D16-D16", epochs=2, examples_per_epoch=256, batch=32)


@pytest.fixture(scope="module")
def stream() -> samples.Stream:
    return samples.Stream([(285.0, 0.0)], np.array([0.25]), EDGES, seed=1)


@pytest.fixture
def run(stream: samples.Stream, tmp_path: Path) -> Path:
    samples.store(stream, "validation", 32, tmp_path / "sample" / "validation.zarr")
    return tmp_path


def test_a_run_elsewhere_is_read_from_its_records(tmp_path: Path) -> None:
    state = TrainingState(tmp_path)
    assert status(state) == f"no training in {tmp_path} yet" and curve_data(state)["loss"] == []
    bar = {"stage": "training", "total": 4000, "unit": "examples", "done": 1000, "fields": {}, "seconds": 10.0}
    lines = [json.dumps({**bar, "closed": False}), json.dumps({**bar, "stage": "prediction"}), '{"stage": "trai']
    (tmp_path / "progress.jsonl").write_text("\n".join(lines))
    assert bar_of(tmp_path / "progress.jsonl")["done"] == 1000
    records = [nn.Record(epoch, 1.0 / epoch, 1.1 / epoch, 1e-3, 100.0, 10.0 * epoch, 0.0) for epoch in (1, 2)]
    training.save_history(records, tmp_path / "network" / "history.zarr")
    state.read()
    assert status(state) == (
        "1,000 of 4,000 examples; 100 examples / s; 30 s left; epoch 2, validation loss 0.55000; learning rate 0.001"
    )
    assert curve_data(state)["loss"] == [1.0, 0.5]
    state.examine()
    assert state.worst is None and worst_data(state)["true"].size == 0  # there is no network yet


def test_it_trains_stops_and_goes_on(stream: samples.Stream, run: Path) -> None:
    validation = samples.load(run / "sample" / "validation.zarr")
    monitor = TrainingMonitor(run).start(stream, validation, PLAN, seed=1)
    widget = monitor.widget
    while monitor.training:
        time.sleep(0.05)
    monitor.look()
    assert curve_data(monitor.state)["epoch"] == [1, 2] and "512 of 512 examples" in status(monitor.state)
    assert "; done; " in status(monitor.state)
    line, buttons, *_ = widget.children
    assert "validation loss" in line.value
    assert [button.disabled for button in buttons.children] == [False, False, False]
    buttons.children[2].click()
    assert monitor.state.worst.sizes["example"] == 8 and len(worst_data(monitor.state)["true"]) == 17
    assert monitor.picture() and monitor.call() == f"TrainingMonitor.of({str(run)!r})"


def test_a_stopped_training_keeps_its_epochs(stream: samples.Stream, run: Path) -> None:
    validation = samples.load(run / "sample" / "validation.zarr")
    plan = training.Plan(network=PLAN.network, epochs=500, examples_per_epoch=64, batch=32)
    monitor = TrainingMonitor(run).start(stream, validation, plan, seed=1)
    while len(curve_data(monitor.state)["epoch"]) < 2:
        time.sleep(0.02)
        monitor.look()
    monitor.stop()
    done = curve_data(monitor.state)["epoch"]
    assert not monitor.training and 2 <= len(done) < 500 and "stopped" in status(monitor.state)
    monitor.go_on()
    while len(curve_data(monitor.state)["epoch"]) <= len(done):
        time.sleep(0.02)
        monitor.look()
    monitor.stop()
    assert curve_data(monitor.state)["epoch"][: len(done)] == done


def test_what_fails_in_the_thread_is_said(stream: samples.Stream, run: Path) -> None:
    validation = samples.load(run / "sample" / "validation.zarr")
    monitor = TrainingMonitor(run).start(stream, validation, training.Plan(network="C5x5"), seed=1)
    while monitor.training:
        time.sleep(0.02)
    with pytest.raises(Exception, match="C5x5"):
        monitor.look()


def test_worst_examples_are_the_worst(run: Path) -> None:
    sample = samples.load(run / "sample" / "validation.zarr")
    network = PLAN.build(16, 64, seed=1)
    found = worst_examples(network, sample, count=3)
    off = np.cumsum(network.predict(training.Inputs(sample)) - sample["delta_A_V"].values, axis=1)
    error = np.sqrt((off**2).mean(axis=1)) / (1 + sample["delta_A_V"].values.sum(axis=1))
    assert found["example"].values.tolist() == np.argsort(-error)[:3].tolist()
    np.testing.assert_allclose(found["error"], np.sort(error)[::-1][:3], rtol=1e-6)
