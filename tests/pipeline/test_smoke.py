"""Every chapter of the repository, executed small."""

import json
import shlex
from pathlib import Path
from typing import Any

import papermill
import pytest
import yaml

import milkyway_widgets
from benchmarks import widgets as redraws
from milkyway_cnn import samples
from milkyway_cnn.pipeline.chapters import CHAPTERS, NOTEBOOKS, planned
from milkyway_cnn.pipeline.parameters import validated
from milkyway_cnn.pipeline.run import run
from milkyway_cnn.pipeline.runs import opened
from milkyway_cnn.pipeline.sample import stream_of
from milkyway_cnn.pipeline.settings import load

#: Something else than at first for each of the widgets.
STATES: dict[str, dict[str, Any]] = {
    "CloudViewer": {"cloud_A_V": 2.0, "pixel": (30, 20)},
    "CubeViewer": {"to": 3.0, "cell": (0, 3), "beside": True},
    "DiagramInspector": {"example": 3, "view": "difference"},
    "ProfileExplorer": {"mode": "by hand", "knots": ((0.0, 1.0), (5.0, 2.0))},
    "RunBrowser": {"score": "correlation_500pc"},
    "SightlinePicker": {"sky": "stars", "picked": ((284.25, -0.25),)},
    "TrainingMonitor": {"rank": 2},
}


@pytest.mark.timeout(1800)  # a minute or two where nothing else runs
def test_all_chapters_run_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = validated(load("smoke", NOTEBOOKS / "parameters"))
    run(parameters, tmp_path / "smoke", planned(parameters), name="smoke")
    stages = json.loads((tmp_path / "smoke" / "run.json").read_text())["stages"]
    assert [(name, stage["state"]) for name, stage in stages.items()] == [(name, "done") for name in CHAPTERS]
    assert all(stage["outputs"] for stage in stages.values())
    assert (tmp_path / "smoke" / "report.html").stat().st_size > 1000
    assert STATES.keys() == set(milkyway_widgets.__all__)
    for page in ("profile_explorer", "diagram_inspector", "training_monitor", "look_around"):
        assert (tmp_path / "smoke" / "figures" / f"{page}.html").stat().st_size > 1_000_000

    # The chapter of the widgets, which is no stage, leaves a picture of each of them.
    monkeypatch.setenv("MILKYWAY_HEADLESS", "1")
    chapter, executed = NOTEBOOKS / "10_widgets.ipynb", tmp_path / "widgets.ipynb"
    run_in = {"run": str(tmp_path / "smoke")}
    papermill.execute_notebook(chapter, executed, run_in, progress_bar=False, kernel_name="python3")
    outputs = [output for cell in json.loads(executed.read_text())["cells"] for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == len(milkyway_widgets.__all__)
    # What each widget says of itself makes it again.
    for name, state in STATES.items():
        kind = getattr(milkyway_widgets, name)
        view = kind.of(tmp_path / "smoke").set(**state)
        told = yaml.safe_load(shlex.split(view.command())[-1])
        again = getattr(milkyway_widgets, told["widget"]).of(told["run"]).set(**told["state"])
        assert again.changed() == view.changed() == state
        assert again.picture()._repr_png_() == view.picture()._repr_png_()
        assert eval(view.call(), {name: kind}).changed() == state
    # What the command line stores samples of is what the chapters make of the same parameters.
    described = samples.load(tmp_path / "smoke" / "sample" / "validation.zarr").attrs["stream"]
    assert json.loads(described) == json.loads(json.dumps(stream_of(parameters).describe()))
    # Every redraw of the widgets can be timed.
    redraws.main(["--run", str(tmp_path / "smoke"), "--rounds", "1", "--output", str(tmp_path / "redraws.json")])
    rows = json.loads((tmp_path / "redraws.json").read_text())["rows"]
    assert STATES.keys() - {row["widget"] for row in rows} == {"CloudViewer"}  # which is a ProfileExplorer

    # Another run takes its network, for a sightline of its own, and trains nothing.
    changes = {"trained_network": str(tmp_path / "smoke"), "train_sightlines": [[300.0, 2.0]], "epochs": 7}
    other = parameters.model_copy(update=changes)
    run(other, tmp_path / "other", planned(other, training=True), name="other")
    networks = [tmp_path / name / "network" / "network.npz" for name in ("smoke", "other")]
    assert networks[0].read_bytes() == networks[1].read_bytes()
    assert opened(tmp_path / "other").history().sizes["epoch"] <= 2
    held_out = samples.load(tmp_path / "other" / "sample" / "test.zarr")
    assert json.loads(held_out.attrs["stream"])["sightlines"] == [[300.0, 2.0]]
    assert (tmp_path / "other" / "network" / "scores.json").is_file()
