"""The cube on x, y, z: extinction per kpc in cubic voxels, for volume rendering and for maps seen from anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.constants import R_SUN, Z_SUN
from milkyway_cnn.cube import within
from milkyway_cnn.cube.fields import CARTESIAN, described
from milkyway_cnn.errors import InputError

__all__ = ["FRAMES", "to_cartesian"]

#: Where the axes begin: at the Sun, or at the Galactic center. Both are right-handed, x towards the center as the Sun
#: sees it, y towards l = 90 deg, z towards the North Galactic Pole.
FRAMES = ("heliocentric", "galactocentric")
#: Voxels of one cube, at most.
MOST = 300_000_000
#: Points of a cell along the edge of a voxel.
_POINTS = 3.0


def to_cartesian(
    cube: xr.Dataset, voxel: float = 0.05, *, frame: str = FRAMES[0], to: float | None = None
) -> xr.Dataset:
    """Bring extinction per kpc to cubic voxels.

    Each cell of the cube is divided into parts of equal volume, at least three along the edge of a voxel, which go with
    their volume and their dust to the voxels that hold their middles. So the sum of `density` times `volume` over the
    voxels is the integral of extinction per kpc over the volume of the cube, whatever the voxel, and the density of a
    voxel is a mean of the cube's, never above or below them.

    Parameters
    ----------
    voxel
        Edge of a voxel (kpc).
    frame
        One of `FRAMES`.
    to
        Distance (kpc) at which the cube is cut; by default its end.

    Returns
    -------
    xarray.Dataset
        On (z, y, x), in kpc: `density` (mag / kpc, float32), NaN where the cube has nothing, and `volume` (kpc3,
        float32), that of the parts which the voxel holds, so that of a single voxel within the cube it may be a third
        off its own; `beyond_horizon`, the share of this that the stars do not tell of, where the cube has a horizon.
        Voxels begin at whole multiples of their edge from the Sun.

    Raises
    ------
    InputError
        For another frame, or a voxel that is not positive or makes more than `MOST` of them.
    """
    if frame not in FRAMES:
        msg = f"there is no frame {frame!r}; choose one of {', '.join(FRAMES)}"
        raise InputError(msg)
    if not voxel > 0:
        msg = f"voxel (={voxel:g} kpc) must be positive"
        raise InputError(msg)
    cube = within(cube, to or np.inf)
    low, shape = _box(cube, voxel)
    if (voxels := int(np.prod(shape, dtype=float))) > MOST:
        msg = f"voxels of {voxel:g} kpc are {voxels:,}, more than {MOST:,}; choose larger ones, or end nearer"
        raise InputError(msg)
    sums = {"volume": np.zeros(voxels), "dust": np.zeros(voxels)}
    if "horizon" in cube:
        sums["beyond"] = np.zeros(voxels)
    for place in range(cube.sizes["distance"]):
        _deposit(cube, place, voxel, low, shape, sums)
    known = sums["volume"] > 0
    share = {
        name: np.divide(sums[key], sums["volume"], out=np.full(voxels, np.nan), where=known)
        for name, key in (("density", "dust"), ("beyond_horizon", "beyond"))
        if key in sums
    }
    offset = np.array([Z_SUN, 0.0, -R_SUN]) if frame == "galactocentric" else np.zeros(3)
    axes = {name: (low[k] + (np.arange(shape[k]) + 0.5)) * voxel + offset[k] for k, name in enumerate(("z", "y", "x"))}
    fields = {**share, "volume": sums["volume"]}
    made = xr.Dataset(
        {name: (("z", "y", "x"), values.reshape(shape).astype(np.float32)) for name, values in fields.items()},
        {name: centers.round(10) for name, centers in axes.items()},
        {**cube.attrs, "frame": frame, "voxel_kpc": voxel}
        | ({"R_sun_kpc": R_SUN, "z_sun_kpc": Z_SUN} if frame == "galactocentric" else {}),
    )
    del made.attrs["cell_deg"]
    return described(made, CARTESIAN)


def _box(cube: xr.Dataset, voxel: float) -> tuple[np.ndarray, tuple[int, int, int]]:
    """First voxel along z, y, x, counted from the Sun, and the number along each."""
    half, edges = cube.attrs["cell_deg"] / 2, cube["distance_edges"].values
    l = np.union1d(_edges(cube["l"].values, half), np.arange(-360.0, 721.0, 90.0))
    b = np.union1d(_edges(cube["b"].values, half), [0.0])
    l = l[(l >= cube["l"].values[0] - half - 1e-9) & (l <= cube["l"].values[-1] + half + 1e-9)]
    b = b[(b >= cube["b"].values[0] - half - 1e-9) & (b <= cube["b"].values[-1] + half + 1e-9)]
    z, y, x = _directions(np.radians(l), np.sin(np.radians(b)))
    ends = [(axis.min(), axis.max()) for axis in (z, y, x)]
    lows = np.array([min(low * edges[0], low * edges[-1]) for low, _ in ends])
    highs = np.array([max(high * edges[0], high * edges[-1]) for _, high in ends])
    low = np.floor(lows / voxel + 1e-9).astype(int)
    number = np.maximum(np.ceil(highs / voxel - 1e-9).astype(int) - low, 1)
    return low, (int(number[0]), int(number[1]), int(number[2]))


def _deposit(
    cube: xr.Dataset, place: int, voxel: float, low: np.ndarray, shape: tuple[int, int, int], sums: dict[str, Any]
) -> None:
    """Add the cells of one distance bin to the voxels."""
    half, (near, far) = cube.attrs["cell_deg"] / 2, cube["distance_edges"].values[place : place + 2]
    across = int(np.ceil(_POINTS * far * np.radians(2 * half) / voxel))
    along = int(np.ceil(_POINTS * (far - near) / voxel))
    cubes = near**3 + (far**3 - near**3) * (np.arange(along) + 0.5) / along
    l = np.radians(_parts(_edges(cube["l"].values, half), across))
    sines = _parts(np.sin(np.radians(np.clip(_edges(cube["b"].values, half), -90, 90))), across)
    delta = cube["delta_A_V"].transpose("b", "l", "distance").values[..., place].astype(float)
    height = np.diff(np.sin(np.radians(np.clip(_edges(cube["b"].values, half), -90, 90)))) / across
    width = np.radians(2 * half) / across
    volume = np.repeat(height, across)[:, None] * width * (far**3 - near**3) / 3 / along * np.ones(l.size)
    known = np.repeat(np.repeat(np.isfinite(delta), across, 0), across, 1)
    density = np.repeat(np.repeat(delta / (far - near), across, 0), across, 1)[known]
    weight = volume[known]
    z, y, x = (axis[known] / voxel for axis in _directions(l, sines))
    weights = {"volume": weight, "dust": weight * density}
    if "beyond" in sums:
        late = cube["horizon"].transpose("b", "l").values < (near + far) / 2
        weights["beyond"] = weight * np.repeat(np.repeat(late, across, 0), across, 1)[known]
    for distance in np.cbrt(cubes):
        index = [
            np.clip(np.floor(distance * axis).astype(int) - first, 0, count - 1)
            for axis, first, count in zip((z, y, x), low, shape, strict=True)
        ]
        flat = np.ravel_multi_index(index, shape)
        if not flat.size:
            continue
        first = flat.min()
        for name, each in weights.items():
            added = np.bincount(flat - first, each)
            sums[name][first : first + added.size] += added


def _directions(l: np.ndarray, sin_b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors z, y, x, each (b, l), of longitudes (rad) and sines of latitudes."""
    cos_b = np.sqrt(np.maximum(1.0 - sin_b**2, 0.0))
    return (
        sin_b[:, None] * np.ones(l.size),
        cos_b[:, None] * np.sin(l),
        cos_b[:, None] * np.cos(l),
    )


def _edges(centers: np.ndarray, half: float) -> np.ndarray:
    return np.append(centers - half, centers[-1] + half)


def _parts(edges: np.ndarray, number: int) -> np.ndarray:
    """Middles of equal parts between the edges."""
    return (edges[:-1, None] + np.diff(edges)[:, None] * (np.arange(number) + 0.5) / number).ravel()
