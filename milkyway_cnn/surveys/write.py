"""Write star catalogs: whole, in any format that can be read; or piece by piece, as VizieR's 2MASS (II/246)."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.storage import replacing
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.formats import optional

__all__ = ["FORMATS", "ROW", "write_catalog", "writing_catalog"]

#: Suffix -> arguments of astropy's writer.
FORMATS: dict[str, dict[str, Any]] = {
    ".fits": {"format": "fits"},
    ".vot": {"format": "votable", "tabledata_format": "binary2"},
    ".csv": {"format": "ascii.csv"},
    ".ecsv": {"format": "ascii.ecsv"},
    ".parquet": {"format": "parquet"},
    ".h5": {"format": "hdf5", "path": "stars", "serialize_meta": True},
}

#: Columns with their FITS format and unit.
_COLUMNS = dict.fromkeys(("Jmag", "e_Jmag", "Hmag", "e_Hmag", "Kmag", "e_Kmag"), ("E", "mag")) | dict.fromkeys(
    ("GLON", "GLAT"), ("D", "deg")
)
#: A row as FITS stores it: magnitudes and errors (an upper limit has the error NaN), l and b.
ROW = np.dtype([(name, {"E": ">f4", "D": ">f8"}[format]) for name, (format, _) in _COLUMNS.items()])
_BLOCK = 2880


def write_catalog(catalog: Catalog, path: str | os.PathLike[str]) -> None:
    """Write a catalog with the names and units of this package; `read_catalog` with no cuts gives it back bit for bit.

    Parameters
    ----------
    path
        Its suffix tells the format: .fits, .vot, .csv, .ecsv, .parquet or .h5, each also with .gz.

    Raises
    ------
    InputError
        When the suffix is none of these, or the format's library is not installed.
    """
    path = Path(path)
    zipped = path.suffix == ".gz"
    suffix = Path(path.stem).suffix if zipped else path.suffix
    if suffix not in FORMATS:
        msg = f"{path} has a suffix of no format for catalogs; choose from {', '.join(FORMATS)}, each also with .gz"
        raise InputError(msg)
    if suffix == ".parquet":
        optional("pyarrow", "parquet")
    if suffix == ".h5":
        optional("h5py", "HDF5")
    with replacing(path) as part:
        plain = part.with_suffix(f"{suffix}.plain")
        catalog.table().write(plain if zipped else part, **FORMATS[suffix])
        if zipped:
            # Without a name and a time of day in it, the same stars are the same bytes.
            with plain.open("rb") as file, part.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, 0) as content:
                shutil.copyfileobj(file, content)
            plain.unlink()


@contextmanager
def writing_catalog(path: str | os.PathLike[str]) -> Iterator[Callable[[np.ndarray], None]]:
    """Open a catalog for writing; it takes its place at `path` when the block ends without an exception.

    Yields
    ------
    Callable
        that appends stars, an array of dtype `ROW`. No more than one piece needs to be in memory.
    """
    rows = 0
    with replacing(path) as part, part.open("wb") as file:
        file.write(_headers(rows))

        def append(stars: np.ndarray) -> None:
            nonlocal rows
            rows += len(stars)
            file.write(stars.astype(ROW, copy=False).tobytes())

        yield append
        file.write(bytes(-file.tell() % _BLOCK))
        file.seek(0)
        file.write(_headers(rows))


def _headers(rows: int) -> bytes:
    """FITS headers of the empty primary image and of the table; their length does not depend on `rows`."""
    from astropy.io import fits

    columns = [fits.Column(name, format=format, unit=unit) for name, (format, unit) in _COLUMNS.items()]
    table = fits.BinTableHDU.from_columns(columns, nrows=0, name="stars").header
    table["NAXIS2"] = rows
    return "".join(header.tostring() for header in (fits.PrimaryHDU().header, table)).encode("ascii")
