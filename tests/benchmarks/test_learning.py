"""The benchmark of learning runs, and what it once measured holds."""

from __future__ import annotations

import json

import pytest

from benchmarks import learning
from benchmarks.readme import RESULTS, stored


def test_runs_once_and_writes_results(tmp_path, capsys):
    path = tmp_path / "results.json"
    small = ["--minutes", "0", "--epoch", "128", "--held-out", "64"]
    learning.main(["--cases", "C5x5.2/4-P2-D16-D128:rough", *small, "--output", str(path)])
    (row,) = json.loads(path.read_text())["rows"]
    assert (row["epochs"], row["examples"]) == (1, 128)
    assert set(learning.SCORES) <= set(row["scores"]) and row["scores"]["examples"] == 64
    assert "| `C5x5.2/4-P2-D16-D128` | rough | 0.00 million |" in capsys.readouterr().out


def test_the_small_network_learns_in_five_minutes_what_is_asked():
    result = json.loads((RESULTS / "learning.json").read_text())
    assert stored("benchmarks.learning") == learning.table(result)
    (row,) = (row for row in result["rows"] if (row["network"], row["profiles"]) == ("small", "default"))
    assert row["seconds"] < 305
    assert all(row["scores"][f"relative_error_{distance}kpc"] <= 0.04 for distance in (4, 6, 8))
    assert row["scores"]["correlation_500pc"] >= 0.87
    assert row["scores"]["relative_error_2kpc"] == pytest.approx(0.05, abs=0.02)
