"""The benchmark of Monte-Carlo dropout runs, and what it once measured holds."""

from __future__ import annotations

import json

from benchmarks import draws, readme


def test_runs_once_and_writes_results(tmp_path, capsys):
    path = tmp_path / "results.json"
    small = ["--shape", "2", "3", "--network", "C5x5.2/4-P2-D32-D16"]
    draws.main(["--draws", "3", "5", *small, "--output", str(path)])
    rows = json.loads(path.read_text())["rows"]
    assert [(row["sightlines"], row["draws"]) for row in rows] == [(6, 3), (6, 5)]
    assert all(row["processor_seconds"] >= 0 and row["peak_mib"] > 50 for row in rows)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_stored_results_keep_what_was_promised():
    result = json.loads((draws.RESULTS / "draws.json").read_text())
    (row,) = result["rows"]
    assert (row["network"], row["sightlines"], row["draws"]) == ("small", 1953, 100)
    # Of both cores together: two of them need at most as long, had they nothing else to do.
    assert row["processor_seconds"] < 2 * 60 and row["peak_mib"] < 2048
    assert readme.stored("benchmarks.draws") == draws.table(result)
