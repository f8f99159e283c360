"""Chapters executed one by one refuse wrong parameters before they compute anything."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.pipeline.by_hand import check
from milkyway_cnn.pipeline.chapters import NOTEBOOKS

ALL = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def begun(name: str, injected: str = "") -> dict[str, object]:
    """Return the names of a notebook once its parameters cell, and the one that papermill put behind it, are done."""
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
    own = next("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", ()))
    namespace: dict[str, object] = {}
    exec(own, namespace)
    exec(injected, namespace)
    return {**namespace, "In": ["", own, f"# Parameters\n{injected}\n", "by_hand.check(globals())"]}


@pytest.mark.parametrize("name", ALL)
def test_every_chapter_checks_its_parameters_behind_their_cell(name: str) -> None:
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
    (place,) = (i for i, cell in enumerate(cells) if "parameters" in cell["metadata"].get("tags", ()))
    assert cells[place + 1]["metadata"]["tags"] == ["check"]
    assert "by_hand.check(globals())" in "".join(cells[place + 1]["source"])
    check(begun(name))
    with pytest.raises(InputError, match=r"^there is no parameter 'slop'; the nearest is '"):
        check(begun(name, "slop = [1, 2]"))


@pytest.mark.parametrize(
    ("name", "injected", "sentence"),
    [
        ("04_profiles", "slop = [1, 2]", "there is no parameter 'slop'; the nearest is 'slope'"),
        ("04_profiles", "slope = [2, 1]", "slope = [2.0, 1.0] must be [from, to] with from <= to"),
        (
            "04_profiles",
            "slope = '[1, 2]'",
            "parameter slope = '[1, 2]' is text, not a list; papermill takes lists as -y",
        ),
        ("03_sightlines", "b_max = 95", "parameter b_max = 95: input should be less than or equal to 90"),
        ("06_training", "epochs = 0", "parameter epochs = 0: input should be greater than or equal to 1"),
        ("00_tour", "epoch = 3", "there is no parameter 'epoch'; the nearest is 'epochs'"),
        ("00_tour", "batch = 0", "parameter batch = 0: input should be greater than or equal to 1"),
        ("00_tour", "l = 'east'", "parameter l = 'east' must be a number, as 285.0 is"),
        ("10_widgets", "state = 3", "parameter state = 3 must be a mapping, as {} is"),
        ("10_widgets", "widgets = 'a'", "there is no parameter 'widgets'; the nearest is 'widget'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(name: str, injected: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        check(begun(name, injected))
    assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)


def test_parameters_of_other_chapters_may_stand_in_the_file_of_all() -> None:
    check(begun("04_profiles", "epochs = 3\nnetwork = 'published'"))
    check(begun("05_diagrams", "control = 'field.fits'"))  # only chapter 3 names the catalog


def test_a_cell_may_be_executed_again_when_modules_have_taken_names() -> None:
    namespace = begun("05_diagrams") | {"diagrams": math}
    namespace["In"] += ["names = diagrams\nfrom milkyway_cnn import diagrams", "slop = f(1)", "1 +", "x"]  # type: ignore[operator]
    check(namespace)


def test_papermill_stops_before_the_first_cell_that_computes(tmp_path: Path) -> None:
    words = [str(NOTEBOOKS / "04_profiles.ipynb"), str(tmp_path / "out.ipynb"), "-p", "slop", "[1,2]"]
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", *words, "-p", "run", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("InputError: there is no parameter 'slop'; the nearest is 'slope'")
    assert not (tmp_path / "run").exists()
