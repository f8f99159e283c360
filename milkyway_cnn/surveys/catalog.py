"""A star catalog as every reader returns it, and the report of what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from milkyway_cnn.surveys.columns import BANDS, surveys_of, unit_of

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = ["Catalog", "Report", "concatenate"]


@dataclass(frozen=True)
class Report:
    """What became of the rows of a catalog: rows = stars + the sum of dropped.

    Parameters
    ----------
    rows
        Rows in the file.
    stars
        Rows kept.
    dropped
        Reason -> rows: "outside the region", "without position", "without detection" (no magnitude is left), and
        the reasons of cuts.
    masked
        Column -> reason -> kept stars that lack it: "upper limit" (a magnitude without a usable error), "missing",
        and the reasons of cuts.
    remarks
        What else the user should know of the file.
    """

    rows: int
    stars: int
    dropped: Mapping[str, int]
    masked: Mapping[str, Mapping[str, int]]
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in self.dropped.items())
        masks = [
            f"{column} {', '.join(f'{count:,} {reason}' for reason, count in reasons.items() if count)}"
            for column, reasons in self.masked.items()
            if any(reasons.values())
        ]
        lines = [f"{self.stars:,} stars of {self.rows:,} rows", f"left out: {left_out}"]
        return "; ".join([*lines, f"masked: {'; '.join(masks) or 'nothing'}", *self.remarks])

    def __add__(self, other: Report) -> Report:
        """Report of two parts of one catalog."""
        return Report(
            self.rows + other.rows,
            self.stars + other.stars,
            _sum(self.dropped, other.dropped),
            {
                column: _sum(self.masked.get(column, {}), other.masked.get(column, {}))
                for column in dict.fromkeys((*self.masked, *other.masked))
            },
            tuple(dict.fromkeys((*self.remarks, *other.remarks))),
        )


def _sum(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {key: first.get(key, 0) + second.get(key, 0) for key in dict.fromkeys((*first, *second))}


@dataclass(frozen=True)
class Catalog:
    """Stars with Galactic positions and what one or several surveys measured of them.

    All arrays are contiguous, (stars,). Positions are float64: float32 would move stars at l > 256 deg by up to
    1.5e-5 deg, across the edges of cells. Measurements are float32, NaN where there is none; a magnitude and its
    error are NaN together.

    Parameters
    ----------
    l, b
        Galactic longitude and latitude (deg); l lies within 360 deg above the region's l_min, else in 0 to 360.
    columns
        Measurements by name: magnitudes (mag, in the survey's own system), parallax (mas), and their `_error`.
    report
        What was left out.
    """

    l: np.ndarray
    b: np.ndarray
    columns: Mapping[str, np.ndarray]
    report: Report | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.l)

    def __contains__(self, name: str) -> bool:
        return name in self.columns or ("-" in name and all(part in self.columns for part in name.split("-")))

    def __getitem__(self, name: str) -> np.ndarray:
        """Measurement of a name; `J-Ks` is a difference, unless the file itself has such a column."""
        if name in self.columns or "-" not in name:
            return self.columns[name]
        first, second = name.split("-")
        return self.columns[first] - self.columns[second]

    @property
    def surveys(self) -> tuple[str, ...]:
        """Surveys whose magnitudes are here."""
        return surveys_of(self.columns)

    @property
    def bands(self) -> tuple[str, ...]:
        """Magnitudes that are here."""
        return tuple(band for survey in self.surveys for band in BANDS[survey] if band in self.columns)

    @property
    def units(self) -> dict[str, str]:
        """Unit of each column."""
        return {name: unit_of(name) for name in ("l", "b", *self.columns)}

    def select(self, rows: np.ndarray | slice) -> Catalog:
        """Stars of some rows, without a report."""
        return Catalog(self.l[rows], self.b[rows], {name: values[rows] for name, values in self.columns.items()})

    def table(self) -> QTable:
        """Return the stars as an astropy table with units."""
        from astropy import units as u
        from astropy.table import QTable

        values = {"l": self.l, "b": self.b, **self.columns}
        return QTable({name: values[name] * u.Unit(unit) for name, unit in self.units.items()})


def concatenate(parts: Sequence[Catalog]) -> Catalog:
    """Join parts of one catalog, which have the same columns."""
    # Column by column, so that no more than one column is in memory twice.
    remaining = [dict(part.columns) for part in parts]
    columns = {name: np.concatenate([part.pop(name) for part in remaining]) for name in parts[0].columns}
    l, b = (np.concatenate([getattr(part, name) for part in parts]) for name in ("l", "b"))
    return Catalog(l, b, columns, _total(part.report for part in parts))


def _total(reports: Iterable[Report | None]) -> Report | None:
    total = None
    for report in reports:
        if report is None:
            return None
        total = report if total is None else total + report
    return total
