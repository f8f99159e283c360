"""The modes of a query: which field of a cube each needs, and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.cube.curves import at_probability
from milkyway_cnn.errors import InputError

__all__ = ["MODES", "Curve", "asked", "percentiles"]

#: What can be asked for: Bayestar's modes, and "std". A cube has no "best" of its own, so that is its mean.
MODES = ("mean", "median", "std", "percentile", "samples", "random_sample", "random_sample_per_pix", "best")
#: How to come by what a cube may lack.
_CALIBRATED = "a run makes it where its map is calibrated, as --set calibration_examples=8192 does"
_DRAWN = "a run keeps them with --set dropout=0.1 --set samples=50 --set keep_draws=true"
#: Makes of the values of a field at some places, (places, [quantile or draw], distance), and the numbers of these
#: places among all, the values asked for: (places, [percentiles or draws], distance).
Curve = Callable[[np.ndarray, np.ndarray], np.ndarray]


def asked(cube: xr.Dataset, mode: str, pct: Any, cell: np.ndarray, seed: int = 0) -> tuple[str, Curve]:
    """Find the field that a mode needs, and what makes of its values those asked for.

    Parameters
    ----------
    mode
        Of `MODES`.
    pct
        Percentiles, for the mode "percentile".
    cell
        Numbers of the cells of all places, -1 outside.
    seed
        Of the random choice of draws.

    Raises
    ------
    InputError
        For another mode, percentiles out of range, or what the cube does not hold.
    """
    if mode not in MODES:
        msg = f"mode = {mode!r} must be one of {', '.join(MODES)}"
        raise InputError(msg)
    if mode in ("mean", "best"):
        return "A_V", lambda curves, places: curves
    if mode == "std" and "A_V_std" in cube:
        return "A_V_std", lambda curves, places: curves
    if mode == "percentile" and pct is None:
        msg = "mode = 'percentile' needs the percentiles, as in pct=[16, 84]"
        raise InputError(msg)
    if mode in ("median", "percentile"):
        return _of_quantiles(cube, 50.0 if mode == "median" else percentiles(pct))
    if "A_V_samples" not in cube:
        needed = "A_V_std" if mode == "std" else "A_V_samples"
        msg = f"mode = {mode!r} needs {needed}, which this cube lacks; {_CALIBRATED if mode == 'std' else _DRAWN}"
        raise InputError(msg)
    if mode == "std":
        return "A_V_samples", lambda curves, places: curves.std(axis=1, dtype=float)
    if mode == "samples":
        return "A_V_samples", lambda curves, places: curves
    per_cell = mode == "random_sample_per_pix"
    random = np.random.default_rng(seed)
    cells = int(np.prod([size for axis, size in cube["A_V"].sizes.items() if axis != "distance"]))
    draw = random.integers(cube.sizes["draw"], size=cells if per_cell else max(len(cell), 1))
    drawn = draw[cell] if per_cell else draw
    return "A_V_samples", lambda curves, places: curves[np.arange(len(places)), drawn[places]]


def percentiles(pct: Any) -> float | np.ndarray:
    """Percentiles as numbers.

    Raises
    ------
    InputError
        When one is no number from 0 to 100.
    """
    try:
        values = np.asarray(pct, dtype=float)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if values.ndim > 1 or not values.size or not ((values >= 0) & (values <= 100)).all():
        msg = f"pct = {pct!r} must be a number from 0 to 100, or a list of such"
        raise InputError(msg)
    return values if values.ndim else float(values)


def _of_quantiles(cube: xr.Dataset, pct: float | np.ndarray) -> tuple[str, Curve]:
    """Find where percentiles come from: the quantiles of the cube, else its draws."""
    wanted, one = np.atleast_1d(pct) / 100.0, np.ndim(pct) == 0

    def kept(values: np.ndarray) -> np.ndarray:
        return values[:, 0] if one else values

    if "A_V_quantiles" in cube:
        known = cube["quantile"].values
        outside = wanted[(wanted < known[0] - 1e-9) | (wanted > known[-1] + 1e-9)]
        if outside.size:
            held = f"{100 * known[0]:g} to {100 * known[-1]:g}"
            msg = f"the percentile {100 * outside[0]:g} is not within what this cube holds, {held}; choose one there"
            raise InputError(msg)
        return "A_V_quantiles", lambda curves, places: kept(at_probability(curves, known, wanted))
    if "A_V_samples" in cube:
        return "A_V_samples", lambda curves, places: kept(
            np.moveaxis(np.percentile(curves, 100 * wanted, axis=1), 0, 1)
        )
    msg = f"percentiles need A_V_quantiles, which this cube lacks; {_CALIBRATED}"
    raise InputError(msg)
