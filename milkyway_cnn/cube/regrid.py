"""Other distances and other cells than those of the cube, with its integrals kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from milkyway_cnn.cube.cells import grid_of
from milkyway_cnn.cube.fields import FLAGS, described, dimensions
from milkyway_cnn.cube.overlap import shared_length, shared_with_grid, shared_with_healpix
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid, Healpix

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["integrate", "rebin", "regrid", "to_healpix", "within"]


def integrate(cube: xr.Dataset, to: float) -> xr.DataArray:
    """Extinction from the Sun to a distance.

    Parameters
    ----------
    to
        Distance (kpc) within the cube; between the edges of bins the sum is linear.

    Returns
    -------
    xarray.DataArray
        A_V (mag) on the cells as float64, NaN where the cube is.
    """
    edges = cube["distance_edges"].values
    if not 0 <= to <= edges[-1] + 1e-6:
        msg = f"the distance {to:g} kpc is not within the cube, which ends at {edges[-1]:g} kpc"
        raise InputError(msg)
    part = np.clip((to - edges[:-1]) / np.diff(edges), 0.0, 1.0)
    total = (cube["delta_A_V"].astype(np.float64) * xr.DataArray(part, dims="distance")).sum("distance", skipna=False)
    total.attrs = {"units": "mag", "long_name": f"visual extinction from the Sun to {to:g} kpc"}
    total.attrs |= {name: cube.attrs[name] for name in ("cell_deg", "nside") if name in cube.attrs}
    return total.rename("A_V")


def within(cube: xr.Dataset, to: float) -> xr.Dataset:
    """Return the part of the cube whose distance bins end at most at `to` (kpc)."""
    bins = int(np.sum(cube["distance_edges"].values[1:] <= to + 1e-6))
    if bins < 1:
        msg = f"no distance bin ends within {to:g} kpc; the first ends at {cube['distance_edges'].values[1]:g} kpc"
        raise InputError(msg)
    return cube.isel(distance=slice(bins), distance_edges=slice(bins + 1))


def rebin(cube: xr.Dataset, edges: np.ndarray) -> xr.Dataset:
    """Bring a cube to other distance bins.

    Within an old bin dust is spread evenly, so that what is summed to a distance is linear between the old edges:
    `A_V`, and with it its standard deviation, quantiles and draws, are interpolated there, and `delta_A_V` are the
    steps of `A_V`. A new bin has the flags of all old ones that it meets. The standard deviation and the quantiles in
    single bins do not follow from those of other bins, and are left out.

    Parameters
    ----------
    edges
        New edges of the distance bins (kpc), ascending, within those of the cube.

    Raises
    ------
    InputError
        When the edges do not ascend or leave the cube.
    """
    own, edges = cube["distance_edges"].values.astype(float), np.asarray(edges, float)
    if edges.size < 2 or not (np.diff(edges) > 0).all():
        msg = f"the {edges.size} edges of distance bins must ascend, at least two of them"
        raise InputError(msg)
    if edges[0] < own[0] - 1e-6 or edges[-1] > own[-1] + 1e-6:
        msg = f"edges from {edges[0]:g} to {edges[-1]:g} kpc leave the cube, which has {own[0]:g} to {own[-1]:g} kpc"
        raise InputError(msg)
    share = shared_length(_intervals(own), _intervals(edges)) / np.diff(own)  # of each old bin: (new, old)
    at_edges = _at(own, edges[1:])
    held: dict[str, Any] = {}
    for name in map(str, cube.data_vars):
        if "distance" not in cube[name].dims:
            held[name] = cube[name].variable
            continue
        field = cube[name].transpose(..., "distance")
        if name == "flags":
            values = _any_bit(field.values, share > 1e-9)
        elif name in ("delta_A_V", "delta_A_V_raw"):
            values = (field.values @ share.T).astype(field.dtype)
        elif name.startswith("A_V"):
            values = (field.values @ at_edges.T).astype(field.dtype)
        else:
            continue
        held[name] = (field.dims, values)
    coords: dict[Any, Any] = {name: axis.variable for name, axis in cube.coords.items() if "distance" not in str(name)}
    coords |= {"distance": ((edges[1:] + edges[:-1]) / 2).round(10), "distance_edges": edges}
    return described(xr.Dataset(held, coords, cube.attrs))


def regrid(cube: xr.Dataset, grid: Grid, edges: np.ndarray | None = None) -> xr.Dataset:
    """Bring a cube to the cells of another grid, and to other distance bins.

    A new cell has the mean of the old ones, each weighted by the solid angle that they share. So the integral over the
    sky of A_V, weighted with `solid_angle`, stays what it was. Stars are shared out by solid angle; a standard
    deviation or quantile is the mean of those of the cells, as if their errors were the same error, at most too wide;
    a new cell has the flags of all old ones that it meets, the nearest of their horizons, and the farthest `nearest`.

    Parameters
    ----------
    cube
        As `cube.build` makes it.
    grid
        The new cells.
    edges
        New edges of the distance bins (kpc), see `rebin`; its own by default.

    Returns
    -------
    xarray.Dataset
        The fields of the cube, NaN in cells that meet no old one with a value, and `solid_angle`, the part of each new
        cell that old ones with a value cover (square degrees).

    Raises
    ------
    InputError
        When the new edges leave the cube, no new cell meets an old one, or the cube has no grid.
    """
    shared = shared_with_grid(grid_of(cube), grid)
    axes = {"b": grid.b.round(10), "l": grid.l.round(10)}
    region = f"the cells of l {grid.l_min:g} to {grid.l_max:g}, b {grid.b_min:g} to {grid.b_max:g} deg"
    return _averaged(cube, shared, ("b", "l"), grid.shape, axes, region, edges).assign_attrs(cell_deg=grid.cell)


def to_healpix(cube: xr.Dataset, nside: int, edges: np.ndarray | None = None) -> xr.Dataset:
    """Bring a cube to the HEALPix pixels that its cells meet, and to other distance bins.

    Parameters
    ----------
    nside
        Resolution, a power of two; 256 has pixels of 0.23 deg.
    edges
        New edges of the distance bins (kpc), see `rebin`; its own by default.

    Returns
    -------
    xarray.Dataset
        On (sightline, distance), with the coordinates `pixel` (nested order), `l` and `b` (deg) of the centers, and
        what `regrid` says of fields and of `solid_angle`.

    Raises
    ------
    InputError
        As `regrid`, or for an nside that is none.
    """
    Healpix(nside, (0,))
    pixels, shared = shared_with_healpix(grid_of(cube), nside)
    met = shared @ _known(cube) > 0
    found = Healpix(nside, tuple(pixels[met] if met.any() else pixels))
    made = _averaged(
        cube, shared[met], ("sightline",), found.shape, found.coordinates(), f"the pixels of nside {nside}", edges
    )
    made.attrs = {name: value for name, value in cube.attrs.items() if name != "cell_deg"} | {"nside": nside}
    return made


def _averaged(
    cube: xr.Dataset,
    shared: csr_array,
    axes: tuple[str, ...],
    shape: tuple[int, ...],
    coords: dict[str, Any],
    region: str,
    edges: np.ndarray | None,
) -> xr.Dataset:
    """Average fields over the solid angles (new cells, old cells) that new cells share with those of a cube."""
    from scipy.sparse import diags_array

    if edges is not None:
        cube = rebin(cube, edges)
    known = _known(cube)
    shared = (shared @ diags_array(known.astype(float))).tocsr()
    shared.eliminate_zeros()
    area = shared.sum(axis=1)
    if not area.any():
        msg = f"{region} meet none of the cube; give some that do"
        raise InputError(msg)
    with np.errstate(divide="ignore"):
        mean = diags_array(np.where(area > 0, 1 / area, 0.0)) @ shared
    own_area = np.repeat(grid_of(cube).solid_angle, cube.sizes["l"])
    held: dict[str, Any] = {}
    for name in [str(name) for name in cube.data_vars if name != "solid_angle"]:
        field = cube[name].transpose(*dimensions(name))
        before, after = (
            field.shape[place] for place in (slice(field.dims.index("b")), slice(field.dims.index("l") + 1, None))
        )
        values = np.empty((*before, *shape, *after), field.dtype)
        for place in np.ndindex(before):  # a quantile or draw at once
            old = field[place].values.reshape(len(known), -1)
            if name == "flags":
                new = _any_bit(old.T, shared > 0).T
            elif name == "horizon":
                new = _least(old[:, 0], shared)
            elif name == "nearest":
                new = -_least(-old[:, 0], shared)
            else:
                old = np.where(known[:, None], old, 0.0)
                new = shared @ (old / own_area[:, None]) if name == "stars" else mean @ old
                new[area == 0] = np.nan
            values[place] = new.reshape(values[place].shape)
        held[name] = (dimensions(name, axes), values)
    held["solid_angle"] = (axes, area.reshape(shape).astype(np.float32))
    kept: dict[Any, Any] = {name: axis.variable for name, axis in cube.coords.items() if name not in ("b", "l")}
    return described(xr.Dataset(held, kept | coords, cube.attrs))


def _known(cube: xr.Dataset) -> np.ndarray:
    """Whether there is a prediction: (cells,)."""
    return np.isfinite(cube["A_V"].transpose("b", "l", "distance").values).all(axis=-1).ravel()


def _intervals(edges: np.ndarray) -> np.ndarray:
    return np.stack([edges[:-1], edges[1:]], axis=1)


def _at(edges: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Weights of values at the far edges of bins by which they are interpolated: (distances, bins)."""
    return np.stack([np.interp(distances, edges, one) for one in np.eye(len(edges))[1:]], axis=1)


def _any_bit(flags: np.ndarray, met: Any) -> np.ndarray:
    """Bits that are set in any of the flags (..., old) that a new place meets, (new, old) bool: (..., new) uint8."""
    found = np.zeros((*flags.shape[:-1], met.shape[0]), np.uint8)
    counts = met.astype(np.int32)
    for bit in FLAGS.values():
        which = ((flags & bit) > 0).astype(np.int32)
        found |= bit * np.asarray((counts @ which.reshape(-1, flags.shape[-1]).T).T.reshape(found.shape) > 0).astype(
            np.uint8
        )
    return found


def _least(values: np.ndarray, shared: csr_array) -> np.ndarray:
    """Least of the values (old,) that each new cell meets, NaN where it meets none."""
    least = np.full(shared.shape[0], np.nan)
    met = np.diff(shared.indptr) > 0
    least[met] = np.fmin.reduceat(values[shared.indices], shared.indptr[:-1][met])
    return least
