"""Drawing stars: how many each step of distance holds, and which ones, by counter-based draws."""

from __future__ import annotations

import math

import numpy as np

from milkyway_cnn.kernels._twin import loop, prange
from milkyway_cnn.kernels.draws import bits, fork, poisson, uniform

__all__ = ["draw_counts", "draw_stars"]

_TO_UNIT_53 = 2.0**-53
_S11 = np.uint64(11)
_BLOCK = 4096


@loop
def draw_counts(key, expected, out):
    """Poisson draw for each cell: `expected` (cells,) float64 -> `out` (cells,) int64, from the stream `key`."""
    for cell in prange(expected.size):
        out[cell] = poisson(expected[cell], fork(key, np.uint64(cell)))


@loop
def draw_stars(
    key, begin, first, near, far, abundance, start, visible, cumulative, magnitudes, slopes, distance, J, H, Ks,
    cell_of, state_of,
):  # fmt: skip
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
    stars = distance.size
    for block in prange((stars + _BLOCK - 1) // _BLOCK):
        cell = np.searchsorted(first, begin + block * _BLOCK, side="right") - 1
        for row in range(block * _BLOCK, min((block + 1) * _BLOCK, stars)):
            star = begin + row
            while first[cell + 1] <= star:
                cell += 1
            place = uniform(bits(key, np.uint64(2 * star)))
            part = np.float64(bits(key, np.uint64(2 * star + 1)) >> _S11) * _TO_UNIT_53
            low = start[cell]
            high = low + visible[cell] - 1
            target = part * cumulative[high]
            while low < high:
                middle = (low + high) >> 1
                if cumulative[middle] <= target:
                    low = middle + 1
                else:
                    high = middle
            d = near[cell] + place * (far[cell] - near[cell])
            modulus = np.float32(5.0) * math.log10(d) + np.float32(10.0)
            dex = abundance[cell]
            distance[row] = d
            J[row] = modulus + magnitudes[low, 0] + dex * slopes[low, 0]
            H[row] = modulus + magnitudes[low, 1] + dex * slopes[low, 1]
            Ks[row] = modulus + magnitudes[low, 2] + dex * slopes[low, 2]
            cell_of[row] = cell
            state_of[row] = low
