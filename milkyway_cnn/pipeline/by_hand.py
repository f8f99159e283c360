"""A chapter executed by itself, in Jupyter or by papermill: its parameters are checked as those of a run are."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ..errors import InputError
from .parameters import Parameters, no_parameter, validated

__all__ = ["check"]

#: First line of the cell that papermill puts behind the one tagged `parameters`; any name is taken into it.
INJECTED = "# Parameters"


def check(namespace: Mapping[str, Any]) -> None:
    """Refuse names that are no parameters and values that cannot be, before a chapter computes anything.

    A chapter of a run takes the names of all parameters, so that one file of them serves all chapters; one that stands
    on its own takes those of its cell.

    Parameters
    ----------
    namespace
        ``globals()`` of the notebook, among them `In`, where IPython keeps the sources of the cells executed so far.

    Raises
    ------
    InputError
        for the first of them, with the nearest right name or the rule.
    """
    own: dict[str, Any] = {}
    injected: dict[str, Any] = {}
    for source in namespace["In"]:
        (injected if source.startswith(INJECTED) else own).update(_assigned(source))
    fields = Parameters.model_fields
    known = set(own).union(fields if set(own) <= {"run", *fields} else ())
    for name in injected:
        if name not in known:
            raise InputError(no_parameter(name, known))
        if name in own and name not in fields:
            _check_kind(name, injected[name], own[name])
    # A module may have taken the place of a value when the cell is executed once more.
    given = {name: namespace[name] for name in {*own, *injected} & set(fields)}
    values = {name: value for name, value in given.items() if not isinstance(value, ModuleType)}
    for name, value in values.items():
        if isinstance(value, str) and value.startswith("["):
            msg = f"parameter {name} = {value!r} is text, not a list; papermill takes lists as -y '{name}: {value}'"
            raise InputError(msg)
    if values.get("control"):
        values.setdefault("catalog", "which only the chapter of sightlines names")
    validated(values)


def _check_kind(name: str, value: Any, default: Any) -> None:
    """Refuse a value that is not of the kind of a chapter's own parameter, which the model of parameters lacks."""
    number = isinstance(default, int | float)
    if not isinstance(value, (int, float) if number else type(default)):
        kind = "a number" if number else {"str": "text", "list": "a list", "dict": "a mapping"}[type(default).__name__]
        msg = f"parameter {name} = {value!r} must be {kind}, as {default!r} is"
        raise InputError(msg)


def _assigned(source: str) -> dict[str, Any]:
    """Return the plain values that a cell assigns, by name, none where it does anything else."""
    try:
        pairs = [(statement.targets[0].id, statement.value) for statement in ast.parse(source).body]  # type: ignore[attr-defined]
        return {name: ast.literal_eval(value) for name, value in pairs}
    except (SyntaxError, AttributeError, ValueError, IndexError):
        return {}
