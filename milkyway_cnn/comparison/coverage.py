"""Whether the truth lies in a map's intervals as often as they say: coverage, and the rank of the truth (PIT)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from milkyway_cnn.comparison.scores import DISTANCES, Score, score
from milkyway_cnn.figures import FIRST, SECOND, Figure

__all__ = ["coverage", "coverage_figure", "ranks"]

#: Central intervals by the percentage that they should cover, between two of the cube's quantiles.
INTERVALS = {68: (0.16, 0.84), 95: (0.025, 0.975)}


def _told(cube: xr.Dataset) -> xr.DataArray:
    """Bins within the horizon of cells with a value: on the dimensions of A_V."""
    told = cube["A_V"].notnull()
    if "horizon" in cube:
        told = told & (xr.DataArray(cube["distance_edges"].values[1:], dims="distance") <= cube["horizon"] + 1e-6)
    return told


def _inside(cube: xr.Dataset, truth: xr.Dataset, percent: int) -> xr.DataArray:
    """Where the true A_V lies in the interval; NaN beyond the horizon."""
    low, high = (cube["A_V_quantiles"].sel(quantile=end, method="nearest") for end in INTERVALS[percent])
    true = truth["A_V"]
    return ((true >= low) & (true <= high)).where(_told(cube) & true.notnull())


def ranks(cube: xr.Dataset, truth: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Probability that a map gives to each interval between its quantiles, and the share of true A_V that lie there."""
    quantiles = cube["A_V_quantiles"]
    levels = np.concatenate(([0.0], quantiles["quantile"].values, [1.0]))
    below = (truth["A_V"] > quantiles).sum("quantile")
    kept = below.where(_told(cube) & truth["A_V"].notnull()).values
    counts = np.bincount(kept[np.isfinite(kept)].astype(int), minlength=levels.size - 1)
    return np.diff(levels), counts / max(counts.sum(), 1)


def coverage(cube: xr.Dataset, truth: xr.Dataset) -> dict[str, Score]:
    """Score the intervals of A_V within the horizon against a known truth on the same cells.

    `coverage_68` and `coverage_95` are shares over cells and bins, also at single distances; `deviation_mean` and
    `deviation_rms` of (true A_V - A_V) / standard deviation tell a bias from a spread of the wrong size;
    `beyond_horizon` is the share of the map where it says that it cannot tell.
    """
    where = "of cells and bins within the horizon"
    scores: dict[str, Score] = {}
    for percent in INTERVALS:
        inside = _inside(cube, truth, percent)
        meaning = f"share {where} whose true A_V lies in the {percent} % interval"
        scores[f"coverage_{percent}"] = score(inside.mean(), "1", meaning)
        for distance in DISTANCES:
            if distance <= float(cube["distance_edges"][-1]) + 1e-6:
                there = inside.isel(distance=int(np.argmin(np.abs(cube["distance_edges"].values[1:] - distance))))
                meaning = f"share of cells whose true A_V to {distance:g} kpc lies in the {percent} % interval"
                scores[f"coverage_{percent}_{distance:g}kpc"] = score(there.mean(), "1", meaning)
    deviation = ((truth["A_V"] - cube["A_V"]) / cube["A_V_std"]).where(_told(cube))
    meaning = f"{where}, of (true A_V - A_V) over its standard deviation"
    scores["deviation_mean"] = score(deviation.mean(), "1", f"mean {meaning}")
    scores["deviation_rms"] = score(np.sqrt((deviation**2).mean()), "1", f"root mean square {meaning}")
    beyond = 1.0 - float(_told(cube).sum()) / max(float(cube["A_V"].notnull().sum()), 1.0)
    scores["beyond_horizon"] = score(beyond, "1", "share of cells and bins beyond the horizon")
    return scores


def coverage_figure(cube: xr.Dataset, truth: xr.Dataset) -> Figure:
    """Coverage of the 68 and 95 % intervals against distance, and how the true A_V are spread over the quantiles."""
    figure = Figure(9.0, 3.4)
    left, right = figure.subplots(1, 2)
    far_edges = cube["distance_edges"].values[1:]
    for (percent, marks), color in zip({68: "o", 95: "s"}.items(), (FIRST, SECOND), strict=True):
        inside = _inside(cube, truth, percent).mean([axis for axis in cube["A_V"].dims if axis != "distance"])
        left.plot(far_edges, 100 * inside, color=color, marker=marks, markersize=3, linewidth=1, label=f"{percent} %")
        left.axhline(percent, color=color, linestyle=":", linewidth=1)
    left.set(xlabel="distance (kpc)", ylabel="true $A_V$ in the interval (%)", ylim=(0, 102), xlim=(0, far_edges[-1]))
    left.legend(title="interval", frameon=False, loc="lower right")
    expected, found = ranks(cube, truth)
    levels = np.concatenate(([0.0], np.cumsum(expected)))
    right.stairs(found / expected, levels, fill=True, color=FIRST, alpha=0.6)
    right.axhline(1.0, color="0.2", linestyle=":", linewidth=1)
    right.set(xlabel="quantile of the map", ylabel="true $A_V$ there, over expected", xlim=(0, 1))
    right.set_ylim(bottom=0)
    for panel in (left, right):
        panel.grid(color="0.9", linewidth=0.6)
        panel.set_axisbelow(True)
    return figure
