"""The tour, which is no stage of a run, executed small, and what it claims."""

import json
from pathlib import Path

import papermill
import pytest

from milkyway_cnn.pipeline.chapters import CHAPTERS, NOTEBOOKS

TOUR = NOTEBOOKS / "00_tour.ipynb"


def test_the_tour_runs_without_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert TOUR.stem not in CHAPTERS
    monkeypatch.setenv("MILKYWAY_HEADLESS", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    small = {"network": "C5x5.2/4-P2-D32-D64", "examples_per_epoch": 256, "epochs": 1, "batch": 32}
    papermill.execute_notebook(TOUR, tmp_path / "out.ipynb", small, progress_bar=False, kernel_name="python3")
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    pictures = [output for cell in cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    assert len(pictures) == 5
    assert not any("widget-view" in kind for picture in pictures for kind in picture["data"])
