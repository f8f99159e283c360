"""JupyterLab opens each chapter, runs it, and its widgets follow slider and mouse."""

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from milkyway_cnn.pipeline.chapters import NOTEBOOKS
from milkyway_cnn.pipeline.settings import load

CHAPTERS = sorted(NOTEBOOKS.glob("*.ipynb"))
SMALL = load("smoke", NOTEBOOKS / "parameters")


def copied(path: Path, folder: Path) -> str:
    """Write a chapter with the parameters of `smoke` into the folder of the server, and return its name."""
    notebook = load_notebook_node(str(path))
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.tags)
    named = {statement.targets[0].id for statement in ast.parse(cell.source).body}
    values = {name: value for name, value in SMALL.items() if name in named}
    if "run" in named:
        values["run"] = str(folder / "run")
    nbformat.write(parameterize_notebook(notebook, values), folder / path.name)
    return path.name


#: Those that are only looked at; the tour and the maps are moved, too.
STAGES = [path for path in CHAPTERS if path.stem not in ("00_tour", "08_maps")]


def test_a_slider_of_the_tour_moves_the_diagram_and_the_answer(lab: Any) -> None:
    lab.run(copied(NOTEBOOKS / "00_tour.ipynb", lab.folder))
    lab.show("diagram")
    before = lab.all_data("profile data", "total")
    stars, answers = lab.all_data("diagram data", "image"), lab.all_data("answer data", "total")
    lab.slide("cloud's A_V (mag)", -20, -1)
    moved = lab.until_any("profile data", "total", lambda i, total: total[-1] < before[i][-1] - 1.9)
    lab.until_any("diagram data", "image", lambda i, image: i == moved and sum(image) > sum(stars[i]))
    lab.until_any("answer data", "total", lambda i, total: total != answers[i])
    lab.photograph("tour_slider")


@pytest.mark.parametrize("path", STAGES, ids=lambda path: path.stem)
def test_chapter_runs(lab: Any, path: Path) -> None:
    lab.run(copied(path, lab.folder))
    lab.photograph(path.stem)


def test_a_click_on_the_map_changes_profile_and_diagram(lab: Any) -> None:
    lab.run(copied(NOTEBOOKS / "08_maps.ipynb", lab.folder))
    lab.show("sky")
    before = lab.data("profile data", "total"), lab.data("diagram data", "image")
    lab.click("sky", 284.25, -0.25)
    lab.until("profile data", "total", lambda total: total != before[0])
    lab.until("diagram data", "image", lambda image: image != before[1])
    far = lab.data("sky data", "image")
    lab.slide("to distance", -60)
    lab.until("sky data", "image", lambda image: sum(image) < sum(far))
    lab.photograph("maps_clicked")
