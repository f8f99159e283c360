"""Formats of star files, each with its reader: FITS, VOTable, CSV, ECSV, IPAC, JSON of MAST, parquet and HDF5."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from milkyway_cnn.errors import InputError

__all__ = ["OVERFLOW", "arrow_values", "optional", "reader_of"]

#: A table, and remarks on it.
Reading = tuple[Any, tuple[str, ...]]
#: Seconds after which the HDF5 library is held to hang.
_PATIENCE = 600
#: Remark on a table that its service cut off.
OVERFLOW = "the service cut the table off at its row limit (OVERFLOW): ask for smaller pieces"
_OPEN_END = "the last line has no end: the file may have been cut off there"


def reader_of(start: bytes) -> Callable[[BinaryIO, str | int | None, Path], Reading] | None:
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
    return table.to_table(use_names_over_ids=True), (OVERFLOW,) if cut_off else ()


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

    if types.is_dictionary(column.type) and types.is_string(column.type.value_type) and hasattr(column, "dictionary"):
        words = np.array([*column.dictionary.to_pylist(), ""])  # each word is converted once
        place = column.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
        return np.ma.masked_array(words[place], column.is_null().to_numpy(zero_copy_only=False))
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
