"""Solid angles that the cells of a grid share with those of another, and with HEALPix pixels, exactly.

On the HEALPix plane (Gorski et al. 2005, ApJ 622, 759, sec. 4; Calabretta & Roukema 2007, MNRAS 381, 865) areas are
solid angles, pixels are squares that stand on a corner, and lines of equal l or b are straight on either side of
|sin b| = 2/3; so a cell, cut there and at multiples of 90 deg in l, is a polygon, and what it shares with a pixel is a
clipped one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from milkyway_cnn.sightlines import SQUARE_DEGREE, Grid

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["shared_length", "shared_with_grid", "shared_with_healpix"]

#: Pairs of a polygon and a pixel that are clipped at once.
_AT_ONCE = 50_000


def shared_with_grid(old: Grid, new: Grid) -> csr_array:
    """Solid angle (square degrees) that each cell of `new` shares with each of `old`: (new cells, old cells)."""
    from scipy.sparse import csr_array, kron

    rows = shared_length(np.sin(np.radians(_edges(old.b, old.cell))), np.sin(np.radians(_edges(new.b, new.cell))))
    old_l, new_l = _edges(old.l, old.cell), _edges(new.l, new.cell)
    turns = 360.0 * np.arange(np.floor((old_l.min() - new_l.max()) / 360.0), 4.0)
    columns = np.sum([shared_length(old_l - turn, new_l) for turn in (*turns, *-turns[turns > 0])], axis=0)
    return csr_array(kron(csr_array(rows), csr_array(np.radians(columns)))) / SQUARE_DEGREE


def shared_with_healpix(grid: Grid, nside: int) -> tuple[np.ndarray, csr_array]:
    """Solid angle that HEALPix pixels share with the cells of a grid.

    Returns
    -------
    Nested numbers of the pixels that meet a cell, ascending, and the solid angles (square degrees): (pixels, cells).
    """
    from scipy.sparse import csr_array

    polygons, cell = _polygons(grid)
    polygons = polygons * (2 * nside / np.pi) - nside / 2  # pixels are squares of side 1 between whole numbers
    low = np.floor(polygons.min(axis=1)).astype(int)
    count = np.ceil(polygons.max(axis=1)).astype(int) - low
    u, v = (axis.ravel() for axis in np.meshgrid(*(np.arange(n) for n in count.max(axis=0)), indexing="ij"))
    pairs: list[tuple[np.ndarray, ...]] = []
    step = max(_AT_ONCE // u.size, 1)
    for part in (slice(start, start + step) for start in range(0, len(polygons), step)):
        corner = low[part, None, :] + np.stack([u, v], axis=-1)
        near = (u < count[part, :1]) & (v < count[part, 1:])
        which, square = np.nonzero(near)[0], corner[near]
        area = _area(_clipped(_clipped(polygons[part][which] - square[:, None], 0), 1))
        kept = area > 1e-12
        pairs.append((area[kept], _pixel(square[kept], nside), cell[part][which[kept]]))
    area, pixel, cells = (np.concatenate(column) for column in zip(*pairs, strict=True))
    pixels, row = np.unique(pixel, return_inverse=True)
    area *= 4 * np.pi / (12 * nside**2) / SQUARE_DEGREE
    return pixels, csr_array((area, (row, cells)), shape=(len(pixels), grid.shape[0] * grid.shape[1]))


def _edges(centers: np.ndarray, width: float) -> np.ndarray:
    """Lower and upper edge of each cell: (cells, 2)."""
    return np.stack([centers - width / 2, centers + width / 2], axis=1)


def shared_length(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Length that each pair of intervals shares: (new, old)."""
    low = np.maximum(new[:, None, 0], old[None, :, 0])
    return np.maximum(np.minimum(new[:, None, 1], old[None, :, 1]) - low, 0.0)


