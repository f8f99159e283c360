"""Transfer: the verb that leaves sightlines out of the training, and asks how well they are read all the same."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .many import carry_out
from .words import Array, Changes, Member, Place

__all__ = ["transfer"]


class By(StrEnum):
    """What is left out at once."""

    sightline = "sightline"
    l = "l"
    b = "b"


def transfer(
    name: Annotated[str, typer.Argument(help="A set of parameters in notebooks/parameters, or a YAML file.")],
    by: Annotated[By, typer.Option(help="Leave out one sightline at a time, or all of one l or b.")] = By.sightline,
    changes: Changes = None,
    cluster: Place = "",
    array: Array = None,
    member: Member = None,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of it all; runs/NAME_transfer.")] = None,
) -> None:
    """Train without each sightline, and judge it there, beside training with all; given again, it goes on."""
    from ..pipeline.chapters import NOTEBOOKS
    from ..pipeline.settings import load, settings
    from ..pipeline.transfer import leaving_out

    values = load(name, NOTEBOOKS / "parameters") | settings(changes or ())
    title = Path(name).stem
    planned = leaving_out(title, values, by.value)
    folder = (output or Path("runs") / f"{title}_transfer").absolute()
    named = str(Path(name).absolute()) if Path(name).suffix else name
    carry_out(planned, folder, ["transfer", named, "--by", by.value], changes, cluster, array, member)
