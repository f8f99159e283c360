"""Products of float32 matrices into existing memory, on Numba's threads.

Each thread makes a part of `out`, by BLAS or, where a processor has AVX-512 and the left factor lies row by row, by
tiles whose sums stay in registers (`_tile`). These read that factor where it is and copy the other one, block by block,
into panels of a tile's width, while BLAS copies both: it loses half of its speed where a large matrix of weights meets
a small batch. Measured on one core of 240 GFLOP/s with 3072 x 12288 weights w, x and g being (n, inputs) and
(n, outputs), in GFLOP/s by tiles and by BLAS (OpenBLAS 0.3.30):

===============  ===========  ===========  ===========
product          n = 32       128          512
===============  ===========  ===========  ===========
``w @ x.T``      203 and 115  205 and 190  220 and 227
``g.T @ x``      176 and 161  232 and 220  231 and 238
``w.T @ g.T``    106 (BLAS)   188          225
``g @ w``        105 (BLAS)   167          203
===============  ===========  ===========  ===========
"""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import Any

import numba
import numpy as np

from milkyway_cnn import backend
from milkyway_cnn.kernels._blas import one_thread, sgemm
from milkyway_cnn.kernels._tile import PRODUCT, WIDE, product, turn
from milkyway_cnn.kernels._twin import THREADS, body, loop, prange, serial
from milkyway_cnn.kernels._vector import LANES
from milkyway_cnn.kernels.rounding import rounded

__all__ = ["multiply"]

_ROWS, _COLUMNS = PRODUCT
#: Terms of the sums of one pass, panels that are copied at a time: they fit in a core's cache.
_TERMS, _PANELS = 256, 16
_PANEL = _TERMS * _COLUMNS
#: Where the rows of a panel begin, for `turn`.
_PLACES = np.arange(LANES) * _COLUMNS
#: Rows or columns of `out` come to a thread in multiples of this.
_STEP = 64
#: Below this number of products of two numbers, starting threads takes longer than they save.
_SMALL = 1 << 19


@body
def _copy_rows(x, t_0, terms, j_0, columns, width, out):
    """Copy ``x[t_0 + t, j_0 + j]`` to ``out[t * width + j]``, zero for j from `columns` on."""
    if columns == width:
        for t in range(terms):
            for j in range(width):
                out[t * width + j] = x[t_0 + t, j_0 + j]
    else:
        for t in range(terms):
            for j in range(width):
                out[t * width + j] = x[t_0 + t, j_0 + j] if j < columns else np.float32(0.0)


@body
def _copy_turned(x, t_0, terms, j_0, columns, width, out):
    """Copy ``x[j_0 + j, t_0 + t]`` to ``out[t * width + j]``, zero for j from `columns` on."""
    whole = 0
    if columns == width and width % LANES == 0:
        flat, pitch, whole = x.reshape(-1), x.shape[1], terms // LANES * LANES
        for t in range(0, whole, LANES):
            for j in range(0, width, LANES):
                turn(flat, (j_0 + j) * pitch + t_0 + t, pitch, out, t * width + j, _PLACES, 0)
    for t in range(whole, terms):
        for j in range(width):
            out[t * width + j] = x[j_0 + j, t_0 + t] if j < columns else np.float32(0.0)


@body
def _tiles(i_0, i_1, j_0, j_1, turn_b, inner, scale, a, b, keep, out, scratch):
    """Compute rows i_0 to i_1 and columns j_0 to j_1 of `out` by tiles."""
    panels, strip = scratch[: _PANELS * _PANEL], scratch[_PANELS * _PANEL : -_ROWS * _COLUMNS]
    corner = scratch[-_ROWS * _COLUMNS :]
    all_a, all_out, pitch = a.reshape(-1), out.reshape(-1), out.shape[1]
    for t_0 in range(0, inner, _TERMS):
        terms = min(_TERMS, inner - t_0)
        share = keep if t_0 == 0 else np.float32(1.0)
        for j_2 in range(j_0, j_1, _PANELS * _COLUMNS):
            j_3 = min(j_1, j_2 + _PANELS * _COLUMNS)
            for number, j in enumerate(range(j_2, j_3, _COLUMNS)):
                if turn_b:
                    _copy_turned(b, t_0, terms, j, min(_COLUMNS, j_3 - j), _COLUMNS, panels[number * _PANEL :])
                else:
                    _copy_rows(b, t_0, terms, j, min(_COLUMNS, j_3 - j), _COLUMNS, panels[number * _PANEL :])
            for i in range(i_0, i_1, _ROWS):
                rows = min(_ROWS, i_1 - i)
                left, start, row, step = all_a, i * a.shape[1] + t_0, a.shape[1], 1
                if rows < _ROWS:
                    _copy_turned(a, t_0, terms, i, rows, _ROWS, strip)
                    left, start, row, step = strip, 0, 1, _ROWS
                for number, j in enumerate(range(j_2, j_3, _COLUMNS)):
                    panel, columns, where = number * _PANEL, min(_COLUMNS, j_3 - j), i * pitch + j
                    if rows == _ROWS and columns == _COLUMNS:
                        product(left, start, row, step, panels, panel, terms, scale, share, all_out, where, pitch)
                        continue
                    product(
                        left, start, row, step, panels, panel, terms, scale, np.float32(0.0), corner, 0, _COLUMNS
                    )  # fmt: skip
                    for y in range(rows):
                        for x in range(columns):
                            before = share * out[i + y, j + x] if share != 0.0 else np.float32(0.0)
                            out[i + y, j + x] = corner[y * _COLUMNS + x] + before


