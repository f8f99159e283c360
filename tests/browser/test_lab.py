"""JupyterLab opens each chapter, runs it, and its widgets follow slider and mouse."""

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from milkyway_cnn.pipeline.chapters import NOTEBOOKS
from milkyway_cnn.pipeline.parameters import load

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


TOUR, *STAGES = CHAPTERS


def test_a_slider_of_the_tour_moves_the_diagram_and_the_answer(lab: Any) -> None:
    lab.run(copied(TOUR, lab.folder))
    lab.show("diagram")
    stars, dust = sum(lab.data("diagram data", "image")), lab.data("profile data", "total")[-1]
    lab.slide("cloud's A_V (mag)", 50)
    lab.until("profile data", "total", lambda total: total[-1] > dust + 4.9)
    lab.until("diagram data", "image", lambda image: sum(image) < stars)  # fewer are seen behind more dust
    lab.photograph("tour_slider")


@pytest.mark.parametrize("path", STAGES, ids=lambda path: path.stem)
def test_chapter_runs(lab: Any, path: Path) -> None:
    lab.run(copied(path, lab.folder))
    lab.photograph(path.stem)
