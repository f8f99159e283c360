from pathlib import Path

import pytest

from milkyway_cnn.storage import replacing


def test_a_file_appears_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "map.fits.gz"
    for text in ("first", "second"):
        with replacing(path) as part:
            assert part.parent == path.parent and part.suffixes == path.suffixes and not part.exists()
            part.write_text(text)
        assert path.read_text() == text
        assert list(path.parent.iterdir()) == [path]


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "cube.zarr"
    for name in ("first", "second"):
        with replacing(path) as part:
            (part / "c").mkdir(parents=True)
            (part / "c" / name).write_text(name)
        assert [child.name for child in (path / "c").iterdir()] == [name]
        assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_what_was_there(tmp_path: Path) -> None:
    file, folder = tmp_path / "a.txt", tmp_path / "b.zarr"
    file.write_text("whole")
    folder.mkdir()
    with pytest.raises(OSError, match="No space"), replacing(file) as part:
        part.write_text("ha")
        raise OSError("No space left on device")
    with pytest.raises(KeyboardInterrupt), replacing(folder) as part:
        part.mkdir()
        raise KeyboardInterrupt
    assert sorted(tmp_path.iterdir()) == [file, folder] and file.read_text() == "whole"


def test_a_leftover_of_a_killed_process_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".part-a.txt").mkdir()
    with replacing(tmp_path / "a.txt") as part:
        part.write_text("new")
    assert [child.name for child in tmp_path.iterdir()] == ["a.txt"]


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.txt"):
        pass
