"""Cells of any kind, and the stars of each."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from milkyway_cnn.sightlines.cones import Cones
from milkyway_cnn.sightlines.grid import Grid
from milkyway_cnn.sightlines.healpix import Healpix

__all__ = ["Cells", "cells_of", "star_lists"]

#: What stars can be sorted into: each has `shape`, `dims`, `cell_index`, `coordinates`, `areas` and `description`.
Cells = Grid | Cones | Healpix


def cells_of(attributes: Mapping[str, Any]) -> Cells:
    """Make the cells that `description` wrote into the attributes of a product.

    Raises
    ------
    KeyError
        When there is none.
    """
    if "cones" in attributes:
        radius, *values = attributes["cones"]
        return Cones(tuple(zip(values[::2], values[1::2], strict=True)), radius)
    if "healpix" in attributes:
        nside, *pixels = attributes["healpix"]
        return Healpix(int(nside), tuple(pixels))
    return Grid(*attributes["grid"])


def star_lists(cells: Cells, l: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
    """Rows of the stars of each cell, in the order of the catalog.

    Parameters
    ----------
    l, b
        Positions (deg): (stars,).

    Returns
    -------
    One array of row numbers a cell; cells of a grid count along l first.
    """
    cell = cells.cell_index(l, b)
    order = np.argsort(cell, kind="stable")
    bounds = np.searchsorted(cell[order], np.arange(int(np.prod(cells.shape)) + 1))
    return [order[first:last] for first, last in pairwise(bounds)]
