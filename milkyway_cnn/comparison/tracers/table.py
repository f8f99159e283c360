"""The one form that all tracers have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from milkyway_cnn.sightlines import galactocentric
from milkyway_cnn.storage import replacing

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["COLUMNS", "load", "make", "plane_position", "save", "within"]

#: Columns of a table of tracers, and their units.
COLUMNS = {"name": "", "l": "deg", "b": "deg", "distance": "kpc", "distance_error": "kpc", "kind": ""}


def make(
    name: Any, l: Any, b: Any, distance: Any, kind: Any, *, distance_error: Any = np.nan, source: str = ""
) -> Table:
    """Put columns together to a table of tracers.

    Parameters
    ----------
    name, kind
        Text, one a row or one for all.
    l, b
        Galactic coordinates (deg); l is brought to 0 to 360.
    distance, distance_error
        kpc; what is not above 0 counts as not known and becomes NaN.
    source
        Kept in the table's `meta`.
    """
    from astropy.table import Table

    l = np.asarray(l, float) % 360.0
    values = {"name": name, "l": l, "b": b, "distance": distance, "distance_error": distance_error, "kind": kind}
    table = Table(meta={"source": source})
    for column, unit in COLUMNS.items():
        if not unit:
            table[column] = np.broadcast_to(np.asarray(values[column], str), l.shape).copy()
            continue
        numbers = np.broadcast_to(np.asarray(values[column], float), l.shape).copy()
        if unit == "kpc":
            numbers[~(numbers > 0)] = np.nan
        table[column] = numbers
        table[column].unit = unit
    return table


def save(tables: Mapping[str, Table], path: Path) -> None:
    """Write tables of tracers by name into one file, as ECSV; the column `table` says whose a row is."""
    from astropy.table import vstack

    named = [table.copy() for table in tables.values()]
    for name, table in zip(tables, named, strict=True):
        table["table"] = name
    with replacing(path) as part:
        vstack(named, metadata_conflicts="silent").write(part, format="ascii.ecsv")


def load(path: Path) -> dict[str, Table]:
    """Read what `save` wrote; the source of each table is its name."""
    from astropy.table import Table

    rows = Table.read(path, format="ascii.ecsv")
    tables = {}
    for name in dict.fromkeys(map(str, rows["table"])):
        tables[name] = rows[np.asarray(rows["table"]) == name][list(COLUMNS)]
        tables[name].meta = {"source": name}
    return tables


def within(tracers: Table, region: tuple[float, float, float, float], reach: float = np.inf) -> Table:
    """Return the tracers inside l_min, l_max, b_min, b_max (deg), and of known distance below `reach` (kpc).

    Without a finite reach those without distance stay.
    """
    l_min, l_max, b_min, b_max = region
    inside = (np.asarray(tracers["l"]) - l_min) % 360.0 <= l_max - l_min
    inside &= (np.asarray(tracers["b"]) >= b_min) & (np.asarray(tracers["b"]) <= b_max)
    if np.isfinite(reach):
        inside &= np.asarray(tracers["distance"]) <= reach
    return tracers[inside]


def plane_position(tracers: Table) -> tuple[np.ndarray, np.ndarray]:
    """Galactocentric x and y (kpc, see `sightlines.galactocentric`); NaN where the distance is not known."""
    l, b, distance = (np.asarray(tracers[name]) for name in ("l", "b", "distance"))
    x, y, _ = galactocentric(l, b, distance)
    return x, y
