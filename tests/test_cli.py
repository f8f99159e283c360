import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from milkyway_cnn import cli
from milkyway_cnn.cli import clone
from milkyway_cnn.errors import InputError
from milkyway_cnn.pipeline import run as module
from milkyway_cnn.pipeline.execution import ChapterError
from milkyway_cnn.pipeline.parameters import Parameters


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Parameters, Path, list[str], str]]:
    """Return what runs the command line starts; they do nothing."""
    seen: list[tuple[Parameters, Path, list[str], str]] = []

    def run(parameters: Parameters, folder: Path, chapters, *, name: str, command, say) -> None:
        seen.append((parameters, folder, [chapter.name for chapter in chapters], name))

    monkeypatch.setattr(module, "run", run)
    monkeypatch.chdir(tmp_path)
    return seen


def test_demo_is_a_run(started) -> None:
    assert cli.main(["demo"]) == 0
    assert cli.main(["run", "demo", "--output", "here/there", "--set", "epochs=2", "--set", "slope=[1,2]"]) == 0
    (demo, folder, chapters, name), (changed, there, *_) = started
    assert (folder, name, chapters[0]) == (Path("runs/demo"), "demo", "02_mock_sky")
    assert there == Path("here/there") and (changed.epochs, changed.slope) == (2, [1.0, 2.0])
    assert changed == demo.model_copy(update={"epochs": 2, "slope": [1.0, 2.0]})


def test_a_catalog_and_a_file_of_the_user(started) -> None:
    Path("mine.yaml").write_text("l_min: 205\nl_max: 220\nb_min: -25\nb_max: -10\ncatalog: other.fits\n")
    assert cli.main(["run", "mine.yaml", "--catalog", "stars.fits", "--control", "field.fits"]) == 0
    parameters, folder, chapters, name = started[0]
    assert (parameters.catalog, parameters.control) == ("stars.fits", "field.fits")
    assert (folder, name, chapters[0]) == (Path("runs/mine"), "mine", "03_sightlines")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "dmo"], "there is no set of parameters 'dmo'; the nearest is 'demo'"),
        (["run", "none.yaml"], "the file of parameters none.yaml does not exist"),
        (["demo", "--set", "epoch=2"], "there is no parameter 'epoch'; the nearest is 'epochs'"),
        (["demo", "--set", "epochs"], "--set 'epochs' needs a value, as in --set key=value"),
        (["demo", "--set", "slope=[1.0"], "--set 'slope=[1.0' is no list, as in --set key=[1.0,2.0]"),
        (["demo", "--set", "slope=[1.0, two]"], "parameter slope = 'two': input should be a valid number"),
        (["demo", "--set", "epochs=two"], "parameter epochs = 'two': input should be a valid integer"),
        (["demo", "--sett", "epochs=two"], "No such option"),
        (["dmo"], "No such command"),
    ],
)
def test_bad_words_are_one_sentence_and_status_2(started, capsys, words: list[str], sentence: str) -> None:
    assert cli.main(words) == 2
    out, err = capsys.readouterr()
    assert sentence in err and "Traceback" not in err and out == "" and started == []


