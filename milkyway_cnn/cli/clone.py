"""The clone: the verbs that work on its notebooks, tests and benchmarks; further words go to what they start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import typer

from ..errors import InputError

__all__ = ["benchmark", "lab", "test"]

ROOT = Path(__file__).resolve().parents[2]
#: Words of pytest-xdist: the tests of a file share what they prepare, and files keep their order, slow ones early.
_ON_ALL_CORES = ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]


def lab(context: typer.Context) -> None:
    """Open the chapters in JupyterLab, in this environment; further words go to `jupyter lab`."""
    _from_clone("notebooks", ["jupyter", "lab", "notebooks", *context.args], BOKEH_RESOURCES="inline")


def test(context: typer.Context) -> None:
    """Run all tests of the clone, on all cores; with --gpu those that need a CUDA card; further words go to pytest."""
    words = [word for word in context.args if word != "--gpu"]
    chosen = ["-m", "gpu", "-rs", *words] if "--gpu" in context.args else words
    _from_clone("tests", ["pytest", *(chosen or _ON_ALL_CORES)])


def benchmark(context: typer.Context) -> None:
    """Measure speed and memory: `benchmark [NAME] ...` runs benchmarks/NAME.py of the clone, the network by default.

    With `--device cuda` it is benchmarks/card.py, which measures a card.
    """
    words = list(context.args)
    if words[:2] == ["--device", "cuda"]:
        words[:2] = ["card"]
    name = words.pop(0) if words and not words[0].startswith("-") else "network"
    paths = (ROOT / "benchmarks").glob("*.py")
    names = sorted(path.stem for path in paths if "def main(arguments" in path.read_text())
    if names and name not in names:
        msg = f"there is no benchmark {name!r}; choose one of {', '.join(names)}"
        raise InputError(msg)
    _from_clone("benchmarks", [f"benchmarks.{name}", *words])


def _from_clone(folder: str, words: list[str], **environment: str) -> NoReturn:
    """Run a module of Python in the clone, which must have a folder, and exit with its status."""
    if not (ROOT / folder).is_dir():
        msg = f"there are no {folder} beside the package in {ROOT}; run from a clone of the repository"
        raise InputError(msg)
    raise typer.Exit(subprocess.call([sys.executable, "-m", *words], cwd=ROOT, env=os.environ | environment))
