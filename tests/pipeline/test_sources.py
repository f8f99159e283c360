import shutil
from pathlib import Path

import pytest

from milkyway_cnn.pipeline import sources
from milkyway_cnn.pipeline.sources import modules, sources_digest


def test_modules_are_found_through_others_and_inside_functions() -> None:
    found = modules(["%matplotlib inline\nfrom milkyway_cnn.surveys import read", "import numpy as np"])
    assert {"milkyway_cnn", "milkyway_cnn.surveys", "milkyway_cnn.surveys.read", "milkyway_cnn.errors"} <= found
    assert not any(name.startswith("milkyway_cnn.nn") or name == "numpy" for name in found)
    assert "milkyway_cnn.pipeline.report" in modules(["from milkyway_cnn.pipeline.run import run"])
    assert modules(["import numpy"]) == modules([]) == modules(["from milkyway_cnn import = 3"]) == set()
    assert "milkyway_cnn.errors" in modules(["from milkyway_cnn import errors"])


def test_the_digest_changes_with_the_modules_that_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "milkyway_cnn"
    shutil.copytree(sources.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sources, "PACKAGE", copy)
    cells = ["from milkyway_cnn.storage import replacing"]
    before = sources_digest(cells)
    (copy / "constants.py").write_text("changed = True\n")
    assert sources_digest(cells) == before
    (copy / "storage.py").write_text("from .constants import changed\n")
    after = sources_digest(cells)
    assert after != before
    (copy / "constants.py").write_text("changed = False\n")
    assert sources_digest(cells) != after
