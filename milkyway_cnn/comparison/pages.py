"""One page for a comparison of two maps: numbers and figures from the same data."""

from __future__ import annotations

import os

import xarray as xr

from milkyway_cnn.comparison.agreement import agreement, by_latitude, structure_functions
from milkyway_cnn.comparison.page import score_table, write_page
from milkyway_cnn.comparison.scores import Score
from milkyway_cnn.cube import integrate
from milkyway_cnn.figures import FIRST, SECOND, Figure, largest

__all__ = ["agreement_figure", "compare"]


def compare(
    cube: xr.Dataset,
    other: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    to: float = 4.0,
    names: tuple[str, str] = ("map", "other"),
    tile: int = 0,
) -> dict[str, Score]:
    """Compare a cube with another map of the same cells: write the page, return the scores of `agreement`."""
    scores = agreement(cube, other, to, tile=tile)
    figures = {
        f"{names[0]} against {names[1]}: cells, structure functions and medians by latitude": agreement_figure(
            cube, other, to, names
        )
    }
    sources = {
        f"{name}: {key}": value
        for name, each in zip(names, (cube, other), strict=True)
        for key, value in each.attrs.items()
    }
    write_page(path, f"{names[0]} and {names[1]}", {"Scores": score_table(scores)}, figures, sources)
    return scores


def agreement_figure(
    cube: xr.Dataset, other: xr.Dataset, to: float = 4.0, names: tuple[str, str] = ("map", "other")
) -> Figure:
    """Cell against cell, structure function of each, and the median of each row in latitude."""
    figure = Figure(12.0, 3.8)
    cells, structure, latitude = figure.subplots(1, 3)
    ends = [float(each["distance_edges"][-1]) for each in (cube, other) if "distance_edges" in each]
    end = min(to, *ends)
    planes = [integrate(each, end) if "distance_edges" in each else each["A_V"] for each in (cube, other)]
    ours, theirs = (plane.transpose("b", "l").values.ravel() for plane in xr.align(*planes, join="exact"))
    top = 1.05 * largest(ours, theirs)
    cells.plot(theirs, ours, ".", color=FIRST, markersize=3, alpha=0.5, rasterized=True)
    cells.axline((0, 0), slope=1, color="0.5", linewidth=0.8, linestyle="--")
    cells.set(aspect="equal", xlim=(0, top), ylim=(0, top))
    cells.set(xlabel=f"$A_V$ of {names[1]} (mag)", ylabel=f"$A_V$ of {names[0]} to {end:g} kpc (mag)")
    functions, rows = structure_functions(cube, other, to), by_latitude(cube, other, to)
    for key, name, color, dashes in (("map", names[0], FIRST, "-"), ("other", names[1], SECOND, "--")):
        structure.plot(functions[key]["lag"], functions[key], color=color, linestyle=dashes, label=name)
        latitude.plot(rows["b"], rows[key], color=color, linestyle=dashes, label=name)
    structure.set(xlabel="lag (deg)", ylabel="structure function of $A_V$ (mag$^2$)")
    structure.set_ylim(bottom=0.0)
    structure.legend(frameon=False)
    latitude.set(xlabel="$b$ (deg)", ylabel="median $A_V$ (mag)")
    return figure
