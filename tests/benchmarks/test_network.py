"""The benchmark runs, and its results can be read."""

from __future__ import annotations

import json

import pytest

from benchmarks import network
from benchmarks.peers import NETS


def test_runs_once_and_writes_results(tmp_path, capsys):
    path = tmp_path / "results.json"
    common = ["--networks", "tiny", "--batches", "4", "--threads", "1", "--rounds", "2", "--seconds", "0.01"]
    network.main([*common, "--output", str(path)])
    rows = json.loads(path.read_text())["rows"]
    assert [row["training"] for row in rows if row["peer"] == "milkyway_cnn"] == [True, False]
    assert all(row["images_per_second"] > 0 and row["peak_mib"] > 10 for row in rows)
    assert "| tiny | training | 4 | 1 |" in capsys.readouterr().out
    table = network.summary(json.loads(path.read_text())).splitlines()
    assert table[0] == "| network | mode | threads | batch 4 |"
    assert table[2].startswith("| tiny | training | 1 | ")
    assert len(table) == 4


def test_arithmetic_of_the_published_network():
    assert NETS["published"].flops(False) == pytest.approx(110e6, rel=0.01)  # docs of CIANNA's measurement: 110, 327
    assert NETS["published"].flops(True) == pytest.approx(327e6, rel=0.01)
    assert NETS["lenet"].architecture == "C5x5.8-P2-C5x5.16-P2-D256-D128-D10"
