"""Slices of the cube: extinction per kpc against distance and longitude, or latitude."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import PowerNorm

from milkyway_cnn.cube import within
from milkyway_cnn.figures import EXTINCTION, UNOBSERVED, Figure, in_longitude, largest
from milkyway_cnn.maps.density import around, latitude_density, near_plane, titled_densities
from milkyway_cnn.maps.horizon import named, shade_between, untold_along
from milkyway_cnn.maps.overlays import Overlay, draw_along, legend_below

__all__ = ["latitude_distance", "longitude_distance"]


def longitude_distance(
    cube: xr.Dataset,
    *,
    b_max: float | None = None,
    to: float | None = None,
    beside: xr.Dataset | None = None,
    names: tuple[str, str] = ("map", "truth"),
    overlays: Sequence[Overlay] = (),
) -> Figure:
    """Extinction per kpc against longitude and distance.

    A structure at one distance is level here; elongation along the line of sight is upright. Parameters and
    color scale are those of `maps.faceon.face_on`, and so is what is hatched.
    """
    return _slice("l", near_plane(cube, b_max), titled_densities(cube, beside, names, b_max, to), to, overlays)


def latitude_distance(
    cube: xr.Dataset,
    *,
    l_range: tuple[float, float] | None = None,
    to: float | None = None,
    beside: xr.Dataset | None = None,
    names: tuple[str, str] = ("map", "truth"),
    overlays: Sequence[Overlay] = (),
) -> Figure:
    """Extinction per kpc against latitude and distance.

    Parameters
    ----------
    l_range
        The mean is taken over cells from the first longitude to the second (deg); by default over all of them.
    to, beside, names, overlays
        As in `longitude_distance`.
    """
    longitudes = "" if l_range is None else f"$l$ = {l_range[0] % 360:g}° to {l_range[1] % 360:g}°"
    cubes = {"": cube} if beside is None else {names[0]: cube, names[1]: beside}
    densities = {
        ", ".join(part for part in (name, longitudes) if part): latitude_density(within(each, to or np.inf), l_range)
        for name, each in cubes.items()
    }
    return _slice("b", around(cube, l_range), densities, to, overlays)


def _slice(
    angle: str, cube: xr.Dataset, densities: dict[str, xr.DataArray], to: float | None, overlays: Sequence[Overlay]
) -> Figure:
    """Draw densities on (angle, distance); `cube` has the cells of which they are the means."""
    norm = PowerNorm(0.5, 0.0, largest(*densities.values()))
    edges = within(cube, to or np.inf)["distance_edges"].values
    half = cube.attrs["cell_deg"] / 2
    ranges = {name: (float(cube[name][0]) - half, float(cube[name][-1]) + half) for name in ("l", "b")}
    angles = np.append(cube[angle].values - half, cube[angle].values[-1] + half)
    along, untold = untold_along(cube, angle, edges[-1])
    figure = Figure(6.0 * len(densities) + 1.2, 4.6 + 0.3 * bool(overlays or untold))
    axes = figure.subplots(1, len(densities), squeeze=False, sharex=True, sharey=True)[0]
    for panel, (title, density) in zip(axes, densities.items(), strict=True):
        values = np.ma.masked_invalid(density.values.T)
        cmap = colormaps[EXTINCTION].with_extremes(bad=UNOBSERVED)
        mesh = panel.pcolormesh(angles, edges, values, norm=norm, cmap=cmap, rasterized=True)
        draw_along(panel, overlays, angle, ranges[angle], ranges["b" if angle == "l" else "l"])
        panel.set_title(title, loc="left", fontsize="medium")
        panel.set_ylim(edges[0], edges[-1])
        if angle == "l":
            panel.set_xlim(angles[-1], angles[0])
            in_longitude(panel.xaxis)
        else:
            panel.set_xlim(angles[0], angles[-1])
            panel.set_xlabel("Galactic latitude $b$ (deg)")
    for band in untold:
        shade_between(axes[0], *(np.array([along, distance]) for distance in band))
    axes[0].set_ylabel("distance (kpc)")
    label = "$A_V$ per kpc (mag kpc$^{-1}$)"
    figure.colorbar(mesh, ax=list(axes), label=label, extend="max", fraction=0.05, pad=0.02, aspect=25)
    legend_below(figure, axes, [named()] * bool(untold))
    return figure
