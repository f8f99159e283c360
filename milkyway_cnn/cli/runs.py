"""Runs: the verbs that execute the chapters, and list their parameters."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .words import Changes, Output, going_on

__all__ = ["demo", "parameters", "run"]


def demo(changes: Changes = None, output: Output = None) -> None:
    """Run the whole chain on the embedded Galaxy: the same as `run demo`."""
    run("demo", changes=changes, output=output)


def run(
    name: Annotated[str, typer.Argument(help="A set of parameters in notebooks/parameters, or a YAML file.")],
    catalog: Annotated[str, typer.Option(metavar="PATH", help="Star catalog: a file, or a folder of many.")] = "",
    control: Annotated[str, typer.Option(metavar="FILE", help="Catalog of a dust-free control field.")] = "",
    training: Annotated[bool, typer.Option("--training", help="Only train, for maps that other runs make.")] = False,
    changes: Changes = None,
    output: Output = None,
) -> None:
    """Execute the chapters with a set of parameters; the same command again goes on where it was left."""
    from ..pipeline.chapters import NOTEBOOKS, planned
    from ..pipeline.parameters import validated
    from ..pipeline.run import run as execute
    from ..pipeline.settings import load, settings

    values = load(name, NOTEBOOKS / "parameters") | settings(changes or ())
    values |= {key: value for key, value in (("catalog", catalog), ("control", control)) if value}
    chosen = validated(values)
    title = Path(name).stem
    folder, command = output or Path("runs") / title, ["milkyway-cnn", *sys.argv[1:]]
    with going_on():
        execute(chosen, folder, planned(chosen, training=training), name=title, command=command, say=typer.echo)


def parameters(name: Annotated[str, typer.Argument(help="A set of parameters, or a YAML file.")] = "demo") -> None:
    """List the parameters with the values of a set, as a YAML file to start one of your own."""
    import json

    from ..pipeline.chapters import NOTEBOOKS
    from ..pipeline.parameters import Parameters
    from ..pipeline.settings import load

    values = load(name, NOTEBOOKS / "parameters")
    for key, field in Parameters.model_fields.items():
        typer.echo(f"{f'{key}: {json.dumps(values.get(key, field.default))}':32}  # {field.description}")
