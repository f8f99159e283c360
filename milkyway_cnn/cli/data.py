"""Data: the verbs that fetch stars from archives and services."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .words import going_on, pair

__all__ = ["besancon", "fetch"]


def fetch(
    survey: Annotated[str, typer.Argument(help="2mass, gaia or panstarrs.")],
    region: Annotated[str, typer.Option(metavar="L,L,B,B", help="l_min,l_max,b_min,b_max in degrees.")],
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Parquet; SURVEY.parquet by default.")] = None,
    archive: Annotated[str, typer.Option(metavar="NAME", help="Archive; the preferred one by default.")] = "",
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Where tiles are kept; the user's cache.")] = None,
) -> None:
    """Fetch a survey's stars of a region from its archive; the same command again goes on where it was left."""
    from ..surveys.fetch import fetch as work
    from ..surveys.tiles import parse_region

    with going_on():
        fetched = work(survey, parse_region(region), output or f"{survey}.parquet", archive=archive, cache=cache)
    kept = f", {fetched.from_cache} of them kept from before" if fetched.from_cache else ""
    typer.echo(f"{fetched.path}: {fetched.stars:,} stars from {fetched.tiles} tiles{kept}")


def besancon(
    directions: Annotated[list[str], typer.Argument(metavar="L,B ...", help="Galactic directions in degrees.")],
    area: Annotated[float, typer.Option(help="Square degrees of each.")] = 0.1,
    faintest: Annotated[float, typer.Option(metavar="K", help="Faintest K magnitude.")] = 16.0,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the service; may be repeated."),
    ] = None,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the files.")] = Path(),
    delete: Annotated[bool, typer.Option("--delete", help="Delete the jobs that unfinished commands left.")] = False,
) -> None:
    """Fetch stars of the Besancon model from its service, which wants an account; the same command again goes on."""
    from ..galaxy.besancon_fetch import Direction, delete_besancon, fetch_besancon, parse_direction

    further = dict(pair(change) for change in changes or ())
    asked = [Direction(*parse_direction(text), area, faintest, further=further) for text in directions]
    output.mkdir(parents=True, exist_ok=True)
    for direction in asked:
        path = output / f"besancon_l{direction.l:g}_b{direction.b:g}.txt"
        if delete:
            typer.echo(f"{path}: {'its job is deleted' if delete_besancon(path) else 'it has no job'}")
            continue
        with going_on():
            typer.echo(fetch_besancon(direction, path))
