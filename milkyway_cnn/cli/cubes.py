"""Cubes: the verb that writes one in another format, on other cells or distances."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["cube"]


def cube(
    source: Annotated[Path, typer.Argument(metavar="CUBE", help="A cube (.zarr, .nc, .fits), or the folder of a run.")],
    output: Annotated[Path, typer.Argument(metavar="FILE", help="What to write; its end says how: .zarr, .nc, .fits.")],
    nside: Annotated[int, typer.Option(help="Write HEALPix pixels of this resolution.")] = 0,
    cell: Annotated[float, typer.Option(help="Write cells of this width (deg).", min=0)] = 0.0,
    width: Annotated[float, typer.Option(help="Write distance bins of this width (kpc).", min=0)] = 0.0,
    to: Annotated[
        float, typer.Option(help="Write the plane of the sky, integrated to this distance (kpc).", min=0)
    ] = 0,
    without: Annotated[str, typer.Option(help="Leave out fields, with commas between, such as A_V_samples.")] = "",
) -> None:
    """Write a cube as netCDF, FITS or HEALPix tables, which other tools read, with its integrals kept."""
    from .. import cube as cubes

    inside = source / "cube" / "cube.zarr"
    names = [name for name in without.split(",") if name]
    made = cubes.converted(
        cubes.load(inside if inside.exists() else source, lazy=True),
        nside=nside, cell=cell, width=width, to=to, without=names,
    )  # fmt: skip
    cubes.save(made, output)
    size = sum(file.stat().st_size for file in [output, *output.rglob("*")] if file.is_file())
    axes = " x ".join(f"{size} {axis}" for axis, size in made["A_V"].sizes.items())
    typer.echo(f"{output}: {axes}, {len(made.data_vars)} fields, {size / 1e6:,.1f} MB")
