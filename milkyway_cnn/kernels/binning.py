"""Stars to counts: an image of color (columns) and magnitude (rows)."""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels._twin import body, serial

__all__ = ["bin_stars", "pixel"]


@body
def pixel(color, magnitude, axes, pixels):
    """Flat index of the pixel of a star, or -1 when the star lies off the diagram or either value is NaN.

    `axes` is (lowest color, pixels per mag of color, lowest magnitude, pixels per mag of magnitude).
    """
    x = (color - axes[0]) * axes[1]
    y = (magnitude - axes[2]) * axes[3]
    if not (x >= 0.0 and y >= 0.0 and x < pixels and y < pixels):
        return -1
    return math.floor(y) * pixels + math.floor(x)


@serial
def _bin_stars_cpu(cell, color, magnitude, axes, counts, outside):
    pixels = counts.shape[2]
    for i in range(cell.size):
        n = cell[i]
        if n < 0:
            continue
        k = pixel(color[i], magnitude[i], axes, pixels)
        if k < 0:
            outside[n] += 1
        else:
            counts[n, k // pixels, k % pixels] += 1


def bin_stars(
    cell: np.ndarray,
    color: np.ndarray,
    magnitude: np.ndarray,
    axes: np.ndarray,
    counts: np.ndarray,
    outside: np.ndarray,
) -> None:
    """Add each star to the image of its cell, in one pass over the stars.

    Parameters
    ----------
    cell
        Index of each star's image, or a negative number to leave it out: (n,) int32.
    color, magnitude
        (n,) float32; a star with a NaN counts as off the diagram.
    axes
        (lowest color, pixels per mag, lowest magnitude, pixels per mag) float32.
    counts
        Images: (cells, pixels, pixels) uint32, rows are magnitude, added to in place.
    outside
        Stars off the diagram: (cells,) int64, added to in place.

    Raises
    ------
    ValueError
        When the star arrays differ in length or `counts` and `outside` in the number of cells.
    """
    if not cell.shape == color.shape == magnitude.shape or counts.shape[:1] != outside.shape:
        msg = (
            f"bin_stars: cell {cell.shape}, color {color.shape} and magnitude {magnitude.shape} must have one length,"
            f" counts {counts.shape} and outside {outside.shape} one number of cells"
        )
        raise ValueError(msg)
    _bin_stars_cpu(cell, color, magnitude, axes, counts, outside)
