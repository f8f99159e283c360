"""The benchmark of a full plane runs, and what it once measured holds."""

from __future__ import annotations

import json

from benchmarks import cube, readme


def test_runs_once_and_writes_results(tmp_path, capsys):
    path = tmp_path / "results.json"
    stages = ["assemble", "query", "healpix"]
    cube.main(["--cell", "1", "--bins", "10", "--nside", "16", "--stages", *stages, "--output", str(path)])
    result = json.loads(path.read_text())
    assert [row["stage"] for row in result["stages"]] == stages
    assert result["sightlines"] == 7200 and result["stages"][1]["places"] == 7200
    assert all(row["peak_mib"] > 50 and row["processor_seconds"] > 0 for row in result["stages"])
    assert len(cube.table(result).splitlines()) == 5
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_the_stored_results_keep_what_was_promised():
    result = json.loads((cube.RESULTS / "cube.json").read_text())
    assert result["sightlines"] == 115_200 and result["bins"] == 100
    assert [row["stage"] for row in result["stages"]] == list(cube.STAGES)
    assert all(row["peak_mib"] < 2048 for row in result["stages"])
    assert readme.stored("benchmarks.cube") == cube.table(result)
