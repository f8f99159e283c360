"""Along the line of sight: single profiles, and slices through longitude and distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import PowerNorm
from matplotlib.ticker import MaxNLocator

from milkyway_cnn.cube import within
from milkyway_cnn.errors import InputError
from milkyway_cnn.figures import EXTINCTION, FIRST, SECOND, UNOBSERVED, Figure, in_longitude, largest
from milkyway_cnn.maps.density import titled_densities

__all__ = ["cell_of", "longitude_distance", "profiles", "typical_sightlines"]


def profiles(
    cube: xr.Dataset,
    sightlines: Sequence[tuple[float, float]],
    *,
    beside: xr.Dataset | None = None,
    names: tuple[str, str] = ("map", "truth"),
    to: float | None = None,
) -> Figure:
    """Extinction against distance on single sightlines: above the running sum, below per bin.

    Parameters
    ----------
    sightlines
        Directions (l, b) in deg; each is drawn at the cell that holds it.
    beside
        A second cube, drawn behind.
    names
        What the cube and `beside` are called.
    to
        Distance (kpc) at which the axes end; by default the end of the cube.

    Returns
    -------
    Figure
        Where the cube has `delta_A_V_std`, a band of one standard deviation stands around the bins.

    Raises
    ------
    InputError
        When a direction lies in none of the cells.
    """
    cells = [cell_of(cube, l, b) for l, b in sightlines]
    cube, beside = within(cube, to or np.inf), None if beside is None else within(beside, to or np.inf)
    figure = Figure(max(3.4 * len(cells), 5.5) + 0.6, 5.6)
    axes = figure.subplots(2, len(cells), squeeze=False, sharex=True)
    curves = [(beside, names[1], SECOND)] if beside is not None else []
    curves.append((cube, names[0], FIRST))
    for column, (row, place) in enumerate(cells):
        upper, lower = axes[:, column]
        for source, name, color in curves:
            profile = source.isel(b=row, l=place)
            end = source["distance_edges"].values
            upper.plot(end, np.append(0.0, profile["A_V"].values), color=color, label=name)
            lower.stairs(profile["delta_A_V"].values, end, color=color, label=name)
            if "delta_A_V_std" in profile:
                middle, band = profile["delta_A_V"].values, profile["delta_A_V_std"].values
                lower.stairs(
                    middle + band, end, baseline=np.maximum(middle - band, 0), fill=True, color=color, alpha=0.2
                )
        title = f"$l$ = {cube['l'].values[place] % 360:g}°, $b$ = {cube['b'].values[row]:g}°"
        upper.set_title(title.replace("-", "−"), fontsize="medium")
        lower.set(xlabel="distance (kpc)", xlim=(0.0, cube["distance_edges"].values[-1]))
        lower.xaxis.set_major_locator(MaxNLocator(6))
        for panel in (upper, lower):
            panel.set_ylim(bottom=0)
            panel.set_axisbelow(True)
            panel.grid(color="0.9", linewidth=0.6)
    axes[0, 0].set_ylabel("$A_V$ (mag)")
    axes[1, 0].set_ylabel("$A_V$ per bin (mag)")
    if beside is not None:
        axes[0, 0].legend(loc="lower right", frameon=False)
    return figure


def typical_sightlines(cube: xr.Dataset, count: int = 4) -> list[tuple[float, float]]:
    """Directions (l, b) in deg of cells from the least to the most extinction, in equal steps of rank."""
    total = cube["A_V"].isel(distance=-1).transpose("b", "l").values
    seen = np.argwhere(np.isfinite(total))
    ranked = seen[np.argsort(total[tuple(seen.T)], kind="stable")]
    chosen = ranked[(len(ranked) * np.linspace(0.05, 0.95, count)).astype(int)]
    return [(float(cube["l"][j]), float(cube["b"][i])) for i, j in chosen]


def cell_of(cube: xr.Dataset, l: float, b: float) -> tuple[int, int]:
    """Row and column of the cell that holds a direction."""
    half = cube.attrs["cell_deg"] / 2 * (1 + 1e-6)
    along = np.abs((cube["l"].values - l + 180) % 360 - 180)
    across = np.abs(cube["b"].values - b)
    if along.min() > half or across.min() > half:
        l_range, b_range = ((float(axis[0] - half), float(axis[-1] + half)) for axis in (cube["l"], cube["b"]))
        msg = (
            f"the direction l={l:g}, b={b:g} deg is outside the cube, which covers "
            f"l {l_range[0]:g} to {l_range[1]:g}, b {b_range[0]:g} to {b_range[1]:g} deg"
        )
        raise InputError(msg)
    return int(across.argmin()), int(along.argmin())


def longitude_distance(
    cube: xr.Dataset,
    *,
    b_max: float | None = None,
    to: float | None = None,
    beside: xr.Dataset | None = None,
    names: tuple[str, str] = ("map", "truth"),
) -> Figure:
    """Extinction per kpc against longitude and distance.

    A structure at one distance is level here; elongation along the line of sight is upright. Parameters and
    color scale are those of `maps.faceon.face_on`.
    """
    densities = titled_densities(cube, beside, names, b_max, to)
    norm = PowerNorm(0.5, 0.0, largest(*densities.values()))
    edges = within(cube, to or np.inf)["distance_edges"].values
    half = cube.attrs["cell_deg"] / 2
    l_edges = np.append(cube["l"].values - half, cube["l"].values[-1] + half)
    figure = Figure(6.0 * len(densities) + 1.2, 4.6)
    axes = figure.subplots(1, len(densities), squeeze=False, sharex=True, sharey=True)[0]
    for panel, (title, density) in zip(axes, densities.items(), strict=True):
        values = np.ma.masked_invalid(density.values.T)
        cmap = colormaps[EXTINCTION].with_extremes(bad=UNOBSERVED)
        mesh = panel.pcolormesh(l_edges, edges, values, norm=norm, cmap=cmap, rasterized=True)
        panel.set_xlim(l_edges[-1], l_edges[0])
        panel.set_title(title, loc="left", fontsize="medium")
        in_longitude(panel.xaxis)
    axes[0].set_ylabel("distance (kpc)")
    label = "$A_V$ per kpc (mag kpc$^{-1}$)"
    figure.colorbar(mesh, ax=list(axes), label=label, extend="max", fraction=0.05, pad=0.02, aspect=25)
    return figure
