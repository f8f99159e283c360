"""Every view of a cube by its name, written as its file's ending says."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from milkyway_cnn.cube import save
from milkyway_cnn.cube.cells import grid_of
from milkyway_cnn.errors import InputError
from milkyway_cnn.figures import Figure, save_figure
from milkyway_cnn.maps import export, interactive
from milkyway_cnn.maps.cartesian import FRAMES, to_cartesian
from milkyway_cnn.maps.faceon import face_on
from milkyway_cnn.maps.overlays import Overlay
from milkyway_cnn.maps.profiles import profiles, typical_sightlines
from milkyway_cnn.maps.sky import plane_of_sky
from milkyway_cnn.maps.slices import latitude_distance, longitude_distance
from milkyway_cnn.maps.volume import three_sides

__all__ = ["VIEWS", "View", "check_view", "write_view"]

#: Views, and the endings of the files that each can be written to.
VIEWS: Mapping[str, tuple[str, ...]] = {
    "sky": (".png", ".pdf", ".html", ".fits"),
    "face-on": (".png", ".pdf", ".html"),
    "longitude": (".png", ".pdf", ".html", ".fits"),
    "latitude": (".png", ".pdf", ".html", ".fits"),
    "profile": (".png", ".pdf", ".html"),
    "volume": (".png", ".pdf", ".fits", ".vti", ".zarr"),
}


@dataclass(frozen=True)
class View:
    """What is looked at; a view takes of it what it has a use for.

    Parameters
    ----------
    to, since
        Distances (kpc) to which, and on the sky from which, the cube is shown; by default its end, and 0.
    projection
        Of the sky.
    directions
        Sightlines l, b (deg) of profiles; by default four, from little to much dust.
    b_max, l_range
        Latitudes and longitudes (deg) over which densities are averaged.
    voxel, frame
        Of the volume.
    overlays
        Tables of tracers and footprints.
    beside, name
        Another cube on the same cells, or a map of the sky with `A_V` on (b, l), and what it is called.
    """

    to: float | None = None
    since: float = 0.0
    projection: str = ""
    directions: Sequence[tuple[float, float]] = ()
    b_max: float | None = None
    l_range: tuple[float, float] | None = None
    voxel: float = 0.05
    frame: str = FRAMES[0]
    overlays: Sequence[Overlay] = ()
    beside: xr.Dataset | None = None
    name: str = "other"


def check_view(view: str, path: str | os.PathLike[str]) -> None:
    """Refuse what `write_view` cannot write.

    Raises
    ------
    InputError
        When there is no such view, or it is not written with such an ending.
    """
    if view not in VIEWS:
        msg = f"there is no view {view!r}; choose one of {', '.join(VIEWS)}"
        raise InputError(msg)
    if (suffix := Path(path).suffix) not in VIEWS[view]:
        msg = f"{path} ends in {suffix or 'nothing'}; the view {view} is written as {', '.join(VIEWS[view])}"
        raise InputError(msg)


def write_view(cube: xr.Dataset, view: str, path: str | os.PathLike[str], look: View) -> None:
    """Write a view to a file.

    Parameters
    ----------
    view
        One of `VIEWS`.
    path
        Its ending says what is written: .png and .pdf for print, .html to zoom and to point into, .fits, .vti (VTK)
        and .zarr the data.

    Raises
    ------
    InputError
        As `check_view` does, and as the view itself; and when the cube has HEALPix pixels.
    """
    check_view(view, path)
    grid_of(cube)
    suffix = Path(path).suffix
    others = [look.beside] if look.beside is not None and "distance_edges" in look.beside else []
    end = min(float(each["distance_edges"][-1]) for each in [cube, *others])
    to = end if look.to is None else look.to
    if view == "volume":
        _write_volume(to_cartesian(cube, look.voxel, frame=look.frame, to=to), path)
    elif suffix == ".fits":
        _write_image(cube, view, path, look, to)
    elif suffix == ".html":
        interactive.save_page(_live(cube, view, look, to), path, view)
    else:
        save_figure(_drawn(cube, view, look, to), path)


def _drawn(cube: xr.Dataset, view: str, look: View, to: float) -> Figure:
    names = ("map", look.name)
    if view == "sky":
        options: dict[str, Any] = {"beside": look.beside, "names": names, "ratio": look.beside is not None}
        return plane_of_sky(cube, to, since=look.since, projection=look.projection, overlays=look.overlays, **options)
    beside = look.beside if look.beside is not None and "delta_A_V" in look.beside else None
    if view == "profile":
        return profiles(cube, look.directions or typical_sightlines(cube), beside=beside, names=names, to=to)
    if view == "latitude":
        return latitude_distance(cube, l_range=look.l_range, to=to, beside=beside, names=names, overlays=look.overlays)
    draw = face_on if view == "face-on" else longitude_distance
    return draw(cube, b_max=look.b_max, to=to, beside=beside, names=names, overlays=look.overlays)


def _live(cube: xr.Dataset, view: str, look: View, to: float) -> Any:
    if view == "sky":
        return interactive.sky(cube, to, since=look.since, projection=look.projection, overlays=look.overlays)
    if view == "face-on":
        return interactive.face_on(cube, b_max=look.b_max, to=to, overlays=look.overlays)
    if view == "profile":
        from bokeh.layouts import column

        return column([interactive.profile(cube, l, b, to=to) for l, b in look.directions or typical_sightlines(cube)])
    angle, window = _window(view, look)
    return interactive.slice_of(cube, angle, window=window, to=to, overlays=look.overlays)


def _window(view: str, look: View) -> tuple[str, tuple[float, float] | None]:
    """Angle of a slice, and the range (deg) of the other one."""
    if view == "latitude":
        return "b", look.l_range
    return "l", None if look.b_max is None else (-look.b_max, look.b_max)


def _write_image(cube: xr.Dataset, view: str, path: str | os.PathLike[str], look: View, to: float) -> None:
    if view == "sky":
        export.sky_to_fits(cube, path, to, since=look.since, projection=look.projection or "CAR")
    else:
        angle, window = _window(view, look)
        export.slice_to_fits(cube, path, angle, window=window, to=to)


def _write_volume(voxels: xr.Dataset, path: str | os.PathLike[str]) -> None:
    match Path(path).suffix:
        case ".fits":
            export.cartesian_to_fits(voxels, path)
        case ".vti":
            export.cartesian_to_vtk(voxels, path)
        case ".zarr":
            save(voxels, path)
        case _:
            save_figure(three_sides(voxels), path)
