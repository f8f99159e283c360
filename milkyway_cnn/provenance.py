"""Where a product comes from: versions, commit, machine, parameters and seed."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from . import __version__

__all__ = ["record"]

#: Libraries whose version can change a result.
LIBRARIES = ("numpy", "scipy", "numba", "astropy", "xarray", "zarr")


@cache
def commit() -> str:
    """Return the commit of the clone, with ``+`` when files differ from it, or an empty string when unknown."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # not a repository in which only the environment lies
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def record(parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return where a product comes from, as flat plain values fit for dataset attributes and JSON.

    Parameters
    ----------
    parameters
        what the product was made with, the seed among them; each appears as ``parameter_NAME``.

    Notes
    -----
    No time of day is in it: the same run gives the same record, and so the same file.
    """
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {
        "milkyway_cnn": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        **versions,
        "machine": f"{platform.system()} {platform.machine()}",
        **{f"parameter_{name}": value for name, value in (parameters or {}).items()},
    }
