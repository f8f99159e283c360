"""The chapter on the model Galaxy, which is no stage of a run, executed without and with a catalog."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from milkyway_cnn.pipeline.chapters import CHAPTERS, NOTEBOOKS
from milkyway_cnn.surveys.write import ROW, writing_catalog

CHAPTER = NOTEBOOKS / "01_galaxy.ipynb"


@pytest.mark.slow
def test_the_chapter_runs(tmp_path):
    assert CHAPTER.stem not in CHAPTERS
    random = np.random.default_rng(1)
    rows = np.zeros(3000, ROW)
    rows["GLON"], rows["GLAT"] = random.uniform(232.0, 234.0, 3000), random.uniform(-20.0, -18.0, 3000)
    rows["Kmag"] = 14.0 - random.exponential(1.5, 3000)
    rows["Hmag"], rows["Jmag"] = rows["Kmag"] + 0.1, rows["Kmag"] + 0.5
    for name in ("e_Jmag", "e_Hmag", "e_Kmag"):
        rows[name] = 0.03
    catalog = tmp_path / "control.fits"
    with writing_catalog(catalog) as append:
        append(rows)
    output = tmp_path / "out.ipynb"
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", str(CHAPTER), str(output), "-p", "control"]
    done = subprocess.run([*command, str(catalog)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = output.read_text()
    assert text.count("image/png") == 5
    assert "square degrees, 2," in text or "square degrees, 3," in text
