from pathlib import Path

import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.pipeline.chapters import read


def test_a_notebook_as_data(write) -> None:
    chapter = write("01_one", 'run = "../runs/first"\nepochs = 3  # passes\ncatalog = ""', "1 + 1")
    assert chapter.name == "01_one"
    assert chapter.defaults == {"run": "../runs/first", "epochs": 3, "catalog": ""}


def test_the_digest_sees_sources_only(write) -> None:
    chapter = write("01_one", 'run = ""', "1 + 1")
    changed = write("01_one", 'run = ""', "1 + 2")
    assert chapter.digest != changed.digest
    path = changed.path
    path.write_text(path.read_text().replace('"outputs": []', '"outputs": [{"output_type": "stream", "text": "3"}]'))
    assert read(path).digest == changed.digest


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("epochs = 2 + n", "holds lines 'name = plain value' only"),
        ("import os", "holds lines 'name = plain value' only"),
        ("epochs = = 3", "holds lines 'name = plain value' only"),
        ("epoch = 3", "names the parameters ['epoch'], which the model of parameters does not have"),
    ],
)
def test_a_cell_that_is_none(write, cell: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        write("01_one", cell)
    assert sentence in str(caught.value)


def test_a_missing_notebook(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run from a clone"):
        read(tmp_path / "01_one.ipynb")
