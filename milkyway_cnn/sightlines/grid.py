"""Cells of a regular grid in Galactic longitude and latitude."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines.geometry import solid_angle

__all__ = ["Grid"]


@dataclass(frozen=True)
class Grid:
    """A regular grid of cells on the sky, one sightline to the middle of each.

    Parameters
    ----------
    l_min, l_max, b_min, b_max
        The region (deg), with l_min < l_max; longitudes beyond 360 continue a region across l = 0.
    cell
        Width of a cell in l and in b (deg). Cells that the far edges would cut are left out.

    Raises
    ------
    InputError
        When the region is empty, leaves the sky, or is smaller than one cell.
    """

    l_min: float
    l_max: float
    b_min: float
    b_max: float
    cell: float

    def __post_init__(self) -> None:
        region = f"l {self.l_min:g} to {self.l_max:g}, b {self.b_min:g} to {self.b_max:g} deg"
        if not (self.l_min < self.l_max <= self.l_min + 360 and -90 <= self.b_min < self.b_max <= 90):
            msg = f"the region {region} is empty or leaves the sky; give l_min < l_max and -90 <= b_min < b_max <= 90"
            raise InputError(msg)
        if not self.cell > 0:
            msg = f"cell (={self.cell:g} deg) must be positive; 0.5 is the published choice"
            raise InputError(msg)
        if min(self.shape) < 1:
            msg = f"the region {region} holds no cell of {self.cell:g} deg; enlarge it or choose smaller cells"
            raise InputError(msg)

    @classmethod
    def around(cls, l: np.ndarray, b: np.ndarray, cell: float) -> Grid:
        """Grid of the whole multiples of `cell` that hold all positions (deg)."""
        low = [np.floor(values.min() / cell) * cell for values in (l, b)]
        high = [(np.floor(values.max() / cell) + 1) * cell for values in (l, b)]
        return cls(float(low[0]), float(high[0]), max(float(low[1]), -90.0), min(float(high[1]), 90.0), cell)

    @property
    def region(self) -> tuple[float, float, float, float]:
        """l_min, l_max, b_min, b_max (deg)."""
        return self.l_min, self.l_max, self.b_min, self.b_max

    @property
    def shape(self) -> tuple[int, int]:
        """Number of cells in b and in l."""
        slack = 1e-6
        rows = int((self.b_max - self.b_min) / self.cell + slack)
        columns = int((self.l_max - self.l_min) / self.cell + slack)
        return rows, columns

    @property
    def dims(self) -> tuple[str, ...]:
        """Dimensions along which the cells lie, in products."""
        return ("b", "l")

    @property
    def l(self) -> np.ndarray:
        """Longitudes of the cell centers (deg), ascending."""
        return self.l_min + (np.arange(self.shape[1]) + 0.5) * self.cell

    @property
    def b(self) -> np.ndarray:
        """Latitudes of the cell centers (deg), ascending."""
        return self.b_min + (np.arange(self.shape[0]) + 0.5) * self.cell

    @property
    def solid_angle(self) -> np.ndarray:
        """Solid angle of a cell of each row, in square degrees: (b,)."""
        return np.asarray(solid_angle(self.cell, self.b - self.cell / 2, self.b + self.cell / 2))

    def cell_index(self, l: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Find the cell of each position: row x columns + column, or -1 outside the region; (n,) int32.

        `l` and `b` (deg) should be float64; longitudes are taken modulo 360. A cell holds its lower edges.
        """
        rows, columns = self.shape
        column = np.floor((np.asarray(l) - self.l_min) % 360.0 / self.cell)
        row = np.floor((np.asarray(b) - self.b_min) / self.cell)
        inside = (column < columns) & (row >= 0) & (row < rows)  # NaN is outside
        return np.where(inside, row * columns + column, -1).astype(np.int32)

    def coordinates(self) -> dict[str, np.ndarray]:
        """Centers of the cells along their dimensions (deg)."""
        return {"b": self.b, "l": self.l}

    def areas(self) -> tuple[str, np.ndarray]:
        """Solid angles (square degrees), with the dimension along which they change."""
        return "b", self.solid_angle

    def outlines(self) -> np.ndarray:
        """Corners of each cell, l and b (deg): (cells, 4, 2)."""
        half = self.cell / 2
        b, l = (axis.ravel() for axis in np.meshgrid(self.b, self.l, indexing="ij"))
        steps = ((-half, -half), (half, -half), (half, half), (-half, half))
        return np.stack([np.stack([l + x, b + y], axis=-1) for x, y in steps], axis=1)

    def description(self) -> dict[str, list]:
        """Plain values of which `cells_of` makes these cells again."""
        return {"grid": list(astuple(self))}

    def division(self, columns: int, rows: int) -> list[tuple[float, float]]:
        """Middles (l, b) of the region divided into columns x rows equal parts, row by row.

        With 3 x 3 over l 257-303, |b| <= 5 these are nine sightlines (264.7, 280, 295.3) x (-3.3, 0, 3.3).
        """
        l = self.l_min + (self.l_max - self.l_min) * (np.arange(columns) + 0.5) / columns
        b = self.b_min + (self.b_max - self.b_min) * (np.arange(rows) + 0.5) / rows
        return [(float(x), float(y)) for y in b for x in l]

    def drawn(self, count: int, seed: int) -> list[tuple[float, float]]:
        """Middles (l, b) of so many cells, or of all if there are fewer, drawn at random."""
        rows, columns = self.shape
        chosen = np.random.default_rng(seed).permutation(rows * columns)[:count]
        return [(float(self.l[cell % columns]), float(self.b[cell // columns])) for cell in chosen]
