"""Where things lie in a convolution: the offsets and buffers of one geometry."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from milkyway_cnn.kernels._tile import FILTERS, WIDE
from milkyway_cnn.kernels._twin import THREADS
from milkyway_cnn.kernels._vector import LANES

__all__ = ["CHUNK", "Side", "Windows", "Work", "convolution_work", "fill"]

#: Positions whose sums are made before they are used: they stay in the caches of a core.
CHUNK = 128


class Side(NamedTuple):
    """Where the numbers of a sum over taps are: for the output, or for the gradient of the input."""

    taps: np.ndarray  # (taps and a few more,) int64, offsets
    places: np.ndarray  # (positions and a few more,) int64
    weights: np.ndarray  # (filters or channels / FILTERS, taps, FILTERS) float32, filled up with zeros
    width: int  # positions of a row


class Windows(NamedTuple):
    """Where the numbers of pooling windows are."""

    corners: np.ndarray  # (windows,) int64, of the first number of each
    inner: np.ndarray  # (numbers of a window,) int64, from the first to each


class Work(NamedTuple):
    """What a convolution of one geometry needs besides inputs and outputs; all offsets are numbers of a block."""

    rows: tuple[int, int]  # of positions, that are summed at a time; for the output, for the gradient of the input
    windows: Windows  # in sums over taps
    delta_windows: Windows  # in the gradient of a feature map
    entries: np.ndarray  # (numbers of an image,) int64, place of each number in the padded image
    forward: Side
    backward: Side
    delta_places: np.ndarray  # (positions,) int64, place of each position in the gradient of a feature map
    padded: np.ndarray  # (blocks, numbers) float32, padded images
    delta: np.ndarray  # (workers, filters filled up, numbers) float32, gradients of feature maps
    sums: np.ndarray  # (workers, FILTERS, numbers) float32
    best: np.ndarray  # (workers, positions of a chunk, LANES) float32
    number: np.ndarray  # the same, uint8
    partial: np.ndarray  # (blocks, filters filled up, taps filled up) float32
    partial_bias: np.ndarray  # (blocks, filters) float32


def fill(size: int, step: int) -> int:
    """Round up to a multiple of `step`."""
    return -(-size // step) * step


def _flat(grid, *index):
    """Find the number at which the vector of `index` begins in an array of shape `grid`."""
    return np.ravel_multi_index(index, grid).astype(np.int64).reshape(-1) * LANES


def _side(taps, places, filters, width):
    """Fill up taps and places so that the last tile finds some."""
    weights = np.zeros((fill(filters, FILTERS) // FILTERS, len(taps), FILTERS), np.float32)
    return Side(np.pad(taps, (0, WIDE)), np.pad(places, (0, WIDE), mode="edge"), weights, width)


def convolution_work(batch, shape, weights_shape, stride, padding, pool, out_shape, input_gradient=True):
    """Make the buffers and offsets of one geometry.

    Parameters
    ----------
    shape, out_shape : (int, int, int, int)
        Channels, planes, rows and columns of the input; of the output after pooling.
    weights_shape : (int, int, int, int, int)
        Filters, channels, planes, rows, columns.
    stride, padding : (int, int, int)
        For planes, rows and columns.
    pool : (int, int)
        Rows and columns of a pooling window; (1, 1) for none.
    """
    filters, channels, *kernel = weights_shape
    image, pads, steps = np.array(shape[1:]), np.array(padding), np.array(stride)
    full = (channels, *(image + 2 * pads))
    c, *inner = np.indices(shape)
    entries = _flat(full, c, *(i + pad for i, pad in zip(inner, pads, strict=True)))
    used = (out_shape[1], out_shape[2] * pool[0], out_shape[3] * pool[1])
    position = list(np.indices(used))
    places = _flat(full[1:], *(i * step for i, step in zip(position, steps, strict=True)))
    forward = _side(_flat(full, *np.indices((channels, *kernel))), places, filters, used[2])

    # Input i sees output o through tap t where o * stride + t = i + pad: at i + pad - t in a grid of outputs with gaps.
    margin = np.maximum(np.array(kernel) - 1 - pads, 0)
    grid = tuple(np.maximum((np.array(used) - 1) * steps, image - 1 + pads) + margin + 1) if input_gradient else used
    f, *tap = np.indices((filters, *kernel))
    if input_gradient:
        taps = _flat((filters, *grid), f, *(p - t + m for p, t, m in zip(pads, tap, margin, strict=True)))
        backward = _side(taps, _flat(grid, *np.indices(shape[1:])), channels, shape[3])
        position = [o * step + m for o, step, m in zip(position, steps, margin, strict=True)]
    else:
        backward = _side(np.zeros(0, np.int64), np.zeros(1, np.int64), 0, 1)

    delta_places = _flat(grid, *position)
    number = np.arange(math.prod(used)).reshape(used)
    corners = number[:, :: pool[0], :: pool[1]].reshape(-1)
    window = number[0, : pool[0], : pool[1]].reshape(-1)

    blocks = fill(batch, LANES) // LANES
    rows = (_rows(forward.width, pool[0]), _rows(backward.width, 1))
    chunk = max(rows[0] * forward.width, rows[1] * backward.width)
    workers = min(blocks, THREADS)
    taken = fill(filters, FILTERS)
    return Work(
        rows,
        Windows(corners * LANES, window * LANES),
        Windows(delta_places[corners], delta_places[window] - delta_places[0]),
        entries,
        forward,
        backward,
        delta_places,
        np.zeros((blocks, math.prod(full) * LANES), np.float32),
        np.zeros((workers, taken, math.prod(grid) * LANES), np.float32),
        np.empty((workers, FILTERS, (chunk + WIDE) * LANES), np.float32),
        np.empty((workers, chunk, LANES), np.float32),
        np.empty((workers, chunk, LANES), np.uint8),
        np.empty((blocks, taken, fill(forward.weights.shape[1], WIDE)), np.float32),
        np.empty((blocks, filters), np.float32),
    )


def _rows(width, step):
    """Count the rows of one chunk."""
    return step * max(1, CHUNK // (step * width))
