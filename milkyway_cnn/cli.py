"""The command ``milkyway-cnn``: run, demo, parameters, fetch, besancon, lab, benchmark, test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from .errors import InputError, ServiceError

__all__ = ["app", "main"]

ROOT = Path(__file__).resolve().parent.parent

app = typer.Typer(
    help="Star catalogs in, a 3D map of the Milky Way's dust out.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one parameter; may be repeated.")
]
Output = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the run; runs/NAME by default.")]


@app.command()
def demo(changes: Changes = None, output: Output = None) -> None:
    """Run the whole chain on the embedded Galaxy: the same as `run demo`."""
    run("demo", changes=changes, output=output)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="A set of parameters in notebooks/parameters, or a YAML file.")],
    catalog: Annotated[str, typer.Option(metavar="PATH", help="Star catalog: a file, or a folder of many.")] = "",
    control: Annotated[str, typer.Option(metavar="FILE", help="Catalog of a dust-free control field.")] = "",
    changes: Changes = None,
    output: Output = None,
) -> None:
    """Execute the chapters with a set of parameters; the same command again goes on where it was left."""
    from .pipeline import parameters
    from .pipeline.chapters import NOTEBOOKS, planned
    from .pipeline.run import run as execute

    values = parameters.load(name, NOTEBOOKS / "parameters") | parameters.settings(changes or ())
    values |= {key: value for key, value in (("catalog", catalog), ("control", control)) if value}
    chosen = parameters.validated(values)
    title = Path(name).stem
    folder, command = output or Path("runs") / title, ["milkyway-cnn", *sys.argv[1:]]
    with _going_on():
        execute(chosen, folder, planned(chosen), name=title, command=command, say=typer.echo)


@app.command()
def parameters(name: Annotated[str, typer.Argument(help="A set of parameters, or a YAML file.")] = "demo") -> None:
    """List the parameters with the values of a set, as a YAML file to start one of your own."""
    import json

    from .pipeline.chapters import NOTEBOOKS
    from .pipeline.parameters import Parameters, load

    values = load(name, NOTEBOOKS / "parameters")
    for key, field in Parameters.model_fields.items():
        typer.echo(f"{f'{key}: {json.dumps(values.get(key, field.default))}':32}  # {field.description}")


@app.command()
def fetch(
    survey: Annotated[str, typer.Argument(help="2mass, gaia or panstarrs.")],
    region: Annotated[str, typer.Option(metavar="L,L,B,B", help="l_min,l_max,b_min,b_max in degrees.")],
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Parquet; SURVEY.parquet by default.")] = None,
    archive: Annotated[str, typer.Option(metavar="NAME", help="Archive; the preferred one by default.")] = "",
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Where tiles are kept; the user's cache.")] = None,
) -> None:
    """Fetch a survey's stars of a region from its archive; the same command again goes on where it was left."""
    from .surveys.fetch import fetch as work
    from .surveys.tiles import parse_region

    with _going_on():
        fetched = work(survey, parse_region(region), output or f"{survey}.parquet", archive=archive, cache=cache)
    kept = f", {fetched.from_cache} of them kept from before" if fetched.from_cache else ""
    typer.echo(f"{fetched.path}: {fetched.stars:,} stars from {fetched.tiles} tiles{kept}")


@app.command()
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
    from .galaxy.besancon_fetch import Direction, delete_besancon, fetch_besancon, parse_direction

    further = dict(_pair(change) for change in changes or ())
    asked = [Direction(*parse_direction(text), area, faintest, further=further) for text in directions]
    output.mkdir(parents=True, exist_ok=True)
    for direction in asked:
        path = output / f"besancon_l{direction.l:g}_b{direction.b:g}.txt"
        if delete:
            typer.echo(f"{path}: {'its job is deleted' if delete_besancon(path) else 'it has no job'}")
            continue
        with _going_on():
            typer.echo(fetch_besancon(direction, path))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """Open the chapters in JupyterLab, in this environment; further words go to `jupyter lab`."""
    _from_clone("notebooks", ["jupyter", "lab", "notebooks", *context.args], BOKEH_RESOURCES="inline")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run the tests of the clone; further words go to pytest."""
    _from_clone("tests", ["pytest", *context.args])


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def benchmark(context: typer.Context) -> None:
    """Measure speed and memory: `benchmark [NAME] ...` runs benchmarks/NAME.py of the clone, the network by default."""
    words = list(context.args)
    name = words.pop(0) if words and not words[0].startswith("-") else "network"
    paths = (ROOT / "benchmarks").glob("*.py")
    names = sorted(path.stem for path in paths if "def main(arguments" in path.read_text())
    if names and name not in names:
        msg = f"there is no benchmark {name!r}; choose one of {', '.join(names)}"
        raise InputError(msg)
    _from_clone("benchmarks", [f"benchmarks.{name}", *words])


def _from_clone(folder: str, words: list[str], **environment: str) -> NoReturn:
    """Run a module of Python in the clone, which must have a folder, and exit with its status."""
    if not (ROOT / folder).is_dir():
        msg = f"there are no {folder} beside the package in {ROOT}; run from a clone of the repository"
        raise InputError(msg)
    raise typer.Exit(subprocess.call([sys.executable, "-m", *words], cwd=ROOT, env=os.environ | environment))


@contextmanager
def _going_on() -> Iterator[None]:
    """Say of an interrupted command that it can be given again."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nmilkyway-cnn: interrupted; the same command goes on from here", err=True)
        raise typer.Exit(130) from None


def _pair(change: str) -> tuple[str, str]:
    name, equals, value = change.partition("=")
    if not (name and equals):
        msg = f"--set {change!r} needs a value, as in --set NAME=VALUE"
        raise InputError(msg)
    return name, value


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    words
        of the command line, those of the process by default.

    Returns
    -------
    int
        exit status: 0 done, 1 failed, 2 input that cannot be used, 130 interrupted.
    """
    try:
        return app(words or sys.argv[1:] or ["--help"], prog_name="milkyway-cnn", standalone_mode=False) or 0
    except InputError as error:
        status, sentence = 2, str(error)
    except Exception as error:
        usage = getattr(error, "format_message", None)  # typer's own, for words that are no command or option
        status, sentence = (2, f"{usage()} (see --help)") if usage else (1, _failure(error))
    typer.echo(f"milkyway-cnn: {sentence}", err=True)
    return status


def _failure(error: Exception) -> str:
    """Return one sentence; of an error that nobody foresaw the traceback goes to a file, for a report."""
    import tempfile
    import traceback

    from .pipeline.execution import ChapterError

    if isinstance(error, ChapterError | ServiceError):
        return str(error)
    with tempfile.NamedTemporaryFile("w", prefix="milkyway-cnn-", suffix=".txt", delete=False) as file:
        file.writelines(traceback.format_exception(error))
    return f"failed: {type(error).__name__}: {error} (the traceback is in {file.name})"


if __name__ == "__main__":
    sys.exit(main())
