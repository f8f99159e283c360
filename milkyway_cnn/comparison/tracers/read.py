"""Read tables of tracers as their authors and VizieR name the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from milkyway_cnn.comparison.tracers.table import make
from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.table import open_table

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["read", "recognize"]

#: Names under which a quantity is known, lower case, the preferred one first. Those of distances say their unit in
#: kpc, where the column itself does not: Hunt & Reffert 2023 and Cantat-Gaudin et al. 2020 give parsecs.
_L = ("l", "glon", "glong", "l_deg", "_glon", "gal_l")
_B = ("b", "glat", "b_deg", "_glat", "gal_b")
_RA = ("ra", "ra_icrs", "raj2000", "_raj2000")
_DEC = ("dec", "de_icrs", "dej2000", "decj2000", "_dej2000")
_DISTANCE = {"distance": 1.0, "dist": 1.0, "d_kpc": 1.0, "d": 1.0, "distpc": 1e-3, "dist50": 1e-3, "d_pc": 1e-3}
_ERROR = {"distance_error": 1.0, "e_distance": 1.0, "e_dist": 1.0, "e_d": 1.0}
_NAME = ("name", "gname", "wise", "cluster", "arm", "star", "id", "seq")
_KIND = ("kind",)
_ARM = "arm"


def read(path: str | Path, kind: str = "", *, columns: Mapping[str, str] | None = None) -> Table:
    """Read a file of tracers: FITS, VOTable, CSV, ECSV, IPAC, parquet or HDF5, zipped or not.

    Parameters
    ----------
    kind
        What they are, for example "H II region", where the file has no such column. A file with a column `arm` holds
        spiral arms, in the plane where it has no latitudes.
    columns
        The file's names for `l`, `b`, `ra`, `dec`, `distance`, `distance_error`, `name`, `kind`, where they are not
        recognized.

    Returns
    -------
    Table of the form that `milkyway_cnn.comparison.tracers` describes.

    Raises
    ------
    InputError
        When the file cannot be read or has no positions.
    """
    return recognize(open_table(path).table, str(path), kind, columns=columns)


def recognize(table: Any, source: str, kind: str = "", *, columns: Mapping[str, str] | None = None) -> Table:
    """Bring an astropy table of tracers to the common form; `source` names it in errors. See `read`."""
    given = dict(columns or {})
    if unknown := sorted(set(given.values()) - set(table.colnames)):
        msg = f"{source} has no column {unknown[0]!r}; it has {', '.join(table.colnames[:20])}"
        raise InputError(msg)
    named = {name.strip().lower(): name for name in reversed(table.colnames)}

    def column(quantity: str, known: Sequence[str]) -> Any:
        name = given.get(quantity) or next((named[word] for word in known if word in named), None)
        return None if name is None else table[name]

    l, b = (_numbers(column(*names)) for names in (("l", _L), ("b", _B)))
    arms = _ARM in named
    if l is not None and b is None and arms:
        b = np.zeros(len(table))
    if l is None or b is None:
        ra, dec = (_numbers(column(*names)) for names in (("ra", _RA), ("dec", _DEC)))
        if ra is None or dec is None:
            msg = (
                f"{source} has no columns of positions that are recognized among {', '.join(table.colnames[:20])}; "
                "name them, as in columns={'l': 'my_l', 'b': 'my_b'}"
            )
            raise InputError(msg)
        l, b = _galactic(ra, dec)
    names, kinds = column("name", _NAME), column("kind", _KIND)
    return make(
        "" if names is None else _text(names),
        l,
        b,
        _in_kpc(column("distance", tuple(_DISTANCE)), _DISTANCE),
        (kind or ("spiral arm" if arms else "")) if kinds is None else _text(kinds),
        distance_error=_in_kpc(column("distance_error", tuple(_ERROR)), _ERROR),
        source=source,
    )


def _numbers(column: Any) -> np.ndarray | None:
    """Values as floats, NaN where masked or no number."""
    if column is None:
        return None
    values = np.ma.asarray(column)
    if values.dtype.kind in "biuf":
        return np.ma.filled(values.astype(float), np.nan)

    def number(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            return np.nan

    return np.array([number(str(value)) for value in np.ma.filled(values.astype(str), "")])


def _text(column: Any) -> np.ndarray:
    """Values as text, empty where masked."""
    return np.char.strip(np.ma.filled(np.ma.asarray(column).astype(str), ""))


def _in_kpc(column: Any, factors: Mapping[str, float]) -> Any:
    """Distances in kpc, by the unit of their column, else by its name."""
    from astropy import units as u

    numbers = _numbers(column)
    if numbers is None:
        return np.nan
    if column.unit is not None and u.Unit(column.unit).is_equivalent(u.kpc):
        return numbers * u.Unit(column.unit).to(u.kpc)
    return numbers * factors.get(column.name.strip().lower(), 1.0)


def _galactic(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from astropy.coordinates import SkyCoord

    galactic = SkyCoord(ra, dec, unit="deg", frame="icrs").galactic
    return galactic.l.deg, galactic.b.deg
