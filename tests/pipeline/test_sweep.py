"""A grid of runs, each a command of its own, and how runs are listed and compared."""

import os
import sys
from pathlib import Path

import pytest

from milkyway_cnn import cli
from milkyway_cnn.errors import InputError
from milkyway_cnn.pipeline.compare import write_comparison
from milkyway_cnn.pipeline.execution import ChapterError
from milkyway_cnn.pipeline.runs import differences, found, opened
from milkyway_cnn.pipeline.sweep import Sweep, read

STAND_IN = """
import json, pathlib, sys, yaml
values, folder = yaml.safe_load(open(sys.argv[1])), pathlib.Path(sys.argv[2])
if values["seed"] == 2:
    sys.exit("milkyway-cnn: no dust today")
(folder / "comparison").mkdir(parents=True, exist_ok=True)
stages = {"06_training": {"state": "done", "seconds": 1.5}}
(folder / "run.json").write_text(json.dumps({"command": "run", "parameters": values, "stages": stages}))
(folder / "report.html").write_text("")
score = {"value": values["learning_rate"], "unit": "1", "meaning": "error"}
(folder / "comparison" / "scores.json").write_text(json.dumps({"relative_error_2kpc": score}))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "grid.yaml"
    path.write_text("base: smoke\nepochs: 1\ngrid:\n  learning_rate: [0.001, 0.002]\n  seed: [1, 2]\n")
    return path


def test_a_sweep_runs_all_members_and_says_which_failed(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stand_in.py").write_text(STAND_IN)

    def command(self: Sweep, folder: Path, member) -> tuple[str, ...]:
        yaml = folder / "members" / f"{member.name}.yaml"
        return sys.executable, str(tmp_path / "stand_in.py"), str(yaml), str(folder / member.name)

    monkeypatch.setattr(Sweep, "_command", command)
    folder, said = tmp_path / "sweep", []
    with pytest.raises(
        ChapterError, match=r"^2 of 4 runs failed, 001_.*, 003_.*; the first said: no dust today \(to run"
    ):
        read(file).run(folder, say=said.append)
    runs = found(folder)
    assert [run.name for run in runs] == ["000_learning_rate=0.001_seed=1", "002_learning_rate=0.002_seed=1"]
    assert differences(runs) == ["learning_rate"] and [run.state for run in runs] == ["done", "done"]
    assert "relative_error_2kpc" in (folder / "sweep.txt").read_text()
    page = (folder / "comparison.html").read_text()
    assert "002_learning_rate=0.002_seed=1" in page and "learning_rate" in page and "http" not in page
    assert cli.main(["runs", "list", str(folder)]) == 0
    assert read(file).run_member(0, folder) == 0


def test_an_array_of_slurm_runs_one_member_a_job(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sbatch = tmp_path / "commands" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(f'#!/bin/bash\ncp "$1" {tmp_path}/job.sh; echo "Submitted batch job 7"\n')
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", str(sbatch.parent), prepend=os.pathsep)
    (tmp_path / "slurm.yaml").write_text("cores: 2\nmemory: 4GB\nqueue: day\njobs: 3\njob_script_prologue: ['true']\n")
    folder = tmp_path / "sweep"
    assert cli.main(["sweep", str(file), "--array", str(tmp_path / "slurm.yaml"), "--output", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("Submitted batch job 7: 4 runs; once they have ended: ")
    script = (tmp_path / "job.sh").read_text()
    for line in ("#SBATCH -J grid\n", "#SBATCH -p day\n", "#SBATCH --cpus-per-task=2\n", "#SBATCH --array=0-3%3\n"):
        assert line in script
    assert script.index("\ntrue\n") < script.index(f"sweep {file}") < script.index('--member "$SLURM_ARRAY_TASK_ID"')
    assert len(list((folder / "members").glob("*.yaml"))) == 4
    assert cli.main(["sweep", str(file), "--member", "4", "--output", str(folder)]) == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("base: smoke\n", "needs a grid"),
        ("grid: {epoch: [1]}\n", "there is no parameter 'epoch'; the nearest is 'epochs'"),
        ("grid: {epochs: [1, two]}\n", "parameter epochs = 'two'"),
        ("epochs: 1\ngrid: {epochs: [1]}\n", "gives epochs both for all members and in the grid"),
        ("base: smok\ngrid: {epochs: [1]}\n", "the nearest is 'smoke'"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_it_begins(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "grid.yaml").write_text(text)
    with pytest.raises(InputError, match=sentence):
        read(tmp_path / "grid.yaml")


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not the folder of a run"):
        opened(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        found(tmp_path / "none")
    with pytest.raises(InputError, match="at least two runs, and there is 0"):
        write_comparison([], tmp_path / "page.html")
