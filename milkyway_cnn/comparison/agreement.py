"""Two maps beside each other as numbers: on the sky, by latitude, and in the structure that each has."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.comparison.scores import Score, score
from milkyway_cnn.comparison.structure import finger_index, structure_function, tile_power
from milkyway_cnn.cube import integrate
from milkyway_cnn.errors import InputError

__all__ = ["agreement", "by_latitude", "structure_functions"]


def agreement(cube: xr.Dataset, other: xr.Dataset, to: float = 4.0, *, tile: int = 0) -> dict[str, Score]:
    """Compare a cube with another map of the same cells.

    Parameters
    ----------
    cube
        The map.
    other
        A cube, or a map of the sky with `A_V` on (b, l), such as `other_maps.published` gives.
    to
        Distance to which cubes are integrated (kpc), at most the end of either.
    tile
        Cells along each side of a tile whose seams are looked for; 0 for none.

    Returns
    -------
    Slope of the least-squares line of the map over the other and its scatter, Spearman's rank correlation, the median
    difference, the change of the difference with |b|, and of each cube the index of fingers and the power of tiles.

    Raises
    ------
    InputError
        When fewer than three cells have a value in both.
    """
    from scipy.stats import spearmanr

    ours, theirs, b = _on_the_sky(cube, other, to)
    slope, offset = np.polyfit(theirs, ours, 1) if np.ptp(theirs) > 0 else (np.nan, np.nan)
    scatter = np.std(ours - slope * theirs - offset)
    trend = np.polyfit(np.abs(b), ours - theirs, 1)[0] if np.ptp(np.abs(b)) > 0 else np.nan
    varied = np.ptp(ours) > 0 and np.ptp(theirs) > 0
    end = min(to, _end(cube), _end(other))
    of = f"A_V to {end:g} kpc"
    scores = {
        "slope": score(slope, "1", f"slope of the least-squares line of the map's {of} over the other's"),
        "scatter": score(scatter, "mag", "standard deviation about that line"),
        "spearman": score(spearmanr(ours, theirs).statistic if varied else np.nan, "1", f"rank correlation of {of}"),
        "difference": score(np.median(ours - theirs), "mag", f"median of the map's {of} minus the other's"),
        "latitude_trend": score(trend, "mag / deg", "change of the difference with |b|: artifacts of latitude"),
        "compared_cells": score(ours.size, "1", "cells that both have"),
    }
    for name, each in (("map", cube), ("other", other)):
        if "distance_edges" in each:
            fingers = "radial over transverse correlation length: above 1 where structure points at the Sun"
            scores[f"{name}_fingers"] = score(finger_index(each), "1", f"{name}: {fingers}")
        if tile:
            field = integrate(each, end) if "distance_edges" in each else each["A_V"]
            seams = f"mean step of A_V across seams of {tile} cells over that elsewhere, less 1"
            scores[f"{name}_tiling"] = score(tile_power(field, tile), "1", f"{name}: {seams}")
    return scores


def by_latitude(cube: xr.Dataset, other: xr.Dataset, to: float = 4.0) -> xr.Dataset:
    """Median over each row of cells of A_V of the map, of the other, and of their difference: on b (deg), mag."""
    end = min(to, _end(cube), _end(other))
    ours, theirs = xr.align(_plane(cube, end), _plane(other, end), join="exact")
    rows = {"map": ours, "other": theirs, "difference": ours - theirs}
    return xr.Dataset({name: field.median("l") for name, field in rows.items()})


def structure_functions(cube: xr.Dataset, other: xr.Dataset, to: float = 4.0) -> dict[str, Any]:
    """`structure.structure_function` of both maps integrated to a distance (kpc)."""
    end = min(to, _end(cube), _end(other))
    return {"map": structure_function(_plane(cube, end)), "other": structure_function(_plane(other, end))}


def _plane(each: xr.Dataset, to: float) -> xr.DataArray:
    return integrate(each, to) if "distance_edges" in each else each["A_V"]


def _end(each: xr.Dataset) -> float:
    return float(each["distance_edges"][-1]) if "distance_edges" in each else np.inf


def _on_the_sky(cube: xr.Dataset, other: xr.Dataset, to: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A_V of both and b of the cells that both have: three of (cells,)."""
    end = min(to, _end(cube), _end(other))
    planes = xr.align(_plane(cube, end), _plane(other, end), join="exact")
    ours, theirs = (plane.transpose("b", "l").values.astype(float) for plane in planes)
    b = np.broadcast_to(planes[0]["b"].values[:, None], ours.shape)
    seen = np.isfinite(ours) & np.isfinite(theirs)
    if seen.sum() < 3:
        msg = f"the maps share {seen.sum()} cells with a value; choose a region that both cover"
        raise InputError(msg)
    return ours[seen], theirs[seen], b[seen]
