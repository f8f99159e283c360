"""Open a file of stars as a table, whatever format it has."""

from __future__ import annotations

import gzip
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.formats import OVERFLOW, reader_of

__all__ = ["StarTable", "open_table"]


@dataclass(frozen=True)
class StarTable:
    """A file's table; its columns are left on disk where the format allows.

    Parameters
    ----------
    path
        The file.
    table
        astropy table.
    remarks
        What the format told beside the rows.
    incomplete
        Whether the file itself says that rows are missing.
    """

    path: Path
    table: Any
    remarks: tuple[str, ...] = ()
    incomplete: bool = False

    def __len__(self) -> int:
        return len(self.table)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self.table.colnames)

    def rows(self, rows: slice) -> Mapping[str, Any]:
        """Some rows, whose columns are cut out only when asked for."""
        return _Rows(self.table, rows)


class _Rows(Mapping[str, Any]):
    def __init__(self, table: Any, rows: slice) -> None:
        self._table, self._rows = table, rows

    def __getitem__(self, name: str) -> Any:
        return self._table[name][self._rows]

    def __iter__(self) -> Any:
        return iter(self._table.colnames)

    def __len__(self) -> int:
        return len(self._table.colnames)


def open_table(path: str | Path, part: str | int | None = None) -> StarTable:
    """Open a file of stars, plain or gzipped; its first bytes tell the format, for names promise too much.

    Parameters
    ----------
    part
        Which table, in a file of several: name or number of a FITS extension, number of a VOTable's table, path in
        HDF5. A file of one table needs none.

    Raises
    ------
    InputError
        When the file is missing, is no readable table, is cut off, has several tables and no `part`, or has no row.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            # Dialects of FITS and VOTable that astropy reads with a remark are none of our reader's concern.
            warnings.simplefilter("ignore")
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            plain = gzip.GzipFile(fileobj=file) if zipped else file
            start = plain.read(2880)
            plain.seek(0)
            reader = reader_of(start)
            if reader is None:
                msg = f"{path} is neither FITS, VOTable, CSV, IPAC, JSON, parquet nor HDF5; export it in one of these"
                raise InputError(msg)
            # Unzipped here, to the checksum at its end: on a damaged one astropy's own reading of FITS never ends.
            content = io.BytesIO(plain.read()) if zipped else file
            table, remarks = reader(content, part, path)
    except FileNotFoundError:
        msg = f"there is no catalog at {path}; give the path of a FITS, VOTable, CSV, parquet or HDF5 file"
        raise InputError(msg) from None
    except InputError:
        raise
    except Exception as error:  # what parsers raise on damaged files has no common base
        reason = " ".join((str(error).strip() or type(error).__name__).splitlines()[0].split())
        msg = f"{path} cannot be read as a table of stars ({reason}); give a complete file"
        raise InputError(msg) from error
    return StarTable(path, table, remarks, OVERFLOW in remarks)
