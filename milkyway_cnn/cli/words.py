"""What the verbs share: common options, what is said of an interrupted one, and how one goes over into a program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ..errors import InputError

__all__ = ["Array", "Changes", "Member", "Output", "Place", "become", "going_on", "pair"]

Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one parameter; may be repeated.")
]
Output = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the run; runs/NAME by default.")]
Place = Annotated[
    str, typer.Option(metavar="PLACE", help="Number of processes, address of a Dask scheduler, or Slurm's options.")
]
Array = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Submit an array of Slurm jobs with these options instead.")
]
Member = Annotated[int | None, typer.Option(metavar="N", help="Run this member alone.")]


@contextmanager
def going_on() -> Iterator[None]:
    """Say of an interrupted command that it can be given again."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nmilkyway-cnn: interrupted; the same command goes on from here", err=True)
        raise typer.Exit(130) from None


def become(module: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Go over into a module of Python with its words: it takes this process, so that what ends this one ends it."""
    command = [sys.executable, "-m", *module]
    if os.name == "nt":
        raise typer.Exit(subprocess.call(command, env=environment))
    os.execve(sys.executable, command, environment)


def pair(change: str) -> tuple[str, str]:
    """Return the two sides of a word NAME=VALUE.

    Raises
    ------
    InputError
        when one is missing.
    """
    name, equals, value = change.partition("=")
    if not (name and equals):
        msg = f"--set {change!r} needs a value, as in --set NAME=VALUE"
        raise InputError(msg)
    return name, value
