"""The front door, on machines that have nothing yet: a clone in a folder with a space, and stand-ins for uv and pip."""

import ast
import os
import shutil
import stat
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from milkyway_cnn import __main__ as door

ROOT = Path(__file__).parents[1]
#: Makes an environment whose Python writes its arguments, one a line.
UV = """#!/bin/sh
echo "$PWD: uv $@" >> "$LOG"
for last; do :; done
if [ "$1" = venv ]; then
    mkdir -p "$last/bin"
    printf '#!/bin/sh\\nfor word; do echo "[$word]"; done\\nexit 7\\n' > "$last/bin/python"
    chmod +x "$last/bin/python"
fi
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a bare clone, as far as the bootstrap looks at it."""
    clone = tmp_path / "a clone"
    for name in ("milkyway_cnn/__init__.py", "milkyway_cnn/__main__.py", "pyproject.toml", "binder/constraints.txt"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    return clone


def enter(clone: Path, *words: str, uv: str | None = UV) -> subprocess.CompletedProcess[str]:
    """Say the words at the front door with a Python that has nothing but the standard library."""
    tools = clone.parent / "tools"
    tools.mkdir(exist_ok=True)
    if uv:
        (tools / "uv").write_text(uv)
        (tools / "uv").chmod(0o755)
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "LOG": str(clone.parent / "log"), "PIP_NO_INDEX": "1"}
    # -I -S: neither site-packages nor PYTHONPATH; then the clone alone is put on the path, as -m does
    code = f"import runpy, sys; sys.path.insert(0, {str(clone)!r}); sys.argv[1:] = {list(words)!r}; "
    code += "runpy.run_module('milkyway_cnn', run_name='__main__', alter_sys=True)"
    python = [sys.executable, "-I", "-S", "-c", code]
    return subprocess.run(python, cwd=clone, env=environment, capture_output=True, text=True, check=False)


def test_a_bare_clone_is_set_up_once(clone: Path) -> None:
    done = enter(clone, "demo", "--set", "epochs=2 3")
    assert done.stdout.split("\n") == ["[-m]", "[milkyway_cnn]", "[demo]", "[--set]", "[epochs=2 3]", ""]
    assert done.returncode == 7 and done.stderr.startswith(f"setting up {clone}/.venv")
    venv, install = (clone.parent / "log").read_text().splitlines()
    assert venv.endswith(f"uv venv -q --allow-existing --python {sys.executable} {clone}/.venv")
    constrained = f"-q --python {clone}/.venv/bin/python -c binder/constraints.txt -e .[test]"
    assert install == f"{clone}: uv pip install {constrained}"

    assert enter(clone, "test").stderr == ""
    assert len((clone.parent / "log").read_text().splitlines()) == 2
    (clone / "binder/constraints.txt").write_text("numpy==2.0\n")
    assert enter(clone, "test").stderr.startswith("setting up")


def test_what_a_card_needs_is_added_when_it_is_asked_for(clone: Path) -> None:
    tools = clone.parent / "tools"
    tools.mkdir()
    for answer, wanted in (("9.0, 580.159.03", "cuda13"), ("7.0, 580.159.03", "cuda12"), ("9.0, 550.54.15", "cuda12")):
        (tools / "nvidia-smi").write_text(f"#!/bin/sh\necho '{answer}'\necho '{answer}'\n")
        (tools / "nvidia-smi").chmod(0o755)
        (clone.parent / "log").unlink(missing_ok=True)
        enter(clone, "test", "--gpu")
        assert (clone.parent / "log").read_text().endswith(f"-e .[test,{wanted}]\n")
        assert enter(clone, "demo").stderr == ""  # for which the same will do
        (clone / ".venv" / "milkyway-cnn.stamp").unlink()
    (tools / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    enter(clone, "benchmark", "--device", "cuda")
    assert (clone.parent / "log").read_text().endswith("-e .[test]\n")


def test_without_uv_and_network_it_says_so(clone: Path) -> None:
    done = enter(clone, "demo", uv="#!/bin/sh\necho 'no such host' >&2; exit 2\n")
    setting_up, sentence = done.stderr.splitlines()
    assert done.returncode == 1 and setting_up.startswith("setting up")
    log = clone / ".venv" / "milkyway-cnn.log"
    assert sentence == (
        f"milkyway-cnn could not set up its environment: is the network there? What was tried is in {log}"
    )
    assert "no such host" in log.read_text() and "-m pip install" in log.read_text()
    assert not (clone / ".venv" / "milkyway-cnn.stamp").exists()


def test_where_the_environment_cannot_be_made_it_says_so(clone: Path) -> None:
    (clone / ".venv").touch()
    done = enter(clone, "demo")
    assert done.returncode == 1
    assert "milkyway-cnn could not set up its environment: [Errno 17] File exists" in done.stderr


def test_an_old_python_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 2))
    assert door.main() == 2
    assert capsys.readouterr().err == f"milkyway-cnn needs Python 3.11 or newer, and {sys.executable} is older.\n"
    for name in ("__init__.py", "__main__.py"):  # which it can only be told if it can read that far
        ast.parse((ROOT / "milkyway_cnn" / name).read_text(), feature_version=(3, 7))


def test_where_it_is_installed_it_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "0.1.0")
    monkeypatch.setattr("milkyway_cnn.cli.main", lambda: 3)
    assert door.main() == 3


def test_scripts_can_be_executed_and_the_environment_is_not_committed() -> None:
    for name in (".ci/run", "binder/postBuild", "binder/start"):
        assert (ROOT / name).stat().st_mode & stat.S_IXUSR or os.name != "posix", name
    assert ".venv/" in (ROOT / ".gitignore").read_text().split()
