from pathlib import Path

import psutil
import pytest

from milkyway_cnn.pipeline import ahead
from milkyway_cnn.pipeline.parameters import Parameters
from milkyway_cnn.samples import Stream


def beside() -> list[psutil.Process]:
    return [process for process in psutil.Process().children() if "milkyway_cnn.pipeline.ahead" in process.cmdline()]


def test_a_process_compiles_where_nothing_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "PACKAGE", tmp_path)
    with ahead.compiling(Parameters()):
        (process,) = beside()
    assert not process.is_running()
    (tmp_path / "kernels" / "__pycache__").mkdir(parents=True)
    (tmp_path / "kernels" / "__pycache__" / "examples.draw.py311.nbi").touch()
    with ahead.compiling(Parameters()):
        assert not beside()


def test_what_it_makes_needs_no_chapter(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    examples = Stream.examples
    monkeypatch.setattr(Stream, "examples", lambda *words: made.append(examples(*words)))
    ahead._compile(Parameters(train_columns=1, train_rows=1))  # nobody sees what goes wrong there
    assert made[0].diagrams.shape == (1, 64, 64)
