"""What the user sets: words of the command line, and files of parameters; `parameters.validated` checks the values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import InputError

__all__ = ["load", "presets", "settings"]


def settings(words: Iterable[str]) -> dict[str, Any]:
    """Return the values in words such as ``epochs=20`` and ``slope=[1.0,2.5]``; they are converted by `validated`.

    Raises
    ------
    InputError
        for a word without ``=``, or a list that is none.
    """
    import yaml

    values: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            msg = f"--set {word!r} needs a value, as in --set key=value"
            raise InputError(msg)
        try:
            values[name] = yaml.safe_load(value) if value.startswith("[") else value
        except yaml.YAMLError:
            msg = f"--set {word!r} is no list, as in --set key=[1.0,2.0]"
            raise InputError(msg) from None
    return values


def presets(folder: Path) -> dict[str, Path]:
    """Return the named sets of parameters in ``folder``, name -> YAML file."""
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load(name: str, folder: Path) -> dict[str, Any]:
    """Return the values in ``folder/name.yaml`` or, where `name` is the path of a YAML file, in that file.

    Raises
    ------
    InputError
        when there is no such file, or it is not a flat YAML mapping.
    """
    import yaml

    if not folder.is_dir():
        msg = f"the folder {folder} is missing; run from a clone of the repository"
        raise InputError(msg)
    known = presets(folder)
    path = known.get(name, Path(name))
    if name not in known and path.suffix not in (".yaml", ".yml"):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        msg = f"there is no set of parameters {name!r}{hint}, and a file of your own ends in .yaml"
        raise InputError(msg)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        msg = f"the file of parameters {path} does not exist"
        raise InputError(msg) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        msg = f"the file of parameters {path} cannot be read: {' '.join(str(error).split())}"
        raise InputError(msg) from None
    if not isinstance(values, dict):
        msg = f"the file of parameters {path} must hold lines 'name: value', not a {type(values).__name__}"
        raise InputError(msg)
    return {str(key): value for key, value in values.items()}
