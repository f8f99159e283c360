"""The instructor's page: its answers are true, its table is what was measured, its links lead somewhere."""

import doctest
import json
import re

from benchmarks import chapters, readme
from milkyway_cnn.pipeline.chapters import NOTEBOOKS


def test_the_answers_to_the_exercises_are_true():
    found = doctest.testfile(str(readme.TEACHING), module_relative=False)
    assert found.failed == 0 and found.attempted > 8


def test_the_page_holds_what_was_measured():
    result = json.loads((readme.RESULTS / "chapters.json").read_text())
    assert readme.stored("benchmarks.chapters", readme.TEACHING) == chapters.table(result)
    assert [row["chapter"] for row in result["rows"]] == sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def test_no_chapter_took_longer_than_is_allowed():
    rows = json.loads((readme.RESULTS / "chapters.json").read_text())["rows"]
    assert max(row["defaults"]["processor"] for row in rows) < chapters.LIMIT
    assert sum(row["small"]["processor"] for row in rows) < chapters.LIMIT_SMALL


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", readme.TEACHING.read_text()):
        assert (readme.TEACHING.parent / link).exists(), link


def test_a_chapter_is_timed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # put back what the benchmark changes
    monkeypatch.setenv("MILKYWAY_HEADLESS", "1")
    path = tmp_path / "chapters.json"
    chapters.main(["--only", "04", "--sizes", "small", "--output", str(path)])
    rows = {row["chapter"]: row for row in json.loads(path.read_text())["rows"]}
    assert all(seconds > 0.5 for seconds in rows["04_profiles"]["small"].values())
    assert "small" not in rows["05_diagrams"]


def test_what_a_chapter_is_called_and_takes():
    tour = NOTEBOOKS / "00_tour.ipynb"
    assert chapters.title_of(tour) == "A tour in ten minutes"
    assert {"l", "b", "seed"} <= chapters.parameters_of(tour)
