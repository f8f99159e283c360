"""The clone: the verbs that work on its notebooks, tests and benchmarks; further words go to what they start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import typer

from ..errors import InputError
from .words import become

__all__ = ["benchmark", "lab", "test"]

ROOT = Path(__file__).resolve().parents[2]
#: Words of pytest-xdist: the tests of a file share what they prepare, and files keep their order, slow ones early.
_ON_ALL_CORES = ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
#: Tools of compute-sanitizer, with their options: errors of calls are CuPy's to raise, who tries some that may fail.
_SANITIZERS = {"memcheck": ["--report-api-errors", "no"], "racecheck": []}


def lab(context: typer.Context) -> None:
    """Open the chapters in JupyterLab, in this environment; further words go to `jupyter lab`."""
    _enter("notebooks")
    become(["jupyter", "lab", "notebooks", *context.args], os.environ | {"BOKEH_RESOURCES": "inline"})


def test(context: typer.Context) -> None:
    """Run all tests of the clone, on all cores; further words go to pytest.

    With --gpu those that need a CUDA card; with --gpu --sanitizer these under NVIDIA's compute-sanitizer, which looks
    for accesses beyond arrays (memcheck) and for races (racecheck).
    """
    words = list(context.args)
    _enter("tests")
    if "--gpu" not in words:
        become(["pytest", *(words or _ON_ALL_CORES)], os.environ)
    command = ["pytest", "-m", "gpu", "-rs", *(word for word in words if word not in ("--gpu", "--sanitizer"))]
    if "--sanitizer" not in words:
        become(command, os.environ)
    sanitizer = [_sanitizer(), "--target-processes", "all", "--error-exitcode", "1", "--tool"]
    every = [
        subprocess.call(
            [*sanitizer, tool, *options, sys.executable, "-m", *command], env=os.environ | {"MILKYWAY_SANITIZER": tool}
        )
        for tool, options in _SANITIZERS.items()
    ]
    raise typer.Exit(int(any(every)))


def _sanitizer() -> str:
    """Find compute-sanitizer, where there is a card for it."""
    from ..backend import check

    problem = check.fault(check.found())
    if problem is not None:
        raise InputError(problem)
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/cuda/bin"])
    found = shutil.which("compute-sanitizer", path=path)
    if found is None:
        msg = (
            "compute-sanitizer is not in PATH; it is part of NVIDIA's CUDA toolkit, and by itself the package"
            " cuda-sanitizer-api of conda (conda install -c conda-forge cuda-sanitizer-api)"
        )
        raise InputError(msg)
    return found


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
    _enter("benchmarks")
    become([f"benchmarks.{name}", *words], os.environ)


def _enter(folder: str) -> None:
    """Go to the clone, which must have a folder."""
    if not (ROOT / folder).is_dir():
        msg = f"there are no {folder} beside the package in {ROOT}; run from a clone of the repository"
        raise InputError(msg)
    os.chdir(ROOT)
