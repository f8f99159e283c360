"""The command ``milkyway-cnn``: run, demo, sweep, transfer, validate, figure, cube, parameters, sample, app ..."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from ..errors import InputError, ServiceError
from .clone import benchmark, lab, test
from .cubes import cube
from .data import besancon, fetch
from .figure import figure
from .many import gallery, sweep
from .runs import demo, parameters, run
from .samples import sample
from .serve import serve
from .transfer import transfer
from .validation import validate

__all__ = ["app", "main"]

app = typer.Typer(
    help="Star catalogs in, a 3D map of the Milky Way's dust out.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

#: The verbs in the order of the help; what they need they import when they are called, so that help comes at once.
VERBS: tuple[Callable[..., None], ...] = (
    *(demo, run, sweep, transfer, validate),
    *(figure, cube, parameters, sample, fetch, besancon),
)
for verb in VERBS:
    app.command()(verb)
app.add_typer(gallery, name="runs")

app.command("app")(serve)

#: Those that hand further words on.
HANDS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
app.command(context_settings=HANDS_ON)(lab)
app.command(context_settings=HANDS_ON)(test)
app.command(context_settings=HANDS_ON | {"help_option_names": []})(benchmark)


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

    from ..pipeline.execution import ChapterError

    if isinstance(error, ChapterError | ServiceError):
        return str(error)
    with tempfile.NamedTemporaryFile("w", prefix="milkyway-cnn-", suffix=".txt", delete=False) as file:
        file.writelines(traceback.format_exception(error))
    return f"failed: {type(error).__name__}: {error} (the traceback is in {file.name})"