def _polygons(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Cut cells into polygons on the HEALPix plane: corners as (x + y, y - x), (polygons, 4, 2), and whose they are."""
    equatorial = np.degrees(np.arcsin(2 / 3))
    b, row = _cut(_edges(grid.b, grid.cell), np.array([-equatorial, equatorial]))
    l, column = _cut(_edges(grid.l, grid.cell), np.arange(np.ceil(grid.l_min / 90), grid.l_max / 90 + 1) * 90.0)
    sine = np.abs(np.sin(np.radians(b)))
    narrow = np.minimum(np.sqrt(3 * np.maximum(1 - sine, 0.0)), 1.0)  # sigma: 1 near the equator, 0 at the pole
    polar = sine > 2 / 3
    y = np.sign(b) * np.where(polar, np.pi / 4 * (2 - narrow), 3 * np.pi / 8 * sine)
    middle = (np.floor(l.mean(axis=1) / 90) * 90 + 45)[:, None]
    corners = ((0, 0), (1, 0), (1, 1), (0, 1))  # of l and b
    x = np.stack([np.radians(middle[:, 0] + np.outer(narrow[:, j], (l - middle)[:, i])) for i, j in corners], axis=-1)
    y = np.broadcast_to(np.stack([y[:, j] for _, j in corners], axis=-1)[:, None], x.shape)
    cell = row[:, None] * grid.shape[1] + column
    return np.stack([x + y, y - x], axis=-1).reshape(-1, 4, 2), cell.ravel()


def _cut(intervals: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut intervals in two where a value lies within; and of which interval each part is."""
    whose = np.arange(len(intervals))
    for value in at:
        inside = (intervals[:, 0] < value - 1e-9) & (intervals[:, 1] > value + 1e-9)
        upper = intervals[inside].copy()
        upper[:, 0] = intervals[inside, 1] = value
        intervals, whose = np.concatenate([intervals, upper]), np.concatenate([whose, whose[inside]])
    return intervals, whose


def _clipped(polygons: np.ndarray, axis: int) -> np.ndarray:
    """Clip polygons to 0 to 1 along an axis: (n, 3 corners, 2).

    Every side is given the two points at which it enters and leaves, its own end where it does neither, and what lies
    outside is put onto the edge: there it encloses no area.
    """
    following = np.roll(polygons, -1, axis=1)
    start, run = polygons[..., axis], following[..., axis] - polygons[..., axis]
    with np.errstate(divide="ignore", invalid="ignore"):
        at = np.stack([-start / run, (1 - start) / run], axis=-1)
    at = np.sort(np.clip(np.nan_to_num(at, nan=0.0), 0.0, 1.0), axis=-1)
    between = polygons[:, :, None] + at[..., None] * (following - polygons)[:, :, None]
    points = np.concatenate([polygons[:, :, None], between], axis=2).reshape(len(polygons), -1, 2)
    points[..., axis] = np.clip(points[..., axis], 0.0, 1.0)
    return points


def _area(polygons: np.ndarray) -> np.ndarray:
    """Area of polygons, by the shoelace formula."""
    x, y = polygons[..., 0], polygons[..., 1]
    return np.abs(np.sum(x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y, axis=1)) / 2


def _pixel(square: np.ndarray, nside: int) -> np.ndarray:
    """Nested number of the pixel at a square of the plane, by its center."""
    from astropy import units as u
    from astropy_healpix import HEALPix

    plus, minus = ((square[:, i] + 0.5 + nside / 2) * np.pi / (2 * nside) for i in (0, 1))
    x, y = (plus - minus) / 2, (plus + minus) / 2
    narrow = np.minimum(2 - 4 * np.abs(y) / np.pi, 1.0)
    sine = np.where(narrow < 1, np.sign(y) * (1 - narrow**2 / 3), 8 * y / (3 * np.pi))
    middle = (np.floor(x / (np.pi / 2)) + 0.5) * np.pi / 2
    l = middle + (x - middle) / narrow
    return HEALPix(nside, order="nested").lonlat_to_healpix(l * u.rad, np.arcsin(sine) * u.rad)
