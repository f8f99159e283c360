"""The scores as figures: error against distance, predicted against true, the map against color excess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.colors import LogNorm

from milkyway_cnn.comparison.scores import DISTANCES, errors, strongest_bin
from milkyway_cnn.cube import integrate
from milkyway_cnn.figures import EXTINCTION, FIRST, SECOND, Figure, largest

__all__ = [
    "error_against_distance",
    "error_of_each",
    "map_against_color_excess",
    "predicted_against_true",
    "seen_and_unseen",
]

#: Curves that are told apart without color too.
_CURVES = ((FIRST, "-"), (SECOND, "--"), ("#009E73", "-."), ("#CC79A7", ":"))


def error_against_distance(cube: xr.Dataset, truth: xr.Dataset) -> Figure:
    """Error of the integrated extinction against distance: relative, and as bias and root mean square."""
    distance = cube["distance_edges"].values[1:]
    judged = errors(cube, truth, distance)
    figure = Figure(9.0, 3.6)
    left, right = figure.subplots(1, 2, sharex=True)
    low, middle, high = (100 * judged[f"relative_error{end}"].values for end in ("_low", "", "_high"))
    left.fill_between(distance, low, high, color=FIRST, alpha=0.2, linewidth=0, label="16 to 84 % of the cells")
    left.plot(distance, middle, color=FIRST, label="median over cells")
    left.set_ylabel("relative error of $A_V$ (%)")
    left.set_ylim(0, 1.1 * largest(high[distance >= 1.0] if (distance >= 1.0).any() else high))
    right.plot(distance, judged["rmse"].values, color=FIRST, label="root mean square")
    right.plot(distance, judged["bias"].values, color=SECOND, label="mean")
    right.axhline(0.0, color="0.5", linewidth=0.8)
    right.set_ylabel("$A_V$ − true $A_V$ (mag)")
    for panel in (left, right):
        panel.set(xlabel="integrated to distance (kpc)", xlim=(0.0, distance[-1]))
        panel.grid(color="0.9", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.legend(frameon=False)
    return figure


def error_of_each(cubes: Mapping[str, xr.Dataset], truth: xr.Dataset) -> Figure:
    """Relative error of the integrated extinction against distance, of several maps on the cells that all have.

    Parameters
    ----------
    cubes
        Cubes on the grid of the truth by their names; cells that one leaves out are NaN.
    """
    common = np.logical_and.reduce([cube["A_V"].notnull().all("distance").values for cube in cubes.values()])
    distance = truth["distance_edges"].values[1:]
    figure = Figure(6.0, 3.6)
    axes = figure.subplots()
    most = []
    for (name, cube), (color, dashes) in zip(cubes.items(), _CURVES, strict=False):
        kept = xr.DataArray(common, dims=("b", "l"))
        middle = 100 * errors(cube.where(kept), truth, distance)["relative_error"].values
        axes.plot(distance, middle, color=color, linestyle=dashes, label=name)
        most.append(middle[distance >= 1.0] if (distance >= 1.0).any() else middle)
    axes.set(xlabel="integrated to distance (kpc)", xlim=(0.0, distance[-1]), ylim=(0.0, 1.1 * largest(*most)))
    axes.set_ylabel("median relative error of $A_V$ (%)")
    axes.set_title(f"{np.count_nonzero(common)} cells", loc="left", fontsize="medium")
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False)
    return figure


def predicted_against_true(cube: xr.Dataset, truth: xr.Dataset, to: Sequence[float] = DISTANCES) -> Figure:
    """Density of the cells in true and predicted integrated extinction, a panel for each distance (kpc).

    The axes are logarithmic; cells below a hundredth of a magnitude on either side are left out.
    """
    figure = Figure(2.9 * len(to) + 1.0, 3.4)
    axes = figure.subplots(1, len(to), squeeze=False, sharex=True, sharey=True)[0]
    pairs = []
    for distance in to:
        fields = xr.align(integrate(truth, distance), integrate(cube, distance), join="exact")
        true, predicted = (field.values.ravel() for field in fields)
        seen = (true > 0.01) & (predicted > 0.01)
        pairs.append((true[seen], predicted[seen]))
    everything = np.concatenate([np.concatenate(pair) for pair in pairs])
    low, high = np.quantile(everything, (0.001, 0.999)) if everything.size else (0.1, 10.0)
    edges = np.geomspace(low / 1.2, high * 1.2, 51)
    norm = LogNorm(1, max(len(pairs[0][0]) / 30, 2))
    for panel, distance, (true, predicted) in zip(axes, to, pairs, strict=True):
        counts, _, _ = np.histogram2d(true, predicted, bins=[edges, edges])
        mesh = panel.pcolormesh(edges, edges, np.ma.masked_equal(counts.T, 0), norm=norm, cmap=EXTINCTION)
        panel.plot(edges[[0, -1]], edges[[0, -1]], color="0.5", linewidth=0.8, linestyle="--")
        panel.set(xscale="log", yscale="log", aspect="equal", xlim=edges[[0, -1]], ylim=edges[[0, -1]])
        panel.set(xlabel="true $A_V$ (mag)")
        panel.set_title(f"to {distance:g} kpc", fontsize="medium")
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter("{x:g}")
    axes[0].set_ylabel("predicted $A_V$ (mag)")
    figure.colorbar(mesh, ax=list(axes), label="cells", extend="max", pad=0.01, fraction=0.04, aspect=20)
    return figure


def map_against_color_excess(cube: xr.Dataset, excess: xr.Dataset, to: float = 2.0) -> Figure:
    """Extinction of the map against that from color excess, and where the dustiest third has its strongest bin.

    Parameters
    ----------
    cube
        The map.
    excess
        `comparison.color_excess` of the same cells.
    to
        Distance (kpc) to which the map is integrated.
    """
    figure = Figure(8.6, 4.0)
    left, right = figure.subplots(1, 2)
    predicted, reddened, error = (
        field.transpose("b", "l").values.ravel()
        for field in xr.align(integrate(cube, to), excess["A_V"], excess["A_V_error"], join="exact")
    )
    style: dict[str, Any] = {"fmt": "o", "color": FIRST, "ecolor": "0.7", "elinewidth": 0.8, "markersize": 3.5}
    left.errorbar(reddened, predicted, xerr=error, **style)
    seen = np.isfinite(predicted) & np.isfinite(reddened)
    shown = np.concatenate([[0.0, 1.0], reddened[seen], predicted[seen]])
    low, end = shown.min(), 1.05 * shown.max()
    left.axline((0, 0), slope=1, color="0.5", linewidth=0.8, linestyle="--")
    left.set(aspect="equal", xlim=(low, end), ylim=(low, end))
    left.set(xlabel="$A_V$ from color excess (mag)", ylabel=f"$A_V$ of the map to {to:g} kpc (mag)")
    edges = cube["distance_edges"].values
    right.hist(strongest_bin(cube, excess), bins=edges[edges <= to + 1e-6], color=FIRST)
    right.set(xlim=(0, to), xlabel="distance of the strongest bin (kpc)", ylabel="cells of the dustiest third")
    return figure


def seen_and_unseen(found: Mapping[str, Any]) -> Figure:
    """Scores by sightline of a network that has learned there, against one that has not.

    Parameters
    ----------
    found
        `sightlines`, a list of `l`, `b` (deg) and the scores `seen` and `unseen` by name; those of `meanings` are
        drawn, errors in percent.
    """
    rows, names = found["sightlines"], list(found["meanings"])
    place = np.arange(len(rows))
    figure = Figure(2.3 * len(names) + 1.2, 0.32 * len(rows) + 1.6)
    panels = np.atleast_1d(figure.subplots(1, len(names), sharey=True))
    for panel, name in zip(panels, names, strict=True):
        factor = 100.0 if "error" in name else 1.0
        seen, unseen = (factor * np.array([row[of][name] for row in rows], np.float64) for of in ("seen", "unseen"))
        panel.hlines(place, seen, unseen, color="0.7", zorder=1)
        panel.scatter(unseen, place, marker="s", facecolor="w", edgecolor=SECOND, label="left out of the training")
        panel.scatter(seen, place, marker="o", color=FIRST, s=20, label="seen in the training")
        label = f"error of $A_V$\nto {name.rpartition('_')[2].removesuffix('kpc')} kpc (%)"
        panel.set_xlabel(label if factor > 1 else "correlation\nin steps of 500 pc")
        panel.grid(color="0.9", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.locator_params(axis="x", nbins=5)
        if factor > 1:
            panel.set_xlim(left=0)
    panels[0].set_yticks(place, [f"{row['l']:.1f}, {row['b']:+.1f}" for row in rows])
    panels[0].invert_yaxis()
    panels[0].set_ylabel("sightline $l$, $b$ (deg)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    return figure
