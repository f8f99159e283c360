"""Along the line of sight: single profiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from milkyway_cnn.cube import within
from milkyway_cnn.errors import InputError
from milkyway_cnn.figures import FIRST, SECOND, Figure
from milkyway_cnn.maps.horizon import BEYOND, named, untold
from milkyway_cnn.maps.overlays import legend_below

__all__ = ["cell_of", "profiles", "typical_sightlines"]

#: Quantiles between which bands of `A_V_quantiles` run, from wide to narrow, with their opacity.
_BANDS = ((0.025, 0.975, 0.15, "95 %"), (0.16, 0.84, 0.3, "68 %"))


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
        Where the cube has `delta_A_V_std`, a band of one standard deviation stands around the bins; where it has
        `A_V_quantiles`, bands of 95 and 68 % around the sum; what the stars do not tell, near
        by and beyond the horizon, is hatched.

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
    hidden = False
    for column, (row, place) in enumerate(cells):
        upper, lower = axes[:, column]
        for source, name, color in curves:
            profile = source.isel(b=row, l=place)
            end = source["distance_edges"].values
            upper.plot(end, np.append(0.0, profile["A_V"].values), color=color, label=name)
            _draw_bands(upper, profile, end, color)
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
        for first, last in untold(cube.isel(b=row, l=place)):
            hidden = True
            for panel in (upper, lower):
                panel.axvspan(first, last, zorder=0.4, **BEYOND)
                panel.axvline(last if first == 0 else first, color="0.35", linestyle=":", linewidth=1.2)
    axes[0, 0].set_ylabel("$A_V$ (mag)")
    axes[1, 0].set_ylabel("$A_V$ per bin (mag)")
    bands = axes[0, 0].collections[: 2 * len(curves)] if "A_V_quantiles" in cube else []
    if beside is not None or len(bands) or hidden:
        legend_below(figure, axes[0, :1], [*bands, *([named()] * hidden)])
    return figure


def _draw_bands(axes: Axes, profile: xr.Dataset, edges: np.ndarray, color: str) -> None:
    """Draw bands of the quantiles of A_V that a profile has."""
    if "A_V_quantiles" not in profile:
        return
    quantiles = profile["A_V_quantiles"].transpose("quantile", "distance")
    for low, high, alpha, name in _BANDS:
        if {low, high} <= set(np.round(quantiles["quantile"].values, 6)):
            below, above = (
                np.append(0.0, quantiles.sel(quantile=level, method="nearest").values) for level in (low, high)
            )
            axes.fill_between(edges, below, above, color=color, alpha=alpha, linewidth=0, label=f"{name} of the map")


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
