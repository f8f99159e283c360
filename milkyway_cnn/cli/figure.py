"""Figures: the verb that writes a view of a run's map, for print, for a browser, or as data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError

__all__ = ["figure"]


def figure(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or a cube.zarr.")],
    view: Annotated[str, typer.Argument(help="sky, face-on, longitude, latitude, profile or volume.")],
    output: Annotated[
        list[Path],
        typer.Option("--output", "-o", metavar="FILE", help=".png, .pdf, .html, .fits, .vti, .zarr; may be repeated."),
    ],
    distance: Annotated[float | None, typer.Option(help="To this distance, kpc; by default all of the map.")] = None,
    since: Annotated[float, typer.Option(help="On the sky: from this distance, kpc.")] = 0.0,
    projection: Annotated[str, typer.Option(help="On the sky: CAR, AIT, MOL, TAN ...")] = "",
    at: Annotated[list[str] | None, typer.Option(metavar="L,B", help="Profile there, deg; may be repeated.")] = None,
    latitudes: Annotated[float | None, typer.Option(metavar="B", help="Mean over |b| <= B, deg.")] = None,
    longitudes: Annotated[str, typer.Option(metavar="L,L", help="Latitude slice: mean from one to the other.")] = "",
    voxel: Annotated[float, typer.Option(help="Volume: edge of a voxel, kpc.")] = 0.05,
    frame: Annotated[str, typer.Option(help="Volume: heliocentric or galactocentric.")] = "heliocentric",
    tracers: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE", help="Draw these over it: KIND=FILE, or wise, hou-han ... of VizieR."),
    ] = None,
    arms: Annotated[list[str] | None, typer.Option(metavar="MODEL", help="Spiral arms, as Reid_2019.")] = None,
    footprints: Annotated[
        list[str] | None, typer.Option("--footprint", metavar="MAP", help="Border of a map, as decaps2025.")
    ] = None,
    beside: Annotated[
        str, typer.Option(metavar="MAP", help="planck, bayestar2019 ..., a cube.zarr or FITS file.")
    ] = "",
) -> None:
    """Write a view of a map: PNG or PDF for print, HTML to zoom and point into, FITS, VTK or zarr as data."""
    from .. import cube
    from ..comparison.beside import named_overlays, sampled
    from ..maps.views import View, check_view, write_view
    from ..storage import writable

    for path in output:
        check_view(view, path)
    dust = cube.load(run if (run / "zarr.json").is_file() else run / "cube" / "cube.zarr")
    look = View(
        to=distance,
        since=since,
        projection=projection,
        directions=[_pair(text, "--at") for text in at or ()],
        b_max=latitudes,
        l_range=_pair(longitudes, "--longitudes") if longitudes else None,
        voxel=voxel,
        frame=frame,
        overlays=named_overlays(tracers or (), arms or (), footprints or ()),
        beside=sampled(beside, dust) if beside else None,
        name=Path(beside).stem,
    )
    for path in output:
        with writable(path):
            write_view(dust, view, path, look)
        typer.echo(path)


def _pair(text: str, option: str) -> tuple[float, float]:
    try:
        first, second = map(float, text.split(","))
    except ValueError:
        msg = f"{option} {text!r} must be two numbers with a comma between"
        raise InputError(msg) from None
    return first, second
