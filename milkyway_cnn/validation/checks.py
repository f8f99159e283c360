"""What must hold on a mock sky: the scores of its map, and of the map's rivals, beside their bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from milkyway_cnn import cube
from milkyway_cnn.comparison import coverage
from milkyway_cnn.comparison.scores import Score, against_truth, score
from milkyway_cnn.validation.skies import Checkerboard, Dust, Screen

__all__ = ["Check", "behind", "judged"]

#: Largest false structure behind a screen (mag per kpc) in steps of so many kpc, and the part behind it that is not
#: judged, within which the map cannot tell the screen's distance (kpc).
_FALSE, _STEP, _BEHIND = 0.3, 0.5, 0.5
#: Largest relative error of A_V on the disc and of the screen, largest A_V of the empty sky (mag), and least share of
#: the contrast of a checkerboard that the map must show [OC].
_ERROR, _NOTHING, _CONTRAST = 0.15, 0.1, 0.8
#: Least and largest share of the disc's true A_V that lies in the intervals.
_COVERAGE = {"coverage_68": (0.65, 0.71), "coverage_95": (0.92, 0.97)}


@dataclass(frozen=True)
class Check:
    """Whether a score is as it must be.

    Parameters
    ----------
    sky, name
        Of the mock sky, and of the score.
    score
        The score.
    at_most, at_least
        What it must not exceed or fall below; None for no bound.
    """

    sky: str
    name: str
    score: Score
    at_most: float | None = None
    at_least: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is within its bounds; an undefined score is not."""
        value = self.score["value"]
        if value is None:
            return False
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)


def judged(sky: str, dust: Dust, cubes: Mapping[str, xr.Dataset]) -> list[Check]:
    """Check the map of a sky, and score its rivals without bounds; which checks, its dust decides."""
    truth, methods = cubes["truth"], [name for name in cubes if name != "truth"]
    checks = []
    for method in methods:
        own = method == "map"
        found = cubes[method]
        if isinstance(dust, Screen):
            total = score(_median(cube.integrate(found, min(8.0, _end(found)))), "mag", "median A_V over the cells")
            most = (1 + _ERROR) * dust.A_V or _NOTHING
            bounds = {"at_most": most, "at_least": (1 - _ERROR) * dust.A_V} if own else {}
            checks.append(Check(sky, f"{method}_A_V", total, **bounds))
            if dust.A_V:
                for name, each in behind(found, dust).items():
                    bound = _FALSE if own and name.startswith("false_structure") else None
                    checks.append(Check(sky, f"{method}_{name}", each, at_most=bound))
            continue
        scores = against_truth(found, truth)
        for name, each in scores.items():
            if name.startswith(("relative_error", "correlation_500pc")) and not name.endswith("sightline"):
                bound = _ERROR if own and name.startswith("relative_error") and sky == "disc" else None
                checks.append(Check(sky, f"{method}_{name}", each, at_most=bound))
        if own and "A_V_quantiles" in found:
            for name, each in coverage(found, truth).items():
                if name in _COVERAGE or name.startswith("deviation"):
                    low, high = _COVERAGE.get(name, (None, None)) if sky == "disc" else (None, None)
                    checks.append(Check(sky, f"{method}_{name}", each, at_least=low, at_most=high))
        if isinstance(dust, Checkerboard):
            checks.append(
                Check(sky, f"{method}_contrast", _contrast(dust, found, truth), at_least=_CONTRAST if own else None)
            )
    return checks


def behind(found: xr.Dataset, screen: Screen) -> dict[str, Score]:
    """What a map has behind a screen, where there is nothing, in steps of 500 pc within its horizon.

    `false_structure` is the largest mean over the cells of a step, `false_structure_95` the 95th percentile over
    all cells and steps, in mag per kpc.
    """
    steps = np.arange(np.ceil((screen.distance + _BEHIND) * 10) / 10, _end(found) + 1e-6, _STEP)
    values = np.stack([cube.integrate(found, near).values for near in steps])
    density = np.diff(values, axis=0) / _STEP
    if "horizon" in found:
        density = np.where(steps[1:, None, None] <= found["horizon"].transpose("b", "l").values + 1e-6, density, np.nan)
    seen = np.isfinite(density)
    means = [layer[kept].mean() for layer, kept in zip(density, seen, strict=True) if kept.any()]
    where = f"behind {screen.distance + _BEHIND:g} kpc, in steps of {_STEP * 1000:g} pc within the horizon"
    return {
        "false_structure": score(max(means, default=np.nan), "mag / kpc", f"largest mean over cells of a step {where}"),
        "false_structure_95": score(
            np.quantile(density[seen], 0.95) if seen.any() else np.nan,
            "mag / kpc",
            f"95 % of cells and steps lie below, {where}",
        ),
    }


def _contrast(board: Checkerboard, found: xr.Dataset, truth: xr.Dataset) -> Score:
    """Difference of A_V between odd and even squares over the true one."""
    to = min(4.0, _end(found))
    l, b = np.meshgrid(truth["l"].values, truth["b"].values)
    odd = board.odd(l, b)
    found_A_V, true_A_V = (cube.integrate(each, to).transpose("b", "l").values for each in (found, truth))
    differences = [np.nanmean(each[odd]) - np.nanmean(each[~odd]) for each in (found_A_V, true_A_V)]
    return score(
        differences[0] / differences[1], "1", f"contrast of A_V to {to:g} kpc between squares over the true one"
    )


def _end(found: xr.Dataset) -> float:
    return float(found["distance_edges"][-1])


def _median(values: xr.DataArray) -> float:
    return float(np.nanmedian(values.values))
