import json
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.pipeline import execution
from milkyway_cnn.pipeline.execution import ChapterError, execute
from milkyway_cnn.pipeline.kernel import Kernels

SURROUNDINGS = """
import json, os, sys
from pathlib import Path

from ipykernel.connect import get_connection_info
seen = {name: os.environ.get(name) for name in ("MILKYWAY_HEADLESS", "NUMBA_THREADING_LAYER")}
seen |= {"python": sys.executable, "cwd": os.getcwd(), "transport": get_connection_info(unpack=True)["transport"]}
seen |= {"lock": os.fstat(lock).st_ino, "epochs": epochs}
print("one")
print("two", flush=True)
Path(run, "seen.json").write_text(json.dumps(seen))
"""


@pytest.fixture
def lock(tmp_path: Path):
    descriptor = os.open(tmp_path / ".lock", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def test_a_notebook_is_executed(write, lock: int, tmp_path: Path) -> None:
    chapter = write("01_one", 'run = ""\nepochs = 10', f"lock = {lock}\n{SURROUNDINGS}")
    output = tmp_path / "a run {with} spaces" / "notebooks" / "01_one.ipynb"
    execute(chapter.path, output, {"run": str(tmp_path), "epochs": 3}, tmp_path / "progress.jsonl", lock)
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen == {
        "MILKYWAY_HEADLESS": "1",
        "NUMBA_THREADING_LAYER": "omp",
        "python": sys.executable,
        "cwd": str(chapter.path.parent),
        "transport": "ipc",
        "lock": os.fstat(lock).st_ino,
        "epochs": 3,
    }
    assert [path.name for path in output.parent.iterdir()] == ["01_one.ipynb"]
    assert [path.name for path in chapter.path.parent.iterdir()] == ["01_one.ipynb"]
    last = json.loads(output.read_text())["cells"][-1]
    streams = [output for output in last["outputs"] if output["output_type"] == "stream"]
    assert ["".join(stream["text"]) for stream in streams] == ["one\ntwo\n"]
    assert "MILKYWAY_HEADLESS" not in os.environ


def test_a_failing_cell_is_named_and_the_notebook_kept(write, lock: int, tmp_path: Path) -> None:
    chapter = write(
        "01_one", 'run = ""', "x = 1", "def deep():\n    raise KeyError('no\\nsuch')", "deep()", "never = 1"
    )
    output = tmp_path / "notebooks" / "01_one.ipynb"
    with pytest.raises(ChapterError) as caught:
        execute(chapter.path, output, {}, tmp_path / "progress.jsonl", lock)
    message = f"01_one failed in In [4]: KeyError: 'no\\nsuch' (the whole story is in {output})"
    assert str(caught.value) == message
    assert "Traceback" in output.read_text()


def test_input_refused_by_a_cell_is_refused_by_the_run(write, lock: int, tmp_path: Path) -> None:
    cell = "from milkyway_cnn.errors import InputError\nraise InputError('the field is empty; enlarge it')"
    with pytest.raises(InputError, match=r"^the field is empty; enlarge it$"):
        execute(write("01_one", 'run = ""', cell).path, tmp_path / "o.ipynb", {}, tmp_path / "progress.jsonl", lock)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_no_fault_of_the_chapter(write, lock: int, tmp_path: Path) -> None:
    chapter = write("01_one", 'run = ""', "with open('/dev/full', 'w') as file:\n    file.write('star')")
    with pytest.raises(OSError, match="No space left"):
        execute(chapter.path, tmp_path / "o.ipynb", {}, tmp_path / "progress.jsonl", lock)


def test_a_kernel_that_dies(write, lock: int, tmp_path: Path) -> None:
    chapter = write("01_one", 'run = ""', "import os", "os.write(2, b'out of memory'); os._exit(1)", "never = 1")
    output = tmp_path / "01_one.ipynb"
    with pytest.raises(ChapterError, match=r"01_one failed in In \[3\]: the kernel died, as it does when memory runs"):
        execute(chapter.path, output, {}, tmp_path / "progress.jsonl", lock)
    assert "out of memory" in output.with_suffix(".log").read_text()


def test_a_kernel_that_does_not_start_gets_a_second_chance(
    write, lock: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chapter, calls = write("01_one", 'run = ""'), []

    def fails(times: int):
        def papermill(notebook: Path, part: Path, *rest: object) -> None:
            calls.append(part)
            if len(calls) <= times:
                raise RuntimeError("Kernel died before replying to kernel_info")
            part.write_text("{}")

        return papermill

    monkeypatch.setattr(execution, "_papermill", fails(1))
    execute(chapter.path, tmp_path / "o.ipynb", {}, tmp_path / "progress.jsonl", lock)
    assert len(calls) == 2 and (tmp_path / "o.ipynb").exists()
    calls.clear()
    monkeypatch.setattr(execution, "_papermill", fails(2))
    with pytest.raises(ChapterError, match="01_one failed: the kernel did not start, twice"):
        execute(chapter.path, tmp_path / "o.ipynb", {}, tmp_path / "progress.jsonl", lock)


def test_a_kernel_gets_ready_before_its_chapter(write, lock: int, tmp_path: Path) -> None:
    first = write("01_one", 'run = ""', "import milkyway_cnn.errors", "def later():\n    import antigravity")
    after = write("02_two", 'run = ""', "import sys; there = 'wave' in sys.modules", "import wave; assert there")
    dies = write("03_three", 'run = ""', "import json")
    with Kernels(tmp_path / "logs", tmp_path / "progress.jsonl", lock) as kernels:
        for chapter, following in (
            (first, after),
            (after, replace(dies, imports="import os; os._exit(1)")),
            (dies, None),
        ):
            kernel = partial(kernels.take, chapter, following)
            execute(chapter.path, tmp_path / f"{chapter.name}.ipynb", {}, kernels.progress, lock, kernel)
    assert not list((tmp_path / "logs").iterdir())
