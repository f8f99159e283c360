"""The benchmark of large catalogs runs, and what it once measured holds."""

from __future__ import annotations

import json

from benchmarks import reduction


def test_runs_once_and_writes_results(tmp_path, capsys):
    path = tmp_path / "results.json"
    reduction.main(["--rows", "4000", "8000", "--file", "4000", "--workers", "", "--output", str(path)])
    result = json.loads(path.read_text())
    assert [row["rows"] for row in result["reductions"]] == [4000, 8000]
    assert result["sightlines"] == 1953
    assert all(row["stars"] > 100 and row["seconds"] > 0 and row["peak_mib"] > 50 for row in result["reductions"])
    assert result["histogram2d"]["ratio"] > 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_the_stored_results_keep_what_was_promised():
    result = json.loads((reduction.RESULTS / "reduction.json").read_text())
    largest = [row for row in result["reductions"] if row["rows"] == 20_000_000]
    assert result["sightlines"] == 1953 and result["machine"]["cores"] == 2
    assert {row["workers"] for row in largest} == {0, 2, 4}
    assert len({row["digest"] for row in largest}) == 1
    assert all(row["seconds"] < 180 and row["peak_mib"] < 2048 for row in largest)
    assert result["histogram2d"]["ratio"] > 10
