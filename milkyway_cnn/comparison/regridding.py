"""Other cells and distance bins for a cube, with its integrals kept."""

from __future__ import annotations

import numpy as np
import xarray as xr

from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid

__all__ = ["regrid"]


def regrid(cube: xr.Dataset, grid: Grid, edges: np.ndarray | None = None) -> xr.Dataset:
    """Bring extinction to other cells and distance bins.

    A new cell has the mean of the old ones, each weighted by the solid angle that they share; within an old bin dust is
    spread evenly. So the integral of A_V over the sky that both grids cover, and along any sightline between common
    edges, stays what it was.

    Parameters
    ----------
    cube
        With `delta_A_V` on (b, l, distance), as `cube.build` makes it.
    grid
        The new cells.
    edges
        New edges of the distance bins (kpc), within those of the cube; its own by default.

    Returns
    -------
    xarray.Dataset
        `delta_A_V` and `A_V` (mag, float64) on (b, l, distance), and `coverage`, the share of each new cell that old
        ones with a value cover; NaN where it is 0. An integral over the sky weighs A_V by coverage and solid angle.

    Raises
    ------
    InputError
        When the new edges leave the cube, or no new cell meets an old one.
    """
    own = cube["distance_edges"].values.astype(float)
    edges = own if edges is None else np.asarray(edges, float)
    if edges[0] < own[0] - 1e-6 or edges[-1] > own[-1] + 1e-6:
        msg = f"edges from {edges[0]:g} to {edges[-1]:g} kpc leave the cube, which has {own[0]:g} to {own[-1]:g} kpc"
        raise InputError(msg)
    half = cube.attrs["cell_deg"] / 2
    steps = cube["delta_A_V"].transpose("b", "l", "distance").values.astype(float)
    known = np.isfinite(steps).all(axis=-1)
    sky_b = _shared(
        np.sin(np.radians(_cell_edges(cube["b"].values, half))), np.sin(np.radians(_cell_edges(grid.b, grid.cell / 2)))
    )
    sky_l = _shared_longitude(_cell_edges(cube["l"].values, half), _cell_edges(grid.l, grid.cell / 2))
    far = _shared(np.stack([own[:-1], own[1:]], axis=1), np.stack([edges[:-1], edges[1:]], axis=1)) / np.diff(own)
    covered = np.einsum("nb,ml,bl->nm", sky_b, sky_l, known.astype(float))
    if not covered.any():
        region = f"l {grid.l_min:g} to {grid.l_max:g}, b {grid.b_min:g} to {grid.b_max:g} deg"
        msg = f"the cells of {region} meet none of the cube; give a region that does"
        raise InputError(msg)
    total = np.einsum("nb,ml,bld,kd->nmk", sky_b, sky_l, np.where(known[..., None], steps, 0.0), far, optimize=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        delta = np.where(covered[..., None] > 0, total / covered[..., None], np.nan)
    whole = np.outer(
        np.diff(np.sin(np.radians(_cell_edges(grid.b, grid.cell / 2))), axis=1)[:, 0], np.full(len(grid.l), grid.cell)
    )
    sky, axes = ("b", "l"), ("b", "l", "distance")
    return xr.Dataset(
        {
            "delta_A_V": (axes, delta, {"units": "mag"}),
            "A_V": (axes, np.cumsum(delta, axis=-1), {"units": "mag"}),
            "coverage": (sky, covered / whole, {"units": "1"}),
        },
        coords={
            "b": grid.b.round(10),
            "l": grid.l.round(10),
            "distance": ((edges[1:] + edges[:-1]) / 2).round(10),
            "distance_edges": edges,
        },
        attrs={**cube.attrs, "cell_deg": grid.cell},
    )


def _cell_edges(centers: np.ndarray, half: float) -> np.ndarray:
    """Lower and upper edge of each cell: (cells, 2)."""
    return np.stack([centers - half, centers + half], axis=1)


def _shared(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Length that each pair of intervals shares: (new, old)."""
    low = np.maximum(new[:, None, 0], old[None, :, 0])
    return np.maximum(np.minimum(new[:, None, 1], old[None, :, 1]) - low, 0.0)


def _shared_longitude(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The same on the circle (deg)."""
    return np.sum([_shared(old + turn, new) for turn in (-360.0, 0.0, 360.0)], axis=0)
