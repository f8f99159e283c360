from pathlib import Path

import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.pipeline.chapters import NOTEBOOKS
from milkyway_cnn.pipeline.parameters import validated
from milkyway_cnn.pipeline.settings import load, presets


@pytest.mark.parametrize("name", presets(NOTEBOOKS / "parameters"))
def test_presets_are_valid(name: str) -> None:
    values = load(name, NOTEBOOKS / "parameters")
    if "control" in values:
        values["catalog"] = "given on the command line"
    validated(values)


def test_a_file_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("epochs: 3\n")
    assert load(str(path), NOTEBOOKS / "parameters") == {"epochs": 3}
    path.write_text("")
    assert load(str(path), NOTEBOOKS / "parameters") == {}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("dmo", None, "there is no set of parameters 'dmo'; the nearest is 'demo'"),
        ("mine.yaml", None, "does not exist"),
        ("mine.yaml", "- a list", "must hold lines 'name: value', not a list"),
        ("mine.yaml", "a: [", "cannot be read: while parsing"),
        ("mine.yaml", b"\xff\xfe\xff", "cannot be read"),
    ],
)
def test_no_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str | bytes | None, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        load(name, NOTEBOOKS / "parameters")
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_an_installed_package_without_its_clone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run from a clone of the repository"):
        load("demo", tmp_path / "parameters")
