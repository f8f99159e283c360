"""Drawing stars: how many each step of distance holds, and which ones, by counter-based draws."""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels._twin import Twin, cuda, each, exact, exact_loop, prange
from milkyway_cnn.kernels.draws import bits, fork, poisson, uniform

__all__ = ["draw_counts", "draw_stars"]

_TO_UNIT_53 = 2.0**-53
_S11 = np.uint64(11)
_BLOCK = 4096


@exact_loop
def _draw_counts_cpu(key, expected, out):
    for cell in prange(expected.size):
        out[cell] = poisson(expected[cell], fork(key, np.uint64(cell)))


def _draw_counts_cuda(key, expected, out):
    for cell in range(cuda.grid(1), expected.size, cuda.gridsize(1)):
        out[cell] = poisson(expected[cell], fork(key, np.uint64(cell)))


_draw_counts = Twin(_draw_counts_cpu, _draw_counts_cuda, lambda key, expected, out: each(out.size))


def draw_counts(key: np.uint64, expected: np.ndarray, out: np.ndarray) -> None:
    """Poisson draw for each cell: `expected` (cells,) float64 -> `out` (cells,) int64, from the stream `key`."""
    _draw_counts(key, expected, out)


@exact
def _place(key, star, near, far):
    """Distance of a star: uniform between the edges of its cell."""
    return near + uniform(bits(key, np.uint64(2 * star))) * (far - near)


@exact
def _state(key, star, low, visible, cumulative):
    """State of a star: binary search for a uniform part of the cumulative numbers of `visible` states from `low` on."""
    part = np.float64(bits(key, np.uint64(2 * star + 1)) >> _S11) * _TO_UNIT_53
    high = low + visible - 1
    target = part * cumulative[high]
    while low < high:
        middle = (low + high) >> 1
        if cumulative[middle] <= target:
            low = middle + 1
        else:
            high = middle
    return low


@exact
def _modulus(distance):
    """Distance modulus (mag) of a distance in kpc."""
    return np.float32(5.0) * np.float32(math.log10(distance)) + np.float32(10.0)


@exact
def _draw_star(
    key, star, row, cell, near, far, abundance, start, visible, cumulative, magnitudes, slopes, distance, J, H, Ks,
    cell_of, state_of,
):  # fmt: skip
    """Draw one star of a cell into its row of the outputs."""
    d = _place(key, star, near[cell], far[cell])
    state = _state(key, star, start[cell], visible[cell], cumulative)
    modulus, dex = _modulus(d), abundance[cell]
    distance[row] = d
    J[row] = modulus + magnitudes[state, 0] + dex * slopes[state, 0]
    H[row] = modulus + magnitudes[state, 1] + dex * slopes[state, 1]
    Ks[row] = modulus + magnitudes[state, 2] + dex * slopes[state, 2]
    cell_of[row] = cell
    state_of[row] = state


@exact_loop
def _draw_stars_cpu(
    key, begin, first, near, far, abundance, start, visible, cumulative, magnitudes, slopes, distance, J, H, Ks,
    cell_of, state_of,
):  # fmt: skip
    stars = distance.size
    for block in prange((stars + _BLOCK - 1) // _BLOCK):
        cell = np.searchsorted(first, begin + block * _BLOCK, side="right") - 1
        for row in range(block * _BLOCK, min((block + 1) * _BLOCK, stars)):
            star = begin + row
            while first[cell + 1] <= star:
                cell += 1
            _draw_star(
                key, star, row, cell, near, far, abundance, start, visible, cumulative, magnitudes, slopes,
                distance, J, H, Ks, cell_of, state_of,
            )  # fmt: skip


def _draw_stars_cuda(
    key, begin, first, near, far, abundance, start, visible, cumulative, magnitudes, slopes, distance, J, H, Ks,
    cell_of, state_of,
):  # fmt: skip
    for row in range(cuda.grid(1), distance.size, cuda.gridsize(1)):
        star = begin + row
        cell, above = 0, first.size - 1
        while cell + 1 < above:  # neighbors on a card cannot go on from each other's cell
            middle = (cell + above) >> 1
            if first[middle] <= star:
                cell = middle
            else:
                above = middle
        _draw_star(
            key, star, row, cell, near, far, abundance, start, visible, cumulative, magnitudes, slopes,
            distance, J, H, Ks, cell_of, state_of,
        )  # fmt: skip


_draw_stars = Twin(_draw_stars_cpu, _draw_stars_cuda, lambda *arguments: each(arguments[-1].size), outputs=6)


def draw_stars(
    key: np.uint64,
    begin: int,
    first: np.ndarray,
    near: np.ndarray,
    far: np.ndarray,
    abundance: np.ndarray,
    start: np.ndarray,
    visible: np.ndarray,
    cumulative: np.ndarray,
    magnitudes: np.ndarray,
    slopes: np.ndarray,
    distance: np.ndarray,
    J: np.ndarray,
    H: np.ndarray,
    Ks: np.ndarray,
    cell_of: np.ndarray,
    state_of: np.ndarray,
) -> None:
    """Draw a run of the stars of all cells; a cell is one step of distance of one component.

    Star number i of all has its own two draws of the stream `key`, so that any division of the work among
    threads, or into runs, gives the same stars. Its distance is uniform within the step; its state is found by a binary
    search for a uniform part of the cumulative numbers of its component's visible states.

    Parameters
    ----------
    key
        Stream of random numbers, uint64.
    begin
        Number of the first star drawn; as many are as the outputs hold.
    first
        Number of the first star of each cell and, last, of all stars: (cells + 1,) int64.
    near, far
        Edges of each cell (kpc): (cells,) float32.
    abundance
        What `slopes` are multiplied by in each cell: (cells,) float32.
    start, visible
        First state of each cell's component and how many states from there on are drawn: (cells,) int64.
    cumulative
        Running sum of the states' numbers within each component: (states,) float64.
    magnitudes, slopes
        Absolute J, H, Ks of each state and their change per unit of abundance: (states, 3) float32.
    distance, J, H, Ks, cell_of, state_of
        Filled with kpc, apparent magnitudes, cells and states: (stars,) float32 and int32.
    """
    _draw_stars(
        key, begin, first, near, far, abundance, start, visible, cumulative, magnitudes, slopes, distance, J, H, Ks,
        cell_of, state_of,
    )  # fmt: skip
