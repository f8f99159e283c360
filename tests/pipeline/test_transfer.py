"""Sightlines left out: which networks are trained, how they are judged, and what a killed or failed one leaves."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn import cli, samples, training
from milkyway_cnn.errors import InputError
from milkyway_cnn.pipeline.chapters import NOTEBOOKS, TRAINING, planned
from milkyway_cnn.pipeline.execution import ChapterError
from milkyway_cnn.pipeline.parameters import Parameters
from milkyway_cnn.pipeline.sample import stream_of
from milkyway_cnn.pipeline.settings import load
from milkyway_cnn.pipeline.sweep import Sweep
from milkyway_cnn.pipeline.transfer import Transfer, leaving_out

SMALL = {**load("smoke", NOTEBOOKS / "parameters"), "bins": 16, "bin_width": 0.5, "cell": 0.1, "test_examples": 40}
PLACES = [[285.0, 0.0], [285.0, 1.0], [280.0, 1.0]]


def trained(values: dict, folder: Path) -> None:
    """Leave what a run that only trains leaves; an untrained network stands for the trained one."""
    parameters = Parameters(**values)
    if folder.name == "000_all":
        samples.store(stream_of(parameters), "test", parameters.test_examples, folder / "sample" / "test.zarr")
    network = training.Plan(network="C5x5.2/4-P2-D8-D16").build(16, 64, len(parameters.train_sightlines))
    (folder / "network").mkdir(parents=True, exist_ok=True)
    network.save(folder / "network" / "network.npz")
    (folder / "report.html").touch()


def test_every_sightline_or_all_of_one_latitude_are_left_out_once() -> None:
    planned = leaving_out("three", {**SMALL, "train_sightlines": PLACES})
    assert [member.name for member in planned.members] == [
        "000_all",
        "001_without_l285_b0",
        "002_without_l285_b1",
        "003_without_l280_b1",
    ]
    shown = [member.values["train_sightlines"] for member in planned.members]
    assert shown == [PLACES, PLACES[1:], [PLACES[0], PLACES[2]], PLACES[:2]]
    assert planned.left_out == ((0,), (1,), (2,)) and planned.words == ("--training",)
    rows = leaving_out("three", {**SMALL, "train_sightlines": PLACES}, "b")
    assert [member.name for member in rows.members] == ["000_all", "001_without_b0", "002_without_b1"]
    assert rows.left_out == ((0,), (1, 2)) and rows.members[2].values["train_sightlines"] == PLACES[:1]
    assert len(leaving_out("demo", {}).members) == 10


@pytest.mark.parametrize(
    ("values", "by", "sentence"),
    [
        (SMALL, "sightline", "leaving one sightline out takes at least two, and there is 1; give more in train_sight"),
        ({**SMALL, "train_columns": 3}, "b", "leaving one b out takes at least two, and there is 1"),
        ({"trained_network": "a"}, "l", "trained_network = 'a' has no place where every network learns anew; leave it"),
        ({"training_sample": "a"}, "l", "training_sample = 'a' has no place where every network learns anew"),
        ({"epoch": 1}, "l", "there is no parameter 'epoch'; the nearest is 'epochs'"),
    ],
)
def test_what_cannot_be_left_out_is_refused(values: dict, by, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        leaving_out("none", values, by)
    assert str(caught.value).startswith(sentence)


def test_networks_are_judged_where_they_have_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One member fails at first: the others are judged, and the same call does what is missing."""
    plan = leaving_out("three", {**SMALL, "train_sightlines": PLACES})
    ran: list[str] = []
    broken = ["003_without_l280_b1"]

    def called(commands, workers):
        for command in commands:
            file, folder = Path(command[4]), Path(command[6])
            assert command[:4] == (sys.executable, "-m", "milkyway_cnn.cli", "run") and command[7] == "--training"
            ran.append(folder.name)
            if folder.name not in broken and not (folder / "report.html").exists():
                trained({**plan.common, **next(m.values for m in plan.members if m.name == file.stem)}, folder)
            yield command, "no dust today" if folder.name in broken else ""

    monkeypatch.setattr("milkyway_cnn.pipeline.sweep._ended", called)
    said: list[str] = []
    with pytest.raises(ChapterError, match=r"^1 of 4 runs failed, 003_.*; the first said: no dust .* --training\)$"):
        plan.run(tmp_path, say=said.append)
    assert len(json.loads((tmp_path / "transfer.json").read_text())["sightlines"]) == 2
    broken.clear()
    plan.run(tmp_path, say=said.append)
    assert said[-1] == f"page: {tmp_path / 'transfer.html'}"

    found = json.loads((tmp_path / "transfer.json").read_text())
    assert [[row["l"], row["b"]] for row in found["sightlines"]] == PLACES
    assert [row["examples"] for row in found["sightlines"]] == [14, 13, 13] and found["all"]["examples"] == 40
    # By hand: the last sightline's examples, read by the last network.
    sample = samples.load(tmp_path / "000_all" / "sample" / "test.zarr")
    here = sample.isel(example=np.flatnonzero(sample.sightline.values == 2))
    network = training.Plan(network="C5x5.2/4-P2-D8-D16").build(16, 64, 2)
    true, predicted = (
        np.cumsum(each, 1)[:, 7] for each in (here.delta_A_V.values, network.predict(training.Inputs(here)))
    )
    off = np.median(np.abs(predicted - true)[true > 0] / true[true > 0])
    assert found["sightlines"][2]["unseen"]["relative_error_4kpc"] == pytest.approx(off, rel=1e-4)
    assert found["sightlines"][2]["seen"]["relative_error_4kpc"] != pytest.approx(off, rel=1e-4)
    with (tmp_path / "transfer.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[-1]["sightline"] == "all" and float(rows[2]["error_4kpc_unseen"]) == pytest.approx(100 * off, rel=1e-3)
    page = (tmp_path / "transfer.html").read_text()
    assert "(280.0, 1.0)" in page and "data:image/png" in page and "http" not in page


def test_the_command_starts_what_was_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    seen: list[tuple[Sweep, Path, str]] = []
    monkeypatch.setattr(Transfer, "run", lambda self, folder, where, say: seen.append((self, folder, where)))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["transfer", "demo", "--by", "l", "--set", "epochs=1", "--cluster", "2"]) == 0
    ((made, folder, where),) = seen
    assert folder == tmp_path / "runs" / "demo_transfer" and where == "2"
    assert [m.name for m in made.members][1:] == ["001_without_l264.7", "002_without_l280", "003_without_l295.3"]
    assert cli.main(["transfer", "orion"]) == 2
    assert "control = 'pnicer_CF_2mass.fits' has no place where every network" in capsys.readouterr().err
    assert cli.main(["transfer", "demo", "--member", "10", "--output", str(tmp_path / "a")]) == 2
    assert "there is no member 10; the 10 of demo are numbered from 0" in capsys.readouterr().err


def test_a_run_may_only_train() -> None:
    assert tuple(chapter.name for chapter in planned(Parameters(), training=True)) == TRAINING
    with pytest.raises(InputError, match="control = 'a' needs the chapter of sightlines; leave it out, or --training"):
        planned(Parameters(catalog="b", control="a"), training=True)
