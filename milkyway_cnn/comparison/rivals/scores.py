"""The scores of the rivals, beside those of the map on the same cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from milkyway_cnn.comparison.scores import DISTANCES, Score, against_truth, errors, score

__all__ = ["beside_rivals", "spread_cells"]


def spread_cells(shape: Sequence[int], most: int = 240) -> np.ndarray:
    """Choose at most so many cells, spread evenly over a grid: (b, l) bool."""
    step = int(np.ceil(np.sqrt(np.prod(shape) / most)))
    chosen = np.zeros(shape, bool)
    chosen[step // 2 :: step, step // 2 :: step] = True
    return chosen


def beside_rivals(cube: xr.Dataset, truth: xr.Dataset, rivals: Mapping[str, xr.Dataset]) -> dict[str, Score]:
    """Score rivals of the map against the truth, and the map against them.

    Parameters
    ----------
    cube, truth
        The map and the truth.
    rivals
        Cubes on the same grid by the name of their method; cells that they leave out are NaN.

    Returns
    -------
    Of each rival `NAME_relative_error_4kpc` (and 2, 6, 8) and `NAME_correlation_500pc`, as `against_truth` has them of
    the map, and `map_to_NAME_4kpc`: the map's relative error over the rival's, both over the cells that the rival has.
    """
    scores: dict[str, Score] = {}
    for name, rival in rivals.items():
        judged = against_truth(rival, truth)
        end = float(cube["distance_edges"][-1]) + 1e-6
        distances = [distance for distance in DISTANCES if distance <= end]
        has = rival["A_V"].notnull().all("distance")
        ours = errors(cube.where(has), truth, distances)["relative_error"].values
        theirs = errors(rival, truth, distances)["relative_error"].values
        for kind in [key for key in judged if key.startswith("relative_error") or key == "correlation_500pc"]:
            meaning = f"{name}: {judged[kind]['meaning']}"
            scores[f"{name}_{kind}"] = {**judged[kind], "meaning": meaning}
        for distance, own, other in zip(distances, ours, theirs, strict=True):
            scores[f"map_to_{name}_{distance:g}kpc"] = score(
                own / other if other > 0 else np.nan,
                "1",
                f"the map's median relative error of A_V to {distance:g} kpc over that of {name}, on the same cells",
            )
        scores[f"{name}_cells"] = score(int(has.sum()), "1", f"cells that {name} was scored on")
    return scores
