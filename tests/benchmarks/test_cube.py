"""The benchmark of a full plane runs, and what it once measured holds."""

from __future__ import annotations

import json

from benchmarks import cube


def test_runs_once_and_writes_results(tmp_path, capsys, monkeypatch):
    path = tmp_path / "results.json"
    monkeypatch.setattr(cube, "STAGES", {name: cube.STAGES[name] for name in ("assemble", "query", "healpix")})
    cube.main(["--cell", "1", "--bins", "10", "--nside", "16", "--output", str(path)])
    result = json.loads(path.read_text())
    assert [row["stage"] for row in result["stages"]] == ["assemble", "query", "healpix"]
    assert result["sightlines"] == 7200 and result["stages"][1]["places"] == 7200
    assert all(row["peak_mib"] > 50 and row["processor_seconds"] > 0 for row in result["stages"])
    assert len(cube.table(result).splitlines()) == 5
    assert len(capsys.readouterr().out.splitlines()) == 3
