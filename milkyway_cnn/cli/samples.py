"""Samples: the verb that stores training examples, and checks and mends what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .words import Changes, going_on

__all__ = ["sample"]


def sample(
    name: Annotated[
        str, typer.Argument(help="A set of parameters, a YAML file or a run's folder; or a sample, to mend it.")
    ],
    examples: Annotated[int, typer.Option(min=1, help="Number of examples.")] = 200_000,
    split: Annotated[str, typer.Option(help="training, validation or test.")] = "training",
    cluster: Annotated[
        str, typer.Option(metavar="WHERE", help="As the parameter `cluster`, such as 4 processes.")
    ] = "",
    changes: Changes = None,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="The sample; NAME_SPLIT.zarr by default.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only name what is damaged of a sample.")] = False,
) -> None:
    """Store training examples of a run, to learn from them again and again; the same command completes and mends."""
    from .. import samples
    from ..errors import InputError
    from ..pipeline.chapters import NOTEBOOKS
    from ..pipeline.sample import stream_named

    if split not in samples.SPLITS:
        msg = f"--split {split!r} must be one of {', '.join(samples.SPLITS)}"
        raise InputError(msg)
    path = Path(name)
    with going_on():
        if check or (path / "zarr.json").exists():
            bad = (samples.damaged if check else samples.mend)(path, cluster=cluster)
            for file in bad:
                typer.echo(f"{path / file}: {'damaged' if check else 'made again'}")
            if check and bad:
                raise typer.Exit(1)
        else:
            path = output or Path(f"{path.stem}_{split}.zarr")
            stream, where = stream_named(name, changes or (), NOTEBOOKS / "parameters")
            samples.store(stream, split, examples, path, cluster=cluster or where)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    number = samples.load(path).sizes["example"]
    typer.echo(f"{path}: {number:,} examples, {size / 1e6:,.1f} MB, checksum {samples.checksum(path)}")
