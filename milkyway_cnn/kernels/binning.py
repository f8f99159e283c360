"""Stars to counts, in one pass over the rows of a catalog: position to cell, color and magnitude to pixel."""

from __future__ import annotations

import numpy as np

from milkyway_cnn.kernels._twin import Twin, body, cuda, each, exact, serial

__all__ = ["count_sorted_stars", "count_stars", "pixel", "pixels_of_stars"]

_ZERO = np.float32(0.0)
_OFF = np.int32(-1)


@exact
def pixel(color, magnitude, axes, pixels):
    """Flat index of the pixel of a star, or -1 when the star lies off the diagram or either value is NaN.

    `axes` is (lowest color, pixels per mag of color, lowest magnitude, pixels per mag of magnitude).
    """
    x = (color - axes[0]) * axes[1]
    y = (magnitude - axes[2]) * axes[3]
    size = np.float32(pixels)
    inside = (x >= _ZERO) & (y >= _ZERO) & (x < size) & (y < size)
    k = np.int32(np.int32(y) * pixels + np.int32(x))  # before it is known whether it counts, so that nothing branches
    return k if inside else _OFF


@serial
def _pixels_of_stars_cpu(color, magnitude, axes, pixels, found):
    for i in range(color.size):
        found[i] = pixel(color[i], magnitude[i], axes, pixels)


def _pixels_of_stars_cuda(color, magnitude, axes, pixels, found):
    for i in range(cuda.grid(1), color.size, cuda.gridsize(1)):
        found[i] = pixel(color[i], magnitude[i], axes, pixels)


_pixels_of_stars = Twin(_pixels_of_stars_cpu, _pixels_of_stars_cuda, lambda color, *others: each(color.size))


def pixels_of_stars(color: np.ndarray, magnitude: np.ndarray, axes: np.ndarray, pixels: int) -> np.ndarray:
    """Flat index (row x pixels + column) of the pixel of each star, -1 off the diagram: (stars,) int64.

    Parameters
    ----------
    color, magnitude
        (stars,) float32.
    axes
        As for `pixel`, float32.
    """
    found = np.empty(color.shape, np.int64)
    _pixels_of_stars(color, magnitude, axes, pixels, found)
    return found


# Positions are divided as IEEE arithmetic has it, for a star on the edge of a cell must not change sides.
@exact
def _cell(l, b, region, rows, columns, parts):
    """Row, column, and part (row, column) of the cell of a position; row -1 where there is none, as of NaN."""
    x = l - region[0]
    if not (x >= 0.0 and x < 360.0):
        x = x % 360.0
    x /= region[2]
    y = (b - region[1]) / region[2]
    if not (x < columns and y >= 0.0 and y < rows):
        return -1, 0, 0, 0
    column, row = int(x), int(y)
    # Rounding may take a star at the far edge of a cell to the part after the last.
    return row, column, min(int((y - row) * parts), parts - 1), min(int((x - column) * parts), parts - 1)


@serial(fastmath=False)
def _count_stars_cpu(l, b, region, accepted, color, magnitude, axes, counts, outside, faint, filled):
    rows, columns, parts, _ = filled.shape
    pixels = counts.shape[2]
    noted, last = np.empty(1024, np.int64), 0
    for i in range(l.size):
        row, column, v, u = _cell(l[i], b[i], region, rows, columns, parts)
        if row < 0:
            continue
        filled[row, column, v, u] = True
        n = row * columns + column
        k = pixel(color[i], magnitude[i], axes, np.int32(pixels))
        faint[n] += not accepted[i]
        outside[n] += accepted[i] & (k < 0)
        # No branch on what the star is, which cannot be foreseen: each pixel is noted, and counted if it may be.
        noted[last] = n * pixels * pixels + k
        last += accepted[i] & (k >= 0)
        if last == noted.size:
            _count_noted(noted, last, counts)
            last = 0
    _count_noted(noted, last, counts)


@body
def _count_noted(noted, last, counts):
    flat = counts.reshape(-1)
    for j in range(last):
        flat[noted[j]] += 1


