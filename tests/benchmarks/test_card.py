"""The benchmark of a card runs in Numba's simulation of one, and says where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import card
from milkyway_cnn import backend


@pytest.mark.slow
def test_runs_once_in_the_simulation_and_writes_results(tmp_path):
    path = tmp_path / "results.json"
    small = "--network tiny --batches 2 --precisions bfloat16 --stars 2 --examples 1 --size 3 --steps 1 --task tiny"
    words = [*small.split(), "--architecture", "C3x3.1/32-D2-D2", "--whole", "1", "1", "--output", str(path)]
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.card", *words]
    run = subprocess.run(command, env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    result = json.loads(path.read_text())
    assert [row["precision"] for row in result["rows"]] == ["bfloat16"]
    assert all(row["images_per_second"] > 0 for row in result["rows"]) and result["stream"]["examples_per_second"] > 0
    assert result["rows"][0]["pytorch"] is None and result["rows"][0]["pytorch_says"]
    assert result["curves"][0]["largest_deviation"] < 2**-5 and result["whole"]["minutes"] > 0
    assert card.table(result).splitlines()[0] == "| measured | a simulated card |"


@pytest.mark.skipif(backend.fault(backend.found()) is None, reason="there is a card")
def test_without_a_card_it_says_why(capsys):
    with pytest.raises(SystemExit) as ended:
        card.main([])
    assert ended.value.code == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("milkyway-cnn benchmark --device cuda: ")
