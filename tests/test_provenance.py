import json
import subprocess

import pytest

from milkyway_cnn import __version__, provenance


def test_the_record_is_flat_plain_and_the_same_twice() -> None:
    record = provenance.record({"seed": 3, "cell": 0.5})
    assert record["milkyway_cnn"] == __version__ and record["parameter_seed"] == 3
    assert set(provenance.LIBRARIES) <= set(record)
    assert all(isinstance(value, str | int | float) for value in record.values())
    assert json.dumps(record) == json.dumps(provenance.record({"seed": 3, "cell": 0.5}))


def test_no_git_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    provenance.commit.cache_clear()
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() == ""
    provenance.commit.cache_clear()


def test_the_commit_of_a_clone_says_whether_files_were_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["__init__.py\n", "abc\n", " M file.py\n"])
    monkeypatch.setattr(
        "subprocess.run", lambda *words, **options: subprocess.CompletedProcess(words, 0, stdout=next(answers))
    )
    provenance.commit.cache_clear()
    assert provenance.commit() == "abc+"
    provenance.commit.cache_clear()
