"""Every chapter of the repository, executed small."""

import json
from pathlib import Path

from milkyway_cnn import samples
from milkyway_cnn.pipeline.chapters import CHAPTERS, NOTEBOOKS, planned
from milkyway_cnn.pipeline.parameters import load, validated
from milkyway_cnn.pipeline.run import run
from milkyway_cnn.pipeline.sample import stream_of


def test_all_chapters_run_small(tmp_path: Path) -> None:
    parameters = validated(load("smoke", NOTEBOOKS / "parameters"))
    run(parameters, tmp_path / "smoke", planned(parameters), name="smoke")
    stages = json.loads((tmp_path / "smoke" / "run.json").read_text())["stages"]
    assert [(name, stage["state"]) for name, stage in stages.items()] == [(name, "done") for name in CHAPTERS]
    assert all(stage["outputs"] for stage in stages.values())
    assert (tmp_path / "smoke" / "report.html").stat().st_size > 1000
    # What the command line stores samples of is what the chapters make of the same parameters.
    described = samples.load(tmp_path / "smoke" / "sample" / "validation.zarr").attrs["stream"]
    assert json.loads(described) == json.loads(json.dumps(stream_of(parameters).describe()))
