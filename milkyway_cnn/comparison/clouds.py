"""A catalog of clouds, by dendrogram, and their distances beside published ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from milkyway_cnn.comparison.scores import Score, score
from milkyway_cnn.errors import InputError

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["against_distances", "cloud_catalog"]


def cloud_catalog(cube: xr.Dataset, *, least: float = 0.5, contrast: float = 0.5, pixels: int = 3) -> Table:
    """Find clouds: the leaves of the dendrogram of A_V per kpc (Rosolowsky et al. 2008, by the package astrodendro).

    Parameters
    ----------
    least, contrast
        Lowest density that counts, and by how much a leaf must rise above where it joins others (mag per kpc).
    pixels
        Fewest bins of a leaf.

    Returns
    -------
    astropy.table.Table
        The densest first: `l`, `b` (deg) and `distance` (kpc), weighted by dust, their standard deviations `l_width`,
        `b_width` and `distance_width`, the `peak` (mag / kpc), the largest `A_V` through it of a cell (mag) and `bins`.

    Raises
    ------
    InputError
        When astrodendro is not installed.
    """
    from astropy.table import Table

    try:
        from astrodendro import Dendrogram
    except ImportError:
        msg = "catalogs of clouds need astrodendro, which is not installed; pip install 'milkyway-cnn[maps]'"
        raise InputError(msg) from None
    delta = cube["delta_A_V"].transpose("b", "l", "distance").values.astype(float)
    density = np.nan_to_num(delta / np.diff(cube["distance_edges"].values))
    tree = Dendrogram.compute(density, min_value=least, min_delta=contrast, min_npix=pixels, verbose=False)
    names = ("l", "b", "distance", "l_width", "b_width", "distance_width", "peak", "A_V", "bins")
    axes = [cube[name].values for name in ("b", "l", "distance")]
    rows = []
    for leaf in tree.leaves:
        places = leaf.indices()
        weight = np.nan_to_num(delta[places])
        middles, widths = [], []
        for axis, place in zip(axes, places, strict=True):
            middles.append(np.average(axis[place], weights=weight))
            widths.append(np.sqrt(np.average((axis[place] - middles[-1]) ** 2, weights=weight)))
        through = np.zeros(delta.shape[:2])
        np.add.at(through, places[:2], weight)
        b, l, far = middles
        b_width, l_width, depth = widths
        rows.append((l, b, far, l_width, b_width, depth, density[places].max(), through.max(), len(weight)))
    rows.sort(key=lambda row: -row[names.index("peak")])
    table = Table(rows=rows or None, names=names, dtype=[float] * 8 + [int])
    units = ("deg", "deg", "kpc", "deg", "deg", "kpc", "mag / kpc", "mag", "")
    for name, unit in zip(names, units, strict=True):
        table[name].unit = unit or None
    return table


def against_distances(clouds: Table, published: Table, within: float = 1.0) -> dict[str, Score]:
    """Compare distances of clouds with published ones, a table of `comparison.tracers`.

    `within` is the largest separation (deg) of a pair. Where several clouds lie that near, the one whose distance is
    most alike is taken, so the scatter is a lower limit.
    """
    ratios = []
    for l, b, distance in zip(published["l"], published["b"], published["distance"], strict=True):
        away = (np.asarray(clouds["l"]) - l + 180.0) % 360.0 - 180.0
        near = np.hypot(away * np.cos(np.radians(b)), np.asarray(clouds["b"]) - b) <= within
        if np.isfinite(distance) and near.any():
            logarithm = np.log(np.asarray(clouds["distance"])[near] / distance)
            ratios.append(logarithm[np.abs(logarithm).argmin()])
    pairs = f"over pairs within {within:g} deg"
    return {
        "cloud_pairs": score(len(ratios), "1", f"published clouds with one of the map's within {within:g} deg"),
        "cloud_distance_ratio": score(
            np.exp(np.median(ratios)) if ratios else np.nan,
            "1",
            f"median of a cloud's distance over the published, {pairs}",
        ),
        "cloud_distance_scatter": score(
            np.std(ratios) if ratios else np.nan, "1", f"standard deviation of ln(distance over published), {pairs}"
        ),
    }
