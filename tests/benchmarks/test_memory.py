"""The benchmark of memory runs, and a training at the founding work's scale stays as small as is asked."""

from __future__ import annotations

import json

from benchmarks import memory
from benchmarks.readme import RESULTS, stored
from milkyway_cnn.pipeline.chapters import NOTEBOOKS
from milkyway_cnn.pipeline.sample import stream_named


def test_runs_once_and_writes_results(tmp_path, capsys):
    path = tmp_path / "results.json"
    small = ["--networks", "C5x5.2/4-P2-D16-D128", "--examples", "256", "--validation", "64"]
    memory.main([*small, "--output", str(path)])
    (row,) = json.loads(path.read_text())["rows"]
    assert row["peak_mib"] > 100 and row["own_mib"] > 100
    assert "| `C5x5.2/4-P2-D16-D128` | " in capsys.readouterr().out


def test_a_short_epoch_comes_from_all_over_a_whole_one(monkeypatch):
    stream, _ = stream_named("carina", (), NOTEBOOKS / "parameters")
    assert len(stream.sightlines) == 9
    asked = []
    monkeypatch.setattr(type(stream), "examples", lambda self, first, count, split="training": asked.append(first))
    scattered = object.__new__(memory._Scattered)
    scattered.short = 8192
    for first in (0, 2048, 4096, 6144, 8192):
        scattered.examples(first, 2048)
    scattered.examples(2048, 10, "validation")
    assert asked == [0, 422488, 844976, 1267464, 0, 2048]


def test_a_training_at_full_scale_stays_below_one_and_a_half_gibibytes():
    result = json.loads((RESULTS / "memory.json").read_text())
    assert stored("benchmarks.memory") == memory.table(result)
    assert [row["network"] for row in result["rows"]] == ["small", "published"]
    assert all(row["over_mib"] < 1536 for row in result["rows"])