@body
def _count_at(n, accepted, color, magnitude, axes, counts, outside, faint):
    """Count a star of cell n on a card, where others are counted at the same time."""
    pixels = counts.shape[2]
    k = pixel(color, magnitude, axes, np.int32(pixels))
    if not accepted:
        cuda.atomic.add(faint, n, 1)
    elif k < 0:
        cuda.atomic.add(outside, n, 1)
    else:
        cuda.atomic.add(counts, (n, k // pixels, k % pixels), 1)


def _count_stars_cuda(l, b, region, accepted, color, magnitude, axes, counts, outside, faint, filled):
    rows, columns, parts = filled.shape[0], filled.shape[1], filled.shape[2]
    for i in range(cuda.grid(1), l.size, cuda.gridsize(1)):
        row, column, v, u = _cell(l[i], b[i], region, rows, columns, parts)
        if row >= 0:
            filled[row, column, v, u] = True
            _count_at(row * columns + column, accepted[i], color[i], magnitude[i], axes, counts, outside, faint)


_count_stars = Twin(_count_stars_cpu, _count_stars_cuda, lambda l, *others: each(l.size), outputs=4)


@serial
def _count_sorted_stars_cpu(cell, part, accepted, color, magnitude, axes, counts, outside, faint, filled):
    pixels = counts.shape[2]
    for i in range(cell.size):
        n = cell[i]
        if n < 0:
            continue
        filled[n, part[i]] = True
        if not accepted[i]:
            faint[n] += 1
            continue
        k = pixel(color[i], magnitude[i], axes, np.int32(pixels))
        if k < 0:
            outside[n] += 1
        else:
            counts[n, k // pixels, k % pixels] += 1


def _count_sorted_stars_cuda(cell, part, accepted, color, magnitude, axes, counts, outside, faint, filled):
    for i in range(cuda.grid(1), cell.size, cuda.gridsize(1)):
        n = cell[i]
        if n >= 0:
            filled[n, part[i]] = True
            _count_at(n, accepted[i], color[i], magnitude[i], axes, counts, outside, faint)


_count_sorted_stars = Twin(
    _count_sorted_stars_cpu, _count_sorted_stars_cuda, lambda cell, *others: each(cell.size), outputs=4
)


def count_stars(
    l: np.ndarray,
    b: np.ndarray,
    region: np.ndarray,
    accepted: np.ndarray,
    color: np.ndarray,
    magnitude: np.ndarray,
    axes: np.ndarray,
    counts: np.ndarray,
    outside: np.ndarray,
    faint: np.ndarray,
    filled: np.ndarray,
) -> None:
    """Add each star to the image of the cell that holds it; a star in no cell is passed over.

    All results are added to in place, and all are counts or marks: stars may come in any order and in any pieces.

    Parameters
    ----------
    l, b
        Positions (deg), (n,) float64; longitudes are taken modulo 360, and a cell holds its lower edges.
    region
        (l_min, b_min, side of a cell) in deg, float64.
    accepted
        Whether a star enters the image, (n,) bool.
    color, magnitude
        (n,) float32; an accepted star with a NaN counts as off the diagram.
    axes
        (lowest color, pixels per mag, lowest magnitude, pixels per mag) float32.
    counts
        Images: (rows x columns, pixels, pixels) uint32, rows of cells from b_min up, rows of pixels are magnitude.
    outside, faint
        Accepted stars off the diagram, and stars not accepted: (rows x columns,) int64.
    filled
        Marks the parts of a cell that hold any star: (rows, columns, parts, parts) bool.

    Raises
    ------
    ValueError
        When the star arrays differ in length, or the results in the number of cells.
    """
    stars = {array.shape for array in (l, b, accepted, color, magnitude)}
    cells = {array.shape[:1] for array in (counts, outside, faint)} | {(filled.shape[0] * filled.shape[1],)}
    if len(stars) > 1 or len(cells) > 1:
        msg = (
            f"count_stars: l, b, accepted, color and magnitude must have one length, not {sorted(stars)}, and counts,"
            f" outside, faint and filled one number of cells, not {sorted(cells)}"
        )
        raise ValueError(msg)
    _count_stars(l, b, region, accepted, color, magnitude, axes, counts, outside, faint, filled)


def count_sorted_stars(
    cell: np.ndarray,
    part: np.ndarray,
    accepted: np.ndarray,
    color: np.ndarray,
    magnitude: np.ndarray,
    axes: np.ndarray,
    counts: np.ndarray,
    outside: np.ndarray,
    faint: np.ndarray,
    filled: np.ndarray,
) -> None:
    """Add each star to the image of its cell, as `count_stars` does, where cells are no grid.

    Parameters
    ----------
    cell, part
        Cell of each star, or a negative number to leave it out, and the part of the cell: (n,) int32.
    filled
        Marks the parts of a cell that hold any star: (cells, parts) bool.

    Raises
    ------
    ValueError
        When the star arrays differ in length, or the results in the number of cells.
    """
    stars = {array.shape for array in (cell, part, accepted, color, magnitude)}
    cells = {array.shape[:1] for array in (counts, outside, faint, filled)}
    if len(stars) > 1 or len(cells) > 1:
        msg = (
            f"count_sorted_stars: cell, part, accepted, color and magnitude must have one length, not {sorted(stars)},"
            f" and counts, outside, faint and filled one number of cells, not {sorted(cells)}"
        )
        raise ValueError(msg)
    _count_sorted_stars(cell, part, accepted, color, magnitude, axes, counts, outside, faint, filled)