@body
def _blas(i_0, i_1, j_0, j_1, turn_a, turn_b, inner, scale, a, b, keep, out):
    """Compute rows i_0 to i_1 and columns j_0 to j_1 of `out`, columns and rows of its transpose to BLAS."""
    a_0 = i_0 if turn_a else i_0 * a.shape[1]
    b_0 = j_0 * b.shape[1] if turn_b else j_0
    sgemm(
        turn_b, turn_a, j_1 - j_0, i_1 - i_0, inner, scale, b, b_0, b.shape[1], a, a_0, a.shape[1],
        keep, out, i_0 * out.shape[1] + j_0, out.shape[1],
    )  # fmt: skip


@body
def _part(number, parts, tiles, turn_a, turn_b, inner, scale, a, b, keep, out, scratch):
    """Compute one of so many parts of `out`, which is divided along its longer side."""
    rows, columns = out.shape
    across = columns > rows
    size = columns if across else rows
    step = (size + parts * _STEP - 1) // (parts * _STEP) * _STEP
    first, last = number * step, min(size, (number + 1) * step)
    if first >= last:
        return
    i_0, i_1, j_0, j_1 = (0, rows, first, last) if across else (first, last, 0, columns)
    if tiles:
        _tiles(i_0, i_1, j_0, j_1, turn_b, inner, scale, a, b, keep, out, scratch)
    else:
        _blas(i_0, i_1, j_0, j_1, turn_a, turn_b, inner, scale, a, b, keep, out)


@serial
def _alone(tiles, turn_a, turn_b, inner, scale, a, b, keep, out, scratch):
    _part(0, 1, tiles, turn_a, turn_b, inner, scale, a, b, keep, out, scratch[0])


@loop
def _shared(parts, tiles, turn_a, turn_b, inner, scale, a, b, keep, out, scratch):
    for part in prange(parts):
        _part(part, parts, tiles, turn_a, turn_b, inner, scale, a, b, keep, out, scratch[part])


_OWN = threading.local()


def _scratch():
    """Room for panels, a copy of rows at the edge and a tile at the edge of each loop thread; one per Python thread."""
    if not hasattr(_OWN, "scratch"):
        size = _PANELS * _PANEL + _TERMS * _ROWS + _ROWS * _COLUMNS
        _OWN.scratch = np.empty((THREADS, size), np.float32)
    return _OWN.scratch


def multiply(a, b, out, scale=1.0, keep=0.0):
    """``out = scale * a @ b + keep * out``: (n, k), (k, m) -> (n, m).

    Each is a float32 array in C's or in Fortran's order, such as the transpose ``x.T`` of an array x. On a card the
    product is the library's (see `backend.cuda`), and `scale` may be there.
    """
    place: Any = backend.current()
    for array in (a, b, out):
        if array.dtype != "f4" or not (array.flags.c_contiguous or array.flags.f_contiguous):
            msg = f"a product of {array.dtype} arrays with strides {array.strides}; give contiguous float32"
            raise ValueError(msg)
    if place.name != "cpu":
        place.product(*(rounded(x, place.precision) for x in (a, b)), out, scale, keep)
        return
    if not out.flags.c_contiguous:
        a, b, out = b.T, a.T, out.T
    inner, turn_a, turn_b = a.shape[1], not a.flags.c_contiguous, not b.flags.c_contiguous
    a, b = a.T if turn_a else a, b.T if turn_b else b
    tiles = WIDE > 1 and not turn_a
    arguments = (tiles, turn_a, turn_b, inner, np.float32(scale), a, b, np.float32(keep), out, _scratch())
    threads = numba.get_num_threads()
    with nullcontext() if tiles else one_thread():
        if threads == 1 or out.size * inner < _SMALL:
            _alone(*arguments)
        else:
            _shared(threads, *arguments)
