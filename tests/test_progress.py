import io
import json
from pathlib import Path

import pytest

from milkyway_cnn import progress


def count(bar: progress.Bar) -> None:
    for epoch in range(3):
        bar.update(4, epoch=epoch, loss=0.5)


def test_somebody_looks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("MILKYWAY_HEADLESS", raising=False)
    with progress.bar("training", total=12) as bar:
        count(bar)
    shown = capsys.readouterr().err
    assert "training" in shown and "12.0/12.0" in shown and "examples/s" in shown and "epoch=2" in shown


def test_nobody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "progress.jsonl"
    monkeypatch.setenv("MILKYWAY_HEADLESS", "1")
    monkeypatch.setenv("MILKYWAY_PROGRESS", str(path))
    with progress.watching(path, "06_training"), progress.bar("training", total=12) as bar:
        count(bar)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert records[-1] | {"seconds": 0} == {
        "stage": "training",
        "total": 12,
        "unit": "examples",
        "done": 12,
        "fields": {"epoch": 2, "loss": 0.5},
        "seconds": 0,
        "closed": True,
    }
    out, shown = capsys.readouterr()
    assert out == "" and shown.count("\n") == 1
    assert shown.startswith("06_training training: 12 of 12 examples, ") and shown.endswith("epoch 2, loss 0.5\n")


def test_a_terminal_shows_the_recorded_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("MILKYWAY_HEADLESS", "1")
    monkeypatch.setenv("MILKYWAY_PROGRESS", str(tmp_path / "progress.jsonl"))
    with progress.watching(tmp_path / "progress.jsonl", "06_training"), progress.bar("training", total=12) as bar:
        count(bar)
    assert "06_training training: 100%" in terminal.getvalue() and "epoch=2" in terminal.getvalue()


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILKYWAY_HEADLESS", "1")
    for path in ("", str(tmp_path / "no" / "folder.jsonl")):
        monkeypatch.setenv("MILKYWAY_PROGRESS", path)
        with progress.bar("training") as bar:
            bar.update(3)
