"""The network file: one zip of arrays (.npz, no pickle) with a JSON description, written beside and renamed.

Arrays are ``parameter/<number>``, ``statistic/<number>`` and, in a training state, ``moment/<number>/<number>``;
``description`` is JSON text as bytes. Whatever cannot be read ends in one InputError.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.storage import replacing

__all__ = ["read", "write"]

_FORMAT = "milkyway_cnn network"
_VERSION = 1


def write(path: Path | str, description: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write a network file; whatever stood at `path` is replaced only when all is written.

    Raises
    ------
    InputError
        If the place cannot be written or is full.
    """
    text = json.dumps({"format": _FORMAT, "version": _VERSION} | description)
    try:
        with replacing(path) as place, place.open("wb") as file:
            np.savez(file, allow_pickle=False, description=np.frombuffer(text.encode(), np.uint8), **arrays)
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}); choose another place or make room"
        raise InputError(msg) from error


def read(path: Path | str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return description and arrays of a network file.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another kind or of a later version.
    """
    path = Path(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        description = json.loads(arrays.pop("description").tobytes())
        kind, version = description["format"], description["version"]
    except FileNotFoundError as error:
        msg = f"{path} does not exist; give the path of a saved network"
        raise InputError(msg) from error
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        msg = f"{path} is damaged or no network file; save the network again"
        raise InputError(msg) from error
    if kind != _FORMAT or version != _VERSION:
        msg = (
            f"{path} is {kind!r} of version {version!r}, not {_FORMAT!r} of version {_VERSION}; save the network again"
        )
        raise InputError(msg)
    return description, arrays
