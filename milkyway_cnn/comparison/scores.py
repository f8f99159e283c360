"""How good the map is, as numbers: against a known truth, against color excess, and where there is no dust.

A score is a value with its unit and meaning; scores are flat mappings from name to score, so that they can be put
together with ``|`` and kept as one JSON file.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import xarray as xr

from milkyway_cnn.cube import integrate
from milkyway_cnn.storage import replacing

__all__ = [
    "Score",
    "against_color_excess",
    "against_truth",
    "errors",
    "held_out",
    "listed",
    "save_scores",
    "score",
    "where_no_dust_is",
]

#: Distances (kpc) at which the integral is judged.
DISTANCES = (2.0, 4.0, 6.0, 8.0)
#: Width of the steps, and their end (kpc), in which the course along the line of sight is judged.
STEP, STEPS_END = 0.5, 5.0


class Score(TypedDict):
    """A number, its unit ("1" for none) and what it says; the value is None where it is undefined."""

    value: float | None
    unit: str
    meaning: str


def score(value: Any, unit: str, meaning: str) -> Score:
    """Put a score together; a value that is not finite is undefined."""
    return {"value": float(value) if math.isfinite(value) else None, "unit": unit, "meaning": meaning}


def errors(cube: xr.Dataset, truth: xr.Dataset, to: Sequence[float] | np.ndarray) -> xr.Dataset:
    """Compare the integrated extinction with the truth at given distances.

    Parameters
    ----------
    cube, truth
        Cubes on the same cells; those without value in either are left out.
    to
        Distances (kpc).

    Returns
    -------
    xarray.Dataset
        On `to`: `relative_error`, the median over cells of |A_V - true A_V| / true A_V where that is above 0,
        with its 16th and 84th percentiles `relative_error_low` and `relative_error_high`; `bias`, the mean of
        A_V - true A_V, and `rmse`, the root of its mean square (mag).
    """
    names = ("relative_error_low", "relative_error", "relative_error_high", "bias", "rmse")
    table = np.full((len(to), len(names)), np.nan)
    for row, distance in enumerate(to):
        predicted, true = _pairs(integrate(cube, distance), integrate(truth, distance))
        if predicted.size:
            excess = predicted - true
            table[row, 3:] = excess.mean(), np.sqrt(np.mean(excess**2))
            dusty = true > 0
            if dusty.any():
                table[row, :3] = np.quantile(np.abs(excess[dusty]) / true[dusty], (0.16, 0.5, 0.84))
    return xr.Dataset({name: ("to", column) for name, column in zip(names, table.T, strict=True)}, {"to": list(to)})


def against_truth(cube: xr.Dataset, truth: xr.Dataset, of: str = "cells") -> dict[str, Score]:
    """Score a cube against the known one: the integral at 2, 4, 6, 8 kpc and its course in steps of 500 pc.

    `of` says what there is a profile of.
    """
    end = float(cube["distance_edges"][-1]) + 1e-6
    distances = [distance for distance in DISTANCES if distance <= end]
    scores: dict[str, Score] = {}
    judged = errors(cube, truth, distances)
    for kind, unit, meaning in (
        ("relative_error", "1", f"median over {of} of |A_V - true A_V| / true A_V"),
        ("bias", "mag", f"mean over {of} of A_V - true A_V"),
        ("rmse", "mag", f"root mean square over {of} of A_V - true A_V"),
    ):
        for distance, value in zip(distances, judged[kind].values, strict=True):
            name, place = f"{kind}_{distance:g}kpc", f"integrated to {distance:g} kpc"
            scores[name] = score(value, unit, f"{meaning}, {place}")

    steps = np.arange(0.0, min(STEPS_END, end) + 1e-6, STEP)
    predicted, true = _pairs(_in_steps(cube, steps), _in_steps(truth, steps))
    alone = [_pearson(*pair) for pair in zip(predicted, true, strict=True)]
    span = f"in steps of {STEP * 1000:g} pc out to {steps[-1]:g} kpc"
    cells = cube["delta_A_V"].isel(distance=0).size
    return scores | {
        "correlation_500pc": score(
            _pearson(predicted.ravel(), true.ravel()), "1", f"Pearson correlation with the true A_V {span}, all {of}"
        ),
        "correlation_500pc_sightline": score(
            np.nanmedian(alone) if np.isfinite(alone).any() else np.nan,
            "1",
            f"Pearson correlation with the true A_V {span}, median over the {of} each by itself",
        ),
        of: score(len(predicted), "1", f"{of} compared with the truth"),
        f"{of}_left_out": score(cells - len(predicted), "1", f"{of} without value in the map or the truth"),
    }


def held_out(predicted: np.ndarray, true: np.ndarray, edges: np.ndarray) -> dict[str, Score]:
    """Score the profiles predicted for a held-out sample as `against_truth` scores a map.

    Parameters
    ----------
    predicted, true
        A_V per bin, (examples, bins) in mag.
    edges
        Bin edges (kpc): (bins + 1,).
    """
    cube, truth = (
        xr.Dataset({"delta_A_V": (("example", "distance"), each)}, {"distance_edges": np.asarray(edges).round(5)})
        for each in (predicted, true)
    )
    return against_truth(cube, truth, of="examples")


def against_color_excess(cube: xr.Dataset, excess: xr.Dataset, to: float = 2.0) -> dict[str, Score]:
    """Score a cube against a color-excess map of the same cells (`comparison.color_excess`).

    `to` is the distance (kpc) to which the cube is integrated.
    """
    from scipy.stats import spearmanr

    predicted, reddened = _pairs(integrate(cube, to), excess["A_V"])
    varied = predicted.size > 2 and np.ptp(predicted) > 0 and np.ptp(reddened) > 0
    peaks = strongest_bin(cube, excess)
    return {
        "excess_spearman": score(
            spearmanr(predicted, reddened).statistic if varied else np.nan,
            "1",
            f"Spearman rank correlation over cells of A_V to {to:g} kpc with that from color excess",
        ),
        "excess_slope": score(
            np.polyfit(reddened, predicted, 1)[0] if varied else np.nan,
            "1",
            f"slope of the least-squares line of A_V to {to:g} kpc over that from color excess",
        ),
        "excess_difference": score(
            np.mean(predicted - reddened) if predicted.size else np.nan,
            "mag",
            f"mean over cells of A_V to {to:g} kpc minus that from color excess",
        ),
        "dusty_third_distance": score(
            np.median(peaks) if peaks.size else np.nan,
            "kpc",
            "median distance of the strongest bin in the third of the cells with the highest color excess",
        ),
        "excess_cells": score(predicted.size, "1", "cells compared with color excess"),
        "excess_cells_left_out": score(
            excess["A_V"].size - predicted.size, "1", "cells without value in the map or too few stars for color excess"
        ),
    }


def strongest_bin(cube: xr.Dataset, excess: xr.Dataset) -> np.ndarray:
    """Distances (kpc) of the strongest bin of the third of the cells with the highest color excess."""
    profiles, reddened = _pairs(cube["delta_A_V"], excess["A_V"])
    if not reddened.size:
        return reddened
    dusty = reddened >= np.quantile(reddened, 2 / 3)
    return cube["distance"].values[profiles[dusty].argmax(axis=1)]


def where_no_dust_is(cube: xr.Dataset, to: float = 2.0) -> dict[str, Score]:
    """Score the cube of a field that is known to have (almost) no dust, integrated to a distance (kpc)."""
    values = integrate(cube, to).values
    values = values[np.isfinite(values)]
    return {
        "control_mean": score(
            values.mean() if values.size else np.nan, "mag", f"mean A_V to {to:g} kpc over the control field"
        ),
        "control_cells": score(values.size, "1", "cells of the control field with a value"),
    }


def listed(scores: Mapping[str, Score]) -> str:
    """Write scores to be read, one on a line: name, value, unit and meaning."""
    values = ("undefined" if score["value"] is None else f"{score['value']:.4g}" for score in scores.values())
    return "\n".join(
        f"{name:28}{value:>10} {score['unit']:5} {score['meaning']}"
        for (name, score), value in zip(scores.items(), values, strict=True)
    )


def save_scores(scores: Mapping[str, Score], path: str | os.PathLike[str]) -> None:
    """Write scores as JSON, whole or not at all."""
    with replacing(path) as part:
        part.write_text(json.dumps(scores, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _in_steps(cube: xr.Dataset, edges: np.ndarray) -> xr.DataArray:
    """Extinction added between the given distances (kpc), on `step` last."""
    return xr.concat([integrate(cube, edge) for edge in edges], "step").diff("step").transpose(..., "step")


def _pairs(first: xr.DataArray, second: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Values of two fields, each (cells,) or (cells, bins) float64, of the cells where both have them."""
    cells = [axis for axis in first.dims if axis not in ("distance", "step")]
    fields = [field.transpose(*cells, ...) for field in xr.align(first, second, join="exact")]
    one, two = (field.values.astype(np.float64).reshape(-1, *field.shape[len(cells) :]) for field in fields)
    seen = np.isfinite(one.reshape(len(one), -1)).all(axis=1) & np.isfinite(two.reshape(len(two), -1)).all(axis=1)
    return one[seen], two[seen]


def _pearson(one: np.ndarray, two: np.ndarray) -> float:
    """Pearson correlation, NaN where one side does not vary."""
    one, two = one - one.mean(), two - two.mean()
    norm = np.sqrt(np.sum(one**2) * np.sum(two**2))
    return float(np.sum(one * two) / norm) if norm > 0 else math.nan
