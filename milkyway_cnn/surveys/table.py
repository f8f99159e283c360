"""Open a file of stars as a table: which format it has, and which of its columns is which."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from milkyway_cnn.errors import InputError

__all__ = ["PHOTOMETRY", "StarTable", "open_table"]

#: Recognized names of each column, lower case, the preferred one first: VizieR II/246, then IRSA fp_psc.
_GALACTIC = {"l": ("glon", "_glon"), "b": ("glat", "_glat")}
_EQUATORIAL = {"ra": ("raj2000", "_raj2000", "ra"), "dec": ("dej2000", "_dej2000", "dec")}
PHOTOMETRY = {
    "J": ("jmag", "j_m"),
    "H": ("hmag", "h_m"),
    "Ks": ("kmag", "ksmag", "k_m"),
    "J_error": ("e_jmag", "j_msigcom", "j_cmsig"),
    "H_error": ("e_hmag", "h_msigcom", "h_cmsig"),
    "Ks_error": ("e_kmag", "e_ksmag", "k_msigcom", "k_cmsig"),
}


@dataclass(frozen=True)
class StarTable:
    """A file's table, its columns left on disk where the format allows, and the file's name of each column.

    `columns` has the keys of `PHOTOMETRY` and either l and b, or ra and dec.
    """

    path: Path
    table: Any
    columns: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.table)

    def numbers(self, key: str, rows: slice, dtype: type) -> np.ndarray:
        """Copy some rows of a column, in native byte order, missing values as NaN.

        Raises
        ------
        InputError
            When the column holds text or arrays.
        """
        column = self.table[self.columns[key]][rows]
        shown = " ".join(str(column[0]).split())[:40]
        msg = f"column {column.name} of {self.path} holds {shown!r}; it must hold one decimal number in each row"
        if column.ndim != 1 or column.dtype.kind == "c":
            raise InputError(msg)
        try:
            with np.errstate(over="ignore"):
                return np.array(np.ma.filled(np.ma.asarray(column).astype(dtype), np.nan))
        except (TypeError, ValueError):
            raise InputError(msg) from None


def open_table(path: str | Path) -> StarTable:
    """Open a FITS table, VOTable, CSV or ECSV, plain or gzipped, with 2MASS-like columns.

    Raises
    ------
    InputError
        When the file is missing, is no readable table, lacks a needed column or has no row.
    """
    from astropy.table import Table

    path = Path(path)
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            # Dialects of FITS and VOTable that astropy reads with a remark are none of our reader's concern.
            warnings.simplefilter("ignore")
            table = Table.read(file, **_format(path))
    except FileNotFoundError:
        msg = f"there is no catalog at {path}; give the path of a FITS, VOTable or CSV file"
        raise InputError(msg) from None
    except InputError:
        raise
    except Exception as error:  # what parsers raise on damaged files has no common base
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        msg = f"{path} cannot be read as a table of stars ({reason}); give a complete FITS, VOTable or CSV file"
        raise InputError(msg) from error
    columns = _recognize(path, table.colnames)
    if not len(table):
        msg = f"{path} has the right columns but no rows; give a catalog with stars"
        raise InputError(msg)
    return StarTable(path, table, columns)


def _format(path: Path) -> dict[str, Any]:
    """Arguments of `Table.read` for a file, by its first bytes: names of files promise too much."""
    with path.open("rb") as plain:
        zipped = plain.read(2) == b"\x1f\x8b"
    with gzip.open(path) if zipped else path.open("rb") as file:
        start = file.read(2880)
    if start.startswith(b"SIMPLE  ="):
        return {"format": "fits", "memmap": not zipped, "mask_invalid": False, "unit_parse_strict": "silent"}
    if b"<VOTABLE" in start:
        return {"format": "votable", "use_names_over_ids": True}
    if start.startswith(b"# %ECSV"):
        return {"format": "ascii.ecsv"}
    if b"," in start and b"\0" not in start:
        return {"format": "ascii.csv", "comment": "#", "fill_values": [("", "0"), ("null", "0")]}
    msg = f"{path} is neither FITS nor VOTable nor CSV; export the catalog in one of these formats"
    raise InputError(msg)


def _recognize(path: Path, names: list[str]) -> dict[str, str]:
    """Find the file's name of each needed column."""
    present = {name.lower(): name for name in reversed(names)}

    def found(wanted: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        return {key: present[name] for key, options in wanted.items() for name in reversed(options) if name in present}

    galactic, equatorial, photometry = found(_GALACTIC), found(_EQUATORIAL), found(PHOTOMETRY)
    position = galactic if len(galactic) == 2 else equatorial
    lacking = [f"{key} ({' or '.join(options)})" for key, options in PHOTOMETRY.items() if key not in photometry]
    if len(position) < 2:
        lacking.append("position (glon and glat, or raj2000 and dej2000, or ra and dec)")
    if lacking:
        msg = f"{path} lacks columns; needed, under a name in parentheses in any case: {', '.join(lacking)}"
        raise InputError(msg)
    return position | photometry
