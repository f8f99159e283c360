"""What a reader of the repository may rely on: style, types, direction of imports, clean notebooks."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted([*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "widgets").rglob("*.ipynb")])


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "ruff", "check", "."],
        [sys.executable, "-m", "ruff", "format", "--check", "."],
        [sys.executable, "-m", "mypy"],
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
    ],
    ids=["ruff check", "ruff format", "mypy", "import contracts"],
)
def test_tool(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


#: Places that only one machine has: homes on Linux, macOS and Windows, also as JSON writes them, and drives.
PERSONAL = re.compile(r"(?<![\w.])/(?:home|Users|root|mnt|media)/|~/|\b[A-Za-z]:(?:\\\\|/(?!/))|file://")


@pytest.mark.parametrize(
    "text", ["run = '/home/ann/runs'", '"/Users/bo/x"', "C:\\\\stars", "C:/stars", "~/runs", "file:///x"]
)
def test_personal_paths_are_seen(text: str) -> None:
    assert PERSONAL.search(text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_clean(path: Path) -> None:
    assert not (found := PERSONAL.search(path.read_text())), f"a path of one machine: {found}"
    notebook = json.loads(path.read_text())
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in code] == [[]] * len(code), "clear the outputs before a commit"
    assert [cell["execution_count"] for cell in code] == [None] * len(code)
    tree = ast.parse("\n".join("".join(cell["source"]) for cell in code))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            assert node.end_lineno and node.end_lineno - node.lineno < 25, f"{node.name} belongs into the package"


def test_nothing_imports_a_notebook_and_constraints_name_no_host() -> None:
    for path in [*(ROOT / "milkyway_cnn").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        assert not re.search(r"^\s*(from|import) notebooks\b", path.read_text(), re.MULTILINE), path
    assert "://" not in (ROOT / "binder/constraints.txt").read_text()
