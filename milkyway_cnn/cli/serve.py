"""The map viewer of a run, served to a class or a colleague."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .words import become

__all__ = ["serve"]


def serve(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    address: Annotated[
        str, typer.Option(metavar="IP", help="Where to listen; by default only this machine can see it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8866,
    browser: Annotated[bool, typer.Option(help="Open a browser, too.")] = True,
) -> None:
    """Serve the map viewer of a run with voila, until it is interrupted."""
    if not (run / "cube" / "cube.zarr" / "zarr.json").is_file():
        msg = f"{run} holds no map to be served; give the folder of a run that is done, as runs/demo"
        raise InputError(msg)
    views = importlib.util.find_spec("milkyway_widgets")
    if views is None or views.origin is None or importlib.util.find_spec("voila") is None:
        msg = "the app needs voila; install it with: pip install 'milkyway-cnn[app]'"
        raise InputError(msg)
    page = str(Path(views.origin).with_name("app.ipynb"))
    words = ["voila", page, f"--Voila.ip={address}", f"--port={port}"]
    words += ["--ServerApp.port_retries=0"] + ([] if browser else ["--no-browser"])
    environment = {**os.environ, "MILKYWAY_RUN": str(run.resolve()), "BOKEH_RESOURCES": "inline"}
    environment.pop("MILKYWAY_HEADLESS", None)
    become(words, environment)
