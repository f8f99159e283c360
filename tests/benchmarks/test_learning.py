"""The benchmark of learning runs, and what it once measured holds."""

from __future__ import annotations

import json

from benchmarks import learning


def test_runs_once_and_writes_results(tmp_path, capsys):
    path = tmp_path / "results.json"
    small = ["--minutes", "0", "--epoch", "128", "--held-out", "64"]
    learning.main(["--cases", "C5x5.2/4-P2-D16-D128:rough", *small, "--output", str(path)])
    (row,) = json.loads(path.read_text())["rows"]
    assert (row["epochs"], row["examples"]) == (1, 128)
    assert set(learning.SCORES) <= set(row["scores"]) and row["scores"]["examples"] == 64
    assert "| `C5x5.2/4-P2-D16-D128` | rough | 0.00 million |" in capsys.readouterr().out
