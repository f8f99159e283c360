"""The product: extinction on (b, l, distance) with units, kept as zarr and handed out as FITS."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid
from milkyway_cnn.storage import replacing

__all__ = ["build", "integrate", "load", "save", "to_fits", "within"]

#: Name, unit and meaning of everything a cube may hold.
_FIELDS = {
    "A_V": ("mag", "visual extinction from the Sun to the far edge of the distance bin"),
    "delta_A_V": ("mag", "visual extinction added in the distance bin"),
    "delta_A_V_raw": ("mag", "visual extinction added in the distance bin, as predicted, of either sign"),
    "delta_A_V_std": ("mag", "standard deviation of the predicted visual extinction in the distance bin"),
    "stars": ("1", "stars that the prediction rests on"),
    "coverage": ("1", "fraction of the cell that the catalog covers"),
    "l": ("deg", "Galactic longitude of the cell center"),
    "b": ("deg", "Galactic latitude of the cell center"),
    "distance": ("kpc", "distance from the Sun to the bin center"),
    "distance_edges": ("kpc", "distance from the Sun to the bin edges"),
}


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
    cube = cube.assign(A_V=(axes, total), delta_A_V=(axes, steps))
    for variable in cube.variables:
        unit, meaning = _FIELDS[str(variable)]
        cube[variable].attrs.update(units=unit, long_name=meaning)
    return cube


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


def integrate(cube: xr.Dataset, to: float) -> xr.DataArray:
    """Extinction from the Sun to a distance.

    Parameters
    ----------
    to
        Distance (kpc) within the cube; between the edges of bins the sum is linear.

    Returns
    -------
    xarray.DataArray
        A_V (mag) on (b, l) as float64, NaN where the cube is.
    """
    edges = cube["distance_edges"].values
    if not 0 <= to <= edges[-1] + 1e-6:
        msg = f"the distance {to:g} kpc is not within the cube, which ends at {edges[-1]:g} kpc"
        raise InputError(msg)
    part = np.clip((to - edges[:-1]) / np.diff(edges), 0.0, 1.0)
    total = (cube["delta_A_V"].astype(np.float64) * xr.DataArray(part, dims="distance")).sum("distance", skipna=False)
    total.attrs = {"units": "mag", "long_name": f"visual extinction from the Sun to {to:g} kpc"}
    return total.rename("A_V")


def within(cube: xr.Dataset, to: float) -> xr.Dataset:
    """Return the part of the cube whose distance bins end at most at `to` (kpc)."""
    bins = int(np.sum(cube["distance_edges"].values[1:] <= to + 1e-6))
    if bins < 1:
        msg = f"no distance bin ends within {to:g} kpc; the first ends at {cube['distance_edges'].values[1]:g} kpc"
        raise InputError(msg)
    return cube.isel(distance=slice(bins), distance_edges=slice(bins + 1))


def save(cube: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write the cube as a zarr store (format 3), whole or not at all."""
    with replacing(path) as part:
        cube.to_zarr(part, mode="w", zarr_format=3, consolidated=False)


def load(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read what `save` has written.

    Raises
    ------
    InputError
        When there is no cube at `path`.
    """
    path = Path(path)
    if not (path / "zarr.json").is_file():
        msg = f"{path} is not a cube, the zarr folder that cube.save writes; check the path"
        raise InputError(msg)
    with xr.open_zarr(path, consolidated=False, chunks=None) as stored:
        cube = stored.load()
    if not {"A_V", "delta_A_V", "distance_edges"} <= set(cube.variables):
        msg = f"{path} is a zarr store without A_V and delta_A_V; give the path of a cube"
        raise InputError(msg)
    return cube


def to_fits(cube: xr.Dataset, path: str | os.PathLike[str], provenance: Mapping[str, Any] | None = None) -> None:
    """Write the cube as FITS, one image a field, with celestial and distance coordinates.

    The primary image is `A_V`, whose distance is that of the far edge of a bin; the other fields follow as
    extensions of their name, with the distance of the bin center. Longitude grows towards the first pixel (the
    left), as on the sky. The projection is CAR about the middle of the region on the Galactic equator, so that
    pixels are exactly equal steps in l and b (Calabretta & Greisen 2002, A&A 395, 1077, sec. 5.2.3).

    Parameters
    ----------
    provenance
        Written as HISTORY cards, one `name = JSON` each; by default the attributes of the cube. Nothing else
        enters the headers, so the same cube makes the same file.
    """
    from astropy.io import fits

    widths = np.diff(cube["distance_edges"].values)
    if np.ptp(widths) > 1e-6 * widths[0]:
        msg = f"bins of {widths.min():g} to {widths.max():g} kpc do not fit the linear axis of FITS; use save"
        raise InputError(msg)
    history = [f"{name} = {json.dumps(value)}" for name, value in (provenance or cube.attrs).items()]
    images: list[Any] = []
    for name in sorted((str(name) for name in cube.data_vars), key=list(_FIELDS).index):
        field = cube[name].transpose(..., "b", "l")
        image = fits.ImageHDU if images else fits.PrimaryHDU
        images.append(image(np.ascontiguousarray(field.values[..., ::-1]), _header(cube, name)))
    for line in history:
        images[0].header.add_history(line)
    with replacing(path) as part:
        fits.HDUList(images).writeto(part)


def _header(cube: xr.Dataset, name: str) -> Any:
    """FITS header with the coordinates, unit and meaning of a field."""
    from astropy.io import fits

    l, b, edges = (cube[axis].values for axis in ("l", "b", "distance_edges"))
    cell = cube.attrs["cell_deg"]
    unit, meaning = _FIELDS[name]
    cards = [
        ("EXTNAME", name, ""),
        ("CTYPE1", "GLON-CAR", "Galactic longitude"),
        ("CUNIT1", "deg", ""),
        ("CRPIX1", (len(l) + 1) / 2, ""),
        ("CRVAL1", float((l[0] + l[-1]) / 2 % 360), ""),
        ("CDELT1", -cell, ""),
        ("CTYPE2", "GLAT-CAR", "Galactic latitude"),
        ("CUNIT2", "deg", ""),
        ("CRPIX2", float(1 - b[0] / cell), "of the Galactic equator, as CAR demands"),
        ("CRVAL2", 0.0, ""),
        ("CDELT2", cell, ""),
    ]
    if "distance" in cube[name].dims:
        width = float((edges[-1] - edges[0]) / (len(edges) - 1))
        first = float(edges[1]) if name == "A_V" else float(edges[:2].mean())
        cards += [
            ("CTYPE3", "DIST", "distance from the Sun"),
            ("CUNIT3", "kpc", ""),
            ("CRPIX3", 1.0, ""),
            ("CRVAL3", first, "far edge of the bin" if name == "A_V" else "center of the bin"),
            ("CDELT3", width, ""),
        ]
    if unit != "1":
        cards.append(("BUNIT", unit, ""))
    header = fits.Header(cards)
    header.add_comment(meaning)
    return header
