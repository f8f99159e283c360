"""Profiles on a grid of sightlines, put together to a cube."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.cube.fields import FLAGS, described
from milkyway_cnn.cube.regrid import within
from milkyway_cnn.extinction.never_falling import never_falling
from milkyway_cnn.sightlines import Grid

__all__ = ["build"]


def build(
    delta_A_V: np.ndarray,
    grid: Grid,
    edges: np.ndarray,
    *,
    reach: float = 10.0,
    beside: xr.Dataset | None = None,
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
    beside
        What else is known of the cells and has a name in `fields.FIELDS`, such as `A_V_std` and `A_V_quantiles`, on the
        dimensions of the cube. Where it has `horizon`, `nearest`, `novelty` or `deviance`, they set `flags`, as
        `coverage` does.
    stars, coverage
        Stars per cell and fraction of it that the catalog covers, (b, l).
    attrs
        Provenance, kept in the attributes of the cube and of every file made from it; what JSON can hold.

    Returns
    -------
    xarray.Dataset
        On (b, l, distance): `A_V` (mag, to the far edge of the bin), `delta_A_V` (mag per bin) and
        `delta_A_V_raw`, all float32, with the coordinates `b`, `l` (deg), `distance` and `distance_edges`
        (kpc), and with `stars`, `coverage` and what is `beside` where given.

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
    if beside is not None:
        cube = cube.merge(beside, join="exact")
    cube = within(cube, reach)
    raw = cube["delta_A_V_raw"].values
    total = never_falling(raw.cumsum(axis=-1, dtype=np.float64))
    falls = (raw < 0).any(axis=-1, keepdims=True)
    steps = np.where(falls, np.diff(total, axis=-1, prepend=0.0), raw).astype(np.float32)
    cube = cube.assign(A_V=(axes, total.astype(np.float32)), delta_A_V=(axes, steps))
    return described(cube.assign(flags=_flags(cube)) if beside is not None else cube)


def _flags(cube: xr.Dataset) -> xr.DataArray:
    """Return the bits of `fields.FLAGS` that can be told: (b, l, distance) uint8."""
    far_edge = xr.DataArray(cube["distance_edges"].values[1:], dims="distance")
    doubts = {"low_coverage": cube["delta_A_V"].isnull()}
    if "horizon" in cube:
        doubts["beyond_horizon"] = far_edge > cube["horizon"] + 1e-6
    if "nearest" in cube:
        doubts["too_near"] = far_edge < cube["nearest"] - 1e-6
    for measure, flag in (("novelty", "novel"), ("deviance", "model_disagrees")):
        if measure in cube:
            doubts[flag] = cube[measure] > 1.0
    flags = xr.zeros_like(cube["delta_A_V"], np.uint8)
    for flag, doubt in doubts.items():
        flags = flags | doubt.astype(np.uint8) * np.uint8(FLAGS[flag])
    return flags
