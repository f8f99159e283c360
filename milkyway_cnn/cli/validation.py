"""Validation: the verb that sends mock skies with known dust through the chain of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .words import going_on

__all__ = ["validate"]


def validate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run that is done.")] = Path("runs/demo"),
    skies: Annotated[str, typer.Option(help="Mock skies, with commas between.")] = "disc,screen,empty,checkerboard",
    dust: Annotated[str, typer.Option(metavar="CUBE", help="A cube whose dust is one more sky.")] = "",
    galaxy: Annotated[
        str, typer.Option(metavar="MODEL", help="Whose stars the skies have; by default those of the run.")
    ] = "",
    cells: Annotated[int, typer.Option(help="Cells of each sky, at most.", min=4)] = 120,
    seed: Annotated[int, typer.Option(help="Of the skies.")] = 1,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="RUN/validation by default.")] = None,
) -> None:
    """Map mock skies whose dust is known with the network of a run; exit status 1 when a check fails."""
    from .. import validation
    from ..validation.report import lines, write_validation

    folder = output or run / "validation"
    with going_on():
        checks, made = validation.validate(
            run,
            folder,
            skies=[name for name in skies.split(",") if name],
            dust=dust,
            galaxy=galaxy,
            most=cells,
            seed=seed,
            on_sky=lambda name: typer.echo(f"{name}: done"),
        )
        page = write_validation(checks, made, folder, run)
    for line in lines(checks):
        typer.echo(line)
    typer.echo(f"page: {page}")
    if any(not check.holds for check in checks if (check.at_most, check.at_least) != (None, None)):
        raise typer.Exit(1)
