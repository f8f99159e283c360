"""Write a star catalog piece by piece as a FITS table with the columns of VizieR's 2MASS (II/246)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from milkyway_cnn.storage import replacing

__all__ = ["ROW", "writing_catalog"]

#: Columns with their FITS format and unit.
_COLUMNS = dict.fromkeys(("Jmag", "e_Jmag", "Hmag", "e_Hmag", "Kmag", "e_Kmag"), ("E", "mag")) | dict.fromkeys(
    ("GLON", "GLAT"), ("D", "deg")
)
#: A row as FITS stores it: magnitudes and errors (an upper limit has the error NaN), l and b.
ROW = np.dtype([(name, {"E": ">f4", "D": ">f8"}[format]) for name, (format, _) in _COLUMNS.items()])
_BLOCK = 2880


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
