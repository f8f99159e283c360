"""Profiles on a grid of sightlines, put together to a cube."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.cube.fields import described
from milkyway_cnn.cube.regrid import within
from milkyway_cnn.sightlines import Grid

__all__ = ["build"]


def build(
    delta_A_V: np.ndarray,
    grid: Grid,
    edges: np.ndarray,
    *,
    reach: float = 10.0,
    std: np.ndarray | None = None,
    stars: np.ndarray | None = None,
    coverage: np.ndarray | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Put profiles on a grid of sightlines together to a cube.

    Parameters
    ----------
    delta_A_V
        Extinction added in each distance bin (mag), (b, l, bins) float32. A cell without prediction is NaN
        throughout.
    grid
        The cells.
    edges
        Edges of the distance bins (kpc), (bins + 1,), ascending from 0 at the Sun.
    reach
        Bins that end beyond this distance (kpc) are left out.
    std
        Standard deviation of `delta_A_V` (mag), of its shape.
    stars, coverage
        Stars per cell and fraction of it that the catalog covers, (b, l).
    attrs
        Provenance, kept in the attributes of the cube and of every file made from it; what JSON can hold.

    Returns
    -------
    xarray.Dataset
        On (b, l, distance): `A_V` (mag, to the far edge of the bin), `delta_A_V` (mag per bin) and
        `delta_A_V_raw`, all float32, with the coordinates `b`, `l` (deg), `distance` and `distance_edges`
        (kpc), and with `delta_A_V_std`, `stars`, `coverage` where given.

    Notes
    -----
    A network may predict a negative bin, and extinction does not fall with distance. Setting such bins to zero
    would turn their noise into dust: the integral would grow with every empty bin. Instead `A_V` is the curve
    that never falls, nowhere below zero, nearest in least squares to the running sum of the prediction
    (isotonic regression), which keeps the mean of the integral; `delta_A_V` are its steps. A profile without
    negative bins stays as it is. `delta_A_V_raw` is the prediction itself.

    Raises
    ------
    ValueError
        When shapes disagree or a cell is NaN in some of its bins only.
    InputError
        When no bin lies within `reach`.
    """
    edges = np.asarray(edges, dtype=np.float64)
    shape = (*grid.shape, len(edges) - 1)
    for name, field, expected in (
        ("delta_A_V", delta_A_V, shape),
        ("std", std, shape),
        ("stars", stars, shape[:2]),
        ("coverage", coverage, shape[:2]),
    ):
        if field is not None and np.shape(field) != expected:
            msg = f"{name} has the shape {np.shape(field)}, but grid and edges ask for {expected}"
            raise ValueError(msg)
    edges = edges.round(5)  # float32 edges, such as 0.1, as decimals again
    raw = np.asarray(delta_A_V, dtype=np.float32)
    missing = np.isnan(raw)
    if np.any(missing.any(axis=-1) != missing.all(axis=-1)):
        b, l = np.argwhere(missing.any(axis=-1) != missing.all(axis=-1))[0]
        msg = f"the cell at l={grid.l[l]:g}, b={grid.b[b]:g} deg has NaN in some bins; a cell has all of them or none"
        raise ValueError(msg)

    axes = ("b", "l", "distance")
    fields: dict[str, Any] = {"delta_A_V_raw": (axes, raw)}
    if std is not None:
        fields["delta_A_V_std"] = (axes, np.asarray(std, dtype=np.float32))
    for name, plane in (("stars", stars), ("coverage", coverage)):
        if plane is not None:
            fields[name] = (axes[:2], np.asarray(plane, dtype=np.float32))
    cube = xr.Dataset(
        fields,
        coords={
            "b": grid.b.round(10),
            "l": grid.l.round(10),
            "distance": ((edges[1:] + edges[:-1]) / 2).round(10),
            "distance_edges": edges,
        },
        attrs={
            "Conventions": "CF-1.11",
            "title": "Extinction of the Milky Way",
            "cell_deg": grid.cell,
            **(attrs or {}),
        },
    )
    cube = within(cube, reach)
    steps, total = _never_falling(cube["delta_A_V_raw"].values)
    return described(cube.assign(A_V=(axes, total), delta_A_V=(axes, steps)))


def _never_falling(raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and sums (float32) of the never-falling curve from 0 nearest to the running sum of `raw`."""
    from scipy.optimize import isotonic_regression

    total = np.cumsum(raw, axis=-1, dtype=np.float64)
    steps = raw.copy()
    for cell in np.argwhere((raw < 0).any(axis=-1)):
        index = tuple(cell)
        total[index] = np.maximum(isotonic_regression(total[index]).x, 0.0)
        steps[index] = np.diff(total[index], prepend=0.0)
    return steps, total.astype(np.float32)
