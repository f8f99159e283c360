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
    own: list[str] = []
    injected: list[str] = []
    for source in namespace["In"]:
        (injected if source.startswith(INJECTED) else own).extend(_assigned(source))
    fields = Parameters.model_fields
    known = set(own).union(fields if set(own) <= {"run", *fields} else ())
    for name in injected:
        if name not in known:
            raise InputError(no_parameter(name, known))
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


def _assigned(source: str) -> list[str]:
    """Return the names to which a cell assigns plain values, none where it does anything else."""
    try:
        return [_name(statement) for statement in ast.parse(source).body]
    except (SyntaxError, AttributeError, ValueError, IndexError):
        return []


def _name(statement: Any) -> str:
    ast.literal_eval(statement.value)
    return statement.targets[0].id
