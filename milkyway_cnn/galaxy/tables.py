"""States of components kept on disk, so that they are made once on a machine."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from milkyway_cnn.galaxy.density import Component
from milkyway_cnn.galaxy.states import States
from milkyway_cnn.storage import user_cache

__all__ = ["folder", "stored"]


def folder() -> Path:
    """Folder of the tables: `states` in the user's cache of `milkyway-cnn`. It may be deleted at any time."""
    return user_cache() / "states"


def stored(
    make: Callable[..., States], component: Component, binary_fraction: float, isochrones: tuple[str, ...] = ()
) -> States:
    """Read the states from disk if they are there, else make and keep them.

    They are found by all that they stand on: the component, the binaries, the bytes of isochrone files and the code of
    this folder. Where the cache cannot be written they are made each time.
    """
    what = [repr(component), binary_fraction, [_digest(Path(path)) for path in isochrones], _code()]
    path = folder() / f"{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]}.npz"
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return States(**{field.name: arrays[field.name] for field in fields(States)})
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):  # not there, or broken
        pass
    made = make(component, binary_fraction, *([isochrones] if isochrones else []))
    _keep(path, {field.name: getattr(made, field.name) for field in fields(States)})
    return made


def _keep(path: Path, arrays: dict[str, Any]) -> None:
    """Write a table beside its place under a name of its own, for several processes may make the same one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as file:
            np.savez(file, allow_pickle=False, **arrays)
        Path(file.name).replace(path)
    except OSError:  # a cache that is full or read-only is none
        return


@cache
def _code() -> str:
    """Digest of the code that makes states."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return os.fspath(path)  # its reader says what is wrong
