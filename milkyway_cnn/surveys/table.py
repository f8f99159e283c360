"""Open a file of stars as a table, whatever format it has: FITS, VOTable, CSV, ECSV, IPAC, JSON, parquet or HDF5."""

from __future__ import annotations

import gzip
import importlib
import io
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from milkyway_cnn.errors import InputError

__all__ = ["StarTable", "arrow_values", "open_table", "optional"]


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
            reader = _reader(start)
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
    return StarTable(path, table, remarks, _OVERFLOW in remarks)


Reading = tuple[Any, tuple[str, ...]]
#: Seconds after which the HDF5 library is held to hang.
_PATIENCE = 600
_OVERFLOW = "the service cut the table off at its row limit (OVERFLOW): ask for smaller pieces"
_OPEN_END = "the last line has no end: the file may have been cut off there"


def _reader(start: bytes) -> Callable[[BinaryIO, str | int | None, Path], Reading] | None:
    """Reader of a format, by the first bytes of a file."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"SIMPLE  ="):
        return _fits
    if b"<VOTABLE" in start:
        return _votable
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return _hdf5
    if start.startswith(b"PAR1"):
        return _parquet
    if b"\0" in start:
        return None
    if start.startswith(b"# %ECSV"):
        return _ascii("ascii.ecsv")
    if text.startswith(b"{"):
        return _json
    if text.startswith((b"\\", b"|")):
        return _ascii("ascii.ipac")
    return _ascii("ascii.csv") if b"," in start else None


def _fits(file: BinaryIO, part: str | int | None, path: Path) -> Reading:
    from astropy.io import fits
    from astropy.table import Table

    memmap = not isinstance(file, io.BytesIO)
    options: dict[str, Any] = {"memmap": memmap, "mask_invalid": False, "unit_parse_strict": "silent"}
    if part is None:
        units = fits.open(file, memmap=memmap)
        tables = [unit.name or str(n) for n, unit in enumerate(units) if isinstance(unit, fits.hdu.table._TableBaseHDU)]
        units.close(closed=False)
        file.seek(0)
        _one_of(tables, path)
    return Table.read(file, format="fits", hdu=part, **options), ()


def _votable(file: BinaryIO, part: str | int | None, path: Path) -> Reading:
    from astropy.io.votable import parse

    document = parse(file)
    tables = list(document.iter_tables())
    if part is None:
        _one_of([str(n) for n in range(len(tables))], path)
    infos = [info for resource in document.resources for info in resource.infos]
    cut_off = any(info.name == "QUERY_STATUS" and str(info.value).upper() == "OVERFLOW" for info in infos)
    failed = [info for info in infos if info.name == "QUERY_STATUS" and str(info.value).upper() == "ERROR"]
    if failed:
        msg = f"{path} holds the error of a service, not stars: {' '.join(str(failed[0].content).split())[:200]}"
        raise InputError(msg)
    table = tables[int(part or 0)]
    if table.nrows is not None and table.nrows != len(table.array):
        msg = f"{path} states {table.nrows:,} rows and holds {len(table.array):,}; give a complete file"
        raise InputError(msg)
    return table.to_table(use_names_over_ids=True), (_OVERFLOW,) if cut_off else ()


def _ascii(format: str) -> Callable[[BinaryIO, str | int | None, Path], Reading]:
    def read(file: BinaryIO, part: str | int | None, path: Path) -> Reading:
        from astropy.table import Table

        text = file.read().decode("utf-8-sig")
        remarks = () if text.endswith("\n") else (_OPEN_END,)
        text += "\n"  # without a line's end it would be taken for a file's name
        if format != "ascii.csv":
            return Table.read(text.splitlines(), format=format), remarks
        # Unlike ascii.csv, a basic table with commas does not fill up lines that were cut off.
        options: dict[str, Any] = {"delimiter": ",", "comment": "#", "fill_values": [("", "0"), ("null", "0")]}
        return Table.read(text, format="ascii.basic", guess=False, **options), remarks

    return read


def _json(file: BinaryIO, part: str | int | None, path: Path) -> Reading:
    """Replies of MAST: names in `info` and lists in `data`, or names in `fields` and objects in `data`."""
    import json

    from astropy.table import Table

    reply = json.load(file)
    names = [str(field["name"]) for field in reply.get("info") or reply["fields"]]
    rows = [[row[name] for name in names] if isinstance(row, dict) else row for row in reply["data"]]
    if any(len(row) != len(names) for row in rows):
        msg = f"{path} has rows of another length than its {len(names)} columns; give a complete file"
        raise InputError(msg)
    return Table({name: _values([row[n] for row in rows]) for n, name in enumerate(names)}), ()


def _values(values: list[Any]) -> np.ma.MaskedArray:
    """Values of JSON as one array, null masked."""
    mask = [value is None for value in values]
    kinds = {type(value) for value in values if value is not None}
    filler: Any = "" if str in kinds else 0
    return np.ma.masked_array([filler if value is None else value for value in values], mask)


def _parquet(file: BinaryIO, part: str | int | None, path: Path) -> Reading:
    from astropy.table import Column, MaskedColumn, Table

    optional("pyarrow", "parquet")
    import pyarrow.parquet

    arrow = pyarrow.parquet.read_table(file)
    table = Table()
    for field in arrow.schema:
        values, unit = arrow_values(arrow[field.name]), (field.metadata or {}).get(b"unit", b"").decode() or None
        table[field.name] = (MaskedColumn if np.ma.isMaskedArray(values) else Column)(values, unit=unit)
    return table, ()


def arrow_values(column: Any) -> np.ndarray:
    """Values of an Arrow array, chunked or not: missing floats are NaN, other missing values masked."""
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not column.null_count or types.is_floating(column.type):
        return column.to_numpy(zero_copy_only=False)
    text = types.is_string(column.type) or types.is_large_string(column.type)
    filled = column.fill_null("" if text else 0).to_numpy(zero_copy_only=False)
    return np.ma.masked_array(filled, column.is_null().to_numpy(zero_copy_only=False))


def _hdf5(file: BinaryIO, part: str | int | None, path: Path) -> Reading:
    from astropy.table import Table

    optional("h5py", "HDF5")
    import h5py

    _survives(file, path)
    with h5py.File(file) as content:
        tables: list[str] = []

        def is_column(name: str, node: Any) -> bool:
            plain = isinstance(node, h5py.Dataset) and node.ndim > 0 and node.dtype.names is None
            return plain and not name.endswith("__table_column_meta__")  # of astropy, beside its tables

        def visit(name: str, node: Any) -> None:
            if isinstance(node, h5py.Group):
                table = any(is_column(*item) for item in node.items())
            else:
                table = node.dtype.names is not None
            if table:
                tables.append(name)

        visit("/", content)
        content.visititems(visit)
        if part is None:
            _one_of(tables, path)
        node = content[str(part) if part is not None else tables[0]]
        if isinstance(node, h5py.Dataset):
            return Table(node[()]), ()
        columns = {name: child for name, child in node.items() if is_column(name, child)}
        table = Table({name: child[()] for name, child in columns.items()})
        for name, child in columns.items():
            table[name].unit = child.attrs.get("unit")
        return table, ()


def _survives(file: BinaryIO, path: Path) -> None:
    """Let another process read all of an HDF5 file first: on a damaged one the library may end its process, or hang."""
    script = (
        "import sys, h5py\n"
        "with h5py.File(sys.argv[1]) as content:\n"
        "    content.visititems(lambda _, node: isinstance(node, h5py.Dataset) and node[()] is None or None)\n"
    )
    with tempfile.NamedTemporaryFile(suffix=".h5") as copy:
        if isinstance(file, io.BytesIO):
            copy.write(file.getbuffer())
            copy.flush()
        command = [sys.executable, "-c", script, copy.name if isinstance(file, io.BytesIO) else str(path)]
        try:
            damaged = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False).returncode
        except subprocess.TimeoutExpired:
            damaged = 1
    if damaged:
        msg = f"{path} cannot be read as a table of stars (the HDF5 library fails on it); give a complete file"
        raise InputError(msg)


def _one_of(tables: list[str], path: Path) -> None:
    if len(tables) != 1:
        several = f"{len(tables)} tables ({', '.join(tables[:10])}); choose one with part"
        msg = f"{path} holds {several if tables else 'no table of stars'}"
        raise InputError(msg)


def optional(module: str, format: str) -> None:
    """Raise an InputError that says how to install the library of a format, if it is not there."""
    try:
        importlib.import_module(module)
    except ImportError:
        msg = f"{format} files need {module}, which is not installed; pip install 'milkyway-cnn[formats]'"
        raise InputError(msg) from None