@pytest.mark.parametrize("words", [["--catalog", "none.fits"], ["--catalog", "empty.fits"], ["--output", "file"]])
def test_bad_files_are_one_sentence_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.fits").touch()
    Path("file").touch()
    assert cli.main(["run", "demo", *words]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("milkyway-cnn: ") and err.count("\n") == 1 and out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.fits", "file"]


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (InputError("the field is empty"), 2, "milkyway-cnn: the field is empty\n"),
        (ChapterError("08_maps failed in In [3]: no"), 1, "milkyway-cnn: 08_maps failed in In [3]: no\n"),
        (KeyboardInterrupt(), 130, "\nmilkyway-cnn: interrupted; the same command goes on from here\n"),
    ],
)
def test_exit_status(monkeypatch, capsys, error: BaseException, status: int, sentence: str) -> None:
    def run(*words: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(module, "run", run)
    assert cli.main(["demo"]) == status
    assert capsys.readouterr().err == sentence


def test_an_unforeseen_error_leaves_its_traceback_in_a_file(monkeypatch, capsys, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "run", lambda *words, **options: 1 / 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cli.main(["demo"]) == 1
    (file,) = tmp_path.iterdir()
    assert capsys.readouterr().err == (
        f"milkyway-cnn: failed: ZeroDivisionError: division by zero (the traceback is in {file})\n"
    )
    assert "Traceback" in file.read_text()


def test_parameters_are_listed_as_a_file_to_start_from(started, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["parameters", "smoke"]) == 0
    listed = capsys.readouterr().out
    assert "# passes of the training" in listed
    Path("mine.yaml").write_text(listed)
    assert cli.main(["run", "mine.yaml"]) == 0 and cli.main(["run", "smoke"]) == 0
    assert started[0][0] == started[1][0]


@pytest.mark.parametrize(
    ("words", "module", "folder"),
    [
        (["test"], ["pytest", "-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"], "tests"),
        (["test", "tests/nn", "-k", "dense"], ["pytest", "tests/nn", "-k", "dense"], "tests"),
        (["test", "--gpu", "-x"], ["pytest", "-m", "gpu", "-rs", "-x"], "tests"),
        (["lab", "--port=8899"], ["jupyter", "lab", "notebooks", "--port=8899"], "notebooks"),
        (["benchmark", "--networks", "tiny"], ["benchmarks.network", "--networks", "tiny"], "benchmarks"),
        (["benchmark", "network", "--help"], ["benchmarks.network", "--help"], "benchmarks"),
    ],
)
def test_modules_run_in_the_clone(monkeypatch, tmp_path: Path, capsys, words, module, folder) -> None:
    calls = []
    monkeypatch.chdir(tmp_path)

    def execve(program: str, words: list[str], environment: dict[str, str]) -> None:
        calls.append((program, words, Path.cwd()))
        raise typer.Exit(3)

    monkeypatch.setattr(os, "execve", execve)  # the module is to take this process, so that it ends with it
    assert cli.main(words) == 3
    assert calls == [(sys.executable, [sys.executable, "-m", *module], clone.ROOT)]
    monkeypatch.setattr(clone, "ROOT", tmp_path)
    assert cli.main(words) == 2
    assert f"there are no {folder} beside the package in {tmp_path}; run from a clone" in capsys.readouterr().err


def test_the_tests_of_a_card_run_under_each_sanitizer(monkeypatch, tmp_path: Path, capfd) -> None:
    assert cli.main(["test", "--gpu", "--sanitizer"]) == 2  # no card here
    assert "no NVIDIA driver answers" in capfd.readouterr().err
    monkeypatch.setattr("milkyway_cnn.backend.check.fault", lambda card: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["test", "--gpu", "--sanitizer"]) == 2
    assert "compute-sanitizer is not in PATH; it is part of NVIDIA's CUDA toolkit" in capfd.readouterr().err
    stand_in = tmp_path / "compute-sanitizer"
    stand_in.write_text('#!/bin/sh\necho "$MILKYWAY_SANITIZER: $*"\n[ $MILKYWAY_SANITIZER != memcheck ]\n')
    stand_in.chmod(0o755)
    assert cli.main(["test", "--gpu", "--sanitizer", "-k", "twin"]) == 1  # which memcheck says, and racecheck runs
    under, python = "--target-processes all --error-exitcode 1 --tool", f"{sys.executable} -m pytest -m gpu -rs -k twin"
    assert capfd.readouterr().out.splitlines() == [
        f"memcheck: {under} memcheck --report-api-errors no {python}",
        f"racecheck: {under} racecheck {python}",
    ]


def test_an_unknown_benchmark_is_refused(capsys) -> None:
    assert cli.main(["benchmark", "netwrk"]) == 2
    assert "there is no benchmark 'netwrk'; choose one of" in capsys.readouterr().err


def test_help_comes_at_once_and_nothing_heavy_with_it() -> None:
    watched = (
        "import sys, json; from milkyway_cnn.cli import main; main(['--help']); print(json.dumps(list(sys.modules)))"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", watched], capture_output=True, text=True, check=True)
    assert time.perf_counter() - start < 3.0  # 0.15 s on an idle core
    help_text, modules = done.stdout.rsplit("\n", 2)[0], set(json.loads(done.stdout.rsplit("\n", 2)[1]))
    assert "demo" in help_text and "test" in help_text
    assert not modules & {"numpy", "numba", "astropy", "matplotlib", "papermill", "nbconvert", "pydantic", "xarray"}


def test_importing_the_package_imports_nothing_third_party() -> None:
    code = "import sys; before = set(sys.modules); import milkyway_cnn; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [name for name in done.stdout.split() if not name.startswith("milkyway_cnn")] == []


def test_the_app_wants_a_run_with_a_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    assert cli.main(["app", str(tmp_path)]) == 2
    assert f"{tmp_path} holds no map to be served; give the folder of a run that is done" in capsys.readouterr().err
    (tmp_path / "cube" / "cube.zarr").mkdir(parents=True)
    (tmp_path / "cube" / "cube.zarr" / "zarr.json").touch()
    calls = []
    monkeypatch.setattr(os, "execve", lambda program, words, env: calls.append((words, env)))
    assert cli.main(["app", str(tmp_path), "--no-browser"]) == 0
    words, environment = calls[0]
    assert words[1:3] == ["-m", "voila"] and Path(words[3]).is_file()
    assert "--Voila.ip=127.0.0.1" in words and "--no-browser" in words
    assert environment["MILKYWAY_RUN"] == str(tmp_path) and environment["BOKEH_RESOURCES"] == "inline"
