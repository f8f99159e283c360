"""What others found at single places: tables of positions and values, profiles of sightlines."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import xarray as xr

from milkyway_cnn.comparison.scores import Score, score
from milkyway_cnn.cube import CubeQuery
from milkyway_cnn.errors import InputError

__all__ = ["against_points", "read_bayestar", "read_points"]


def read_points(path: str | Path, factor: float = 1.0) -> xr.Dataset:
    """Read a table of l, b (deg), distance (kpc) if it has four columns, and a value, with commas between.

    Returns
    -------
    xarray.Dataset
        On `point`: `l`, `b`, `distance` (inf where the table has none) and `A_V`, the value times `factor`.

    Raises
    ------
    InputError
        When it is no such table.
    """
    try:
        rows = np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        msg = f"{path} is no table of numbers with commas between ({error})"
        raise InputError(msg) from None
    if rows.shape[1] not in (3, 4):
        msg = f"{path} has {rows.shape[1]} columns; it must have l, b and a value, or l, b, distance and a value"
        raise InputError(msg)
    distance = rows[:, 2] if rows.shape[1] == 4 else np.full(len(rows), np.inf)
    return _points(rows[:, 0], rows[:, 1], distance, factor * rows[:, -1], str(path))


def read_bayestar(path: str | Path, factor: float = 2.742) -> xr.Dataset:
    """Read profiles as the service of Bayestar returned them as text: the best fit of each sightline.

    `factor` is A_V of its unit, by default that of SFD (Schlafly & Finkbeiner 2011, Table 6). See `read_points`.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read ({error})"
        raise InputError(msg) from None
    places = re.findall(r"l = ([-.\d]+)\s*\n#\s*b = ([-.\d]+)", text)
    moduli = re.findall(r"^\s+\|((?:\s+[.\d]+)+)\s*$", text, re.MULTILINE)
    values = re.findall(r"BestFit\s*\|((?:[ \t]+[-.\d]+)+)", text)
    if not places or not len(places) == len(moduli) == len(values):
        msg = f"{path} holds {len(places)} positions and {len(values)} best fits; give a text of Bayestar's service"
        raise InputError(msg)
    parts = []
    for place, modulus, value in zip(places, moduli, values, strict=True):
        far = 10.0 ** (np.array(modulus.split(), float) / 5.0 - 2.0)
        whose = [np.full(far.size, float(angle)) for angle in place]
        parts.append((*whose, far, factor * np.array(value.split(), float)))
    l, b, distance, A_V = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _points(l, b, distance, A_V, str(path))


def _points(l: np.ndarray, b: np.ndarray, distance: np.ndarray, A_V: np.ndarray, source: str) -> xr.Dataset:
    columns = {"l": (l % 360.0, "deg"), "b": (b, "deg"), "distance": (distance, "kpc"), "A_V": (A_V, "mag")}
    fields = {name: ("point", values, {"units": unit}) for name, (values, unit) in columns.items()}
    return xr.Dataset(fields, attrs={"title": source})


def against_points(cube: xr.Dataset, points: xr.Dataset) -> dict[str, Score]:
    """Score a cube against single values within it; those without distance count up to its end."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from scipy.stats import spearmanr

    end = float(cube["distance_edges"][-1])
    distance = np.minimum(points["distance"].values, end)
    near = (points["distance"].values <= end) | np.isinf(points["distance"].values)
    places = SkyCoord(
        points["l"].values * u.deg, points["b"].values * u.deg, distance=distance * u.kpc, frame="galactic"
    )
    found = np.asarray(CubeQuery(cube)(places), float)
    seen = near & np.isfinite(found) & np.isfinite(points["A_V"].values)
    ours, theirs = found[seen], points["A_V"].values[seen]
    varied = ours.size > 2 and np.ptp(ours) > 0 and np.ptp(theirs) > 0
    return {
        "points": score(ours.size, "1", "points within the map"),
        "points_difference": score(
            np.median(ours - theirs) if ours.size else np.nan,
            "mag",
            "median of A_V of the map minus that of the points",
        ),
        "points_scatter": score(
            np.std(ours - theirs) if ours.size else np.nan, "mag", "standard deviation of the difference"
        ),
        "points_spearman": score(
            spearmanr(ours, theirs).statistic if varied else np.nan, "1", "Spearman rank correlation with the points"
        ),
    }
