"""Many runs: the verbs that list and compare them, and make them over a grid of parameters."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .words import Array, Changes, Member, Place, going_on

if TYPE_CHECKING:
    from ..pipeline.sweep import Sweep

__all__ = ["carry_out", "gallery", "sweep"]

gallery = typer.Typer(help="List the runs that there are, or compare some.", no_args_is_help=True)


@gallery.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of runs, at any depth.")] = Path("runs"),
) -> None:
    """List runs: state, training, the parameters in which they differ, scores."""
    from ..pipeline.runs import found, table

    there = found(folder)
    if not there:
        typer.echo(f"there is no run in {folder}")
        return
    typer.echo("\n".join(table(there, folder).pformat(max_lines=-1, max_width=-1)))


@gallery.command("compare")
def compare(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR ...", help="Folders of runs.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Page to write.")] = Path("comparison.html"),
) -> None:
    """Compare runs: a table here, and a page with curves and scores side by side."""
    from ..pipeline.compare import write_comparison
    from ..pipeline.runs import opened, table

    chosen = [opened(folder) for folder in folders]
    write_comparison(chosen, output)
    typer.echo("\n".join(table(chosen).pformat(max_lines=-1, max_width=-1)))
    typer.echo(f"page: {output}")


def sweep(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML file with base, grid and further parameters.")],
    changes: Changes = None,
    cluster: Place = "",
    array: Array = None,
    member: Member = None,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the sweep; runs/FILE.")] = None,
) -> None:
    """Run over a grid of parameters, side by side; the same command again does what is missing."""
    from ..pipeline.settings import settings
    from ..pipeline.sweep import read

    planned = read(file, settings(changes or ()))
    folder = (output or Path("runs") / file.stem).absolute()
    carry_out(planned, folder, ["sweep", str(file.absolute())], changes, cluster, array, member)


def carry_out(
    planned: Sweep,
    folder: Path,
    verb: list[str],
    changes: list[str] | None,
    cluster: str,
    array: Path | None,
    member: int | None,
) -> None:
    """Run all members of a sweep, or one, or submit them as an array of jobs that give the words `verb` again."""
    from ..pipeline.sweep import submit_array

    words = [sys.executable, "-m", "milkyway_cnn.cli", *verb]
    words += [word for change in changes or () for word in ("--set", change)]
    with going_on():
        if member is not None:
            raise typer.Exit(planned.run_member(member, folder))
        if array is not None:
            typer.echo(submit_array(planned, folder, array, [*words, "--output", str(folder)]))
        else:
            planned.run(folder, cluster, say=typer.echo)
