"""The benchmark of the synthesis runs, and its results can be read."""

from __future__ import annotations

import json

from benchmarks import galaxy


def test_runs_once_and_writes_results(tmp_path, capsys):
    path = tmp_path / "results.json"
    small = ["--areas", "0.01", "0.05", "--turns", "1", "--chunk", "100", "--threads", "1"]
    galaxy.main([*small, "--output", str(path)])
    result = json.loads(path.read_text())
    assert [row["square_degrees"] for row in result["rows"]] == [0.01, 0.05]
    assert all(row["stars"] > 100 and row["seconds"] > 0 for row in result["rows"])
    assert result["tables_made_seconds"] > result["tables_read_seconds"] > 0
    assert result["chunks"]["stars"] == result["rows"][1]["stars"]
    assert "| tables made, read again |" in capsys.readouterr().out
