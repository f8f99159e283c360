"""Catalogs in many files: folders of parquet and HATS catalogs, read piece by piece and never held in memory.

A catalog that was made with `lsdb`, by a query or a cross-match, is taken as well.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.columns import Source, recognize
from milkyway_cnn.surveys.cuts import Cut
from milkyway_cnn.surveys.formats import arrow_values, optional
from milkyway_cnn.surveys.hats import HATS, hats_files, is_hats
from milkyway_cnn.surveys.normalize import Region, galactic_positions, normalize

if TYPE_CHECKING:
    import lsdb
    import pyarrow
    from dask.delayed import Delayed

__all__ = ["Frame", "Partition", "PartitionedCatalog", "check_partitions", "open_partitions", "read_partition"]

#: Rows of a partition, where row groups allow, and rows in memory at once.
_PARTITION, _BATCH = 1 << 20, 1 << 18


@dataclass(frozen=True)
class Partition:
    """Some row groups of a parquet file, on any file system that `path` opens on."""

    path: Path
    groups: tuple[int, ...]
    rows: int

    def blocks(self, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Yield the columns of some rows after the other."""
        with _parquet(self.path) as file:
            lacking = [name for name in names if name not in file.schema_arrow.names]
            if lacking:
                msg = f"{self.path} lacks the columns {', '.join(lacking)} that other files of its catalog have"
                raise InputError(msg)
            for batch in file.iter_batches(_BATCH, row_groups=list(self.groups), columns=list(names)):
                yield {name: arrow_values(_words(batch.column(name))) for name in names}


@dataclass(frozen=True)
class Frame:
    """A partition of an `lsdb` catalog that is made when it is needed, as a pandas frame."""

    path: str
    frame: Delayed

    def blocks(self, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Yield all rows."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as in `hats_files`
            frame = self.frame.compute(scheduler="synchronous")
        yield frame


@dataclass(frozen=True)
class PartitionedCatalog:
    """What is known of a partitioned catalog before its rows are read.

    Parameters
    ----------
    path
        Folder, or name of an `lsdb` catalog.
    columns
        As `columns.recognize` returns them, units of the files included.
    region
        l_min, l_max, b_min, b_max (deg), or None for the whole sky.
    partitions
        Those that may hold stars of the region.
    skipped
        Rows in all others.
    """

    path: str
    columns: Mapping[str, Source]
    region: Region | None
    partitions: tuple[Partition | Frame, ...]
    skipped: int

    def no_star(self) -> InputError:
        """Word the refusal of a catalog without a star in the region."""
        where = "with a position"
        if self.region:
            l_min, l_max, b_min, b_max = self.region
            where = f"within l {l_min:g} to {l_max:g}, b {b_min:g} to {b_max:g} deg"
        return InputError(f"{self.path} has no star {where}; give the catalog of another region")


def open_partitions(
    catalog: str | Path | lsdb.Catalog, region: Region | None = None, *, survey: str | None = None
) -> PartitionedCatalog:
    """Find the partitions of a catalog that may hold stars of a region, and its columns.

    Parameters
    ----------
    catalog
        A folder of parquet files at any depth (names that begin with _ or . are left out), a HATS catalog or
        collection, or an `lsdb.Catalog`.
    region
        l_min, l_max, b_min, b_max (deg), edges included. Row groups whose statistics of l or b, and HATS pixels whose
        place, are off the region are not read.
    survey
        As for `read.read_catalog`.

    Raises
    ------
    InputError
        When there is no such folder, it holds no parquet file or several HATS catalogs, a file is damaged, or a needed
        column is lacking.
    """
    if not isinstance(catalog, str | Path):
        frames = tuple(Frame(catalog.name, frame) for frame in catalog.to_delayed())
        found = recognize(catalog.columns, survey=survey, origin=catalog.name)
        return PartitionedCatalog(catalog.name, found, region, frames, 0)
    folder = Path(catalog)
    if not folder.is_dir():
        msg = f"there is no folder {folder}; a partitioned catalog is a folder of parquet files or a HATS catalog"
        raise InputError(msg)
    if is_hats(folder):
        files, rows = hats_files(folder, region)
    else:
        files, rows = _parquet_files(folder), None
    columns: dict[str, Source] = {}
    partitions: list[Partition] = []
    total = 0
    for path in files:
        with _parquet(path) as file:
            if not columns:
                columns = _columns(file.schema_arrow, survey, folder)
            total += file.metadata.num_rows
            partitions += _partitions(path, file.metadata, columns, region)
    read = sum(partition.rows for partition in partitions)
    result = PartitionedCatalog(str(folder), columns, region, tuple(partitions), (rows or total) - read)
    if not partitions:
        raise result.no_star()
    return result


def read_partition(
    partition: Partition | Frame,
    columns: Mapping[str, Source],
    region: Region | None = None,
    *,
    cuts: Sequence[Cut] | None = None,
) -> Iterator[Catalog]:
    """Yield the stars of a partition, in pieces, each as `read.read_catalog` would return it.

    Raises
    ------
    InputError
        When the file is damaged, or a column is lacking or is no number.
    """
    names = list(dict.fromkeys(source.name.partition("[")[0] for source in columns.values()))
    for block in partition.blocks(names):
        yield normalize(block, columns, region=region, cuts=cuts, origin=str(partition.path))


def check_partitions(path: str | Path, region: Region | None = None, *, survey: str = "2mass") -> None:
    """Refuse in one sentence what `open_partitions` refuses, or what holds no star of the region.

    Reads no further than the first such star.
    """
    catalog = open_partitions(path, region, survey=survey)
    columns = {key: catalog.columns[key] for key in ("l", "b", "ra", "dec", "lambda", "beta") if key in catalog.columns}
    names = [source.name for source in columns.values()]
    for partition in catalog.partitions:
        for block in partition.blocks(names):
            if galactic_positions(block, columns, region, str(partition.path))[2].any():
                return
    raise catalog.no_star()


@contextmanager
def _parquet(path: Path) -> Iterator[Any]:
    """Open a parquet file, whose errors all come out as one sentence."""
    optional("pyarrow", "parquet")
    import pyarrow.parquet

    try:
        with path.open("rb") as stream, pyarrow.parquet.ParquetFile(stream) as file:
            yield file
    except InputError:
        raise
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        msg = f"{path} cannot be read as parquet ({reason}); fetch this file of the catalog again"
        raise InputError(msg) from None


def _words(column: pyarrow.Array) -> pyarrow.Array:
    """Text as numbers of the few words that flags consist of; other columns as they are."""
    import pyarrow

    return column.dictionary_encode() if pyarrow.types.is_string(column.type) else column


def _parquet_files(folder: Path) -> list[Path]:
    """Parquet files of a folder that is no HATS catalog, in the order of their names."""
    hats = sorted(path.parent for path in folder.rglob("*.properties") if path.name in HATS)
    if hats:
        msg = f"{folder} is no catalog but holds some, such as {hats[0]}; give one of them"
        raise InputError(msg)
    files = [
        path
        for path in folder.rglob("*.parquet")
        if path.is_file() and not any(part.startswith(("_", ".")) for part in path.relative_to(folder).parts)
    ]
    if not files:
        msg = f"{folder} holds no parquet file; a partitioned catalog is a folder of these or a HATS catalog"
        raise InputError(msg)
    return sorted(files)


def _columns(schema: pyarrow.Schema, survey: str | None, folder: Path) -> dict[str, Source]:
    """Recognized columns, with the units that the files give."""
    found = recognize(schema.names, survey=survey, origin=str(folder))
    columns = {}
    for key, source in found.items():
        name = source.name.partition("[")[0]
        unit = (schema.field(name).metadata or {}).get(b"unit", b"").decode()
        columns[key] = Source(source.name, source.unit or unit)
    return columns


def _partitions(path: Path, metadata: Any, columns: Mapping[str, Source], region: Region | None) -> list[Partition]:
    """Row groups of a file that may hold stars of the region, put together to partitions of a million rows."""
    names = [metadata.schema.column(n).path for n in range(metadata.num_columns)]
    partitions: list[Partition] = []
    for group in range(metadata.num_row_groups):
        part = metadata.row_group(group)
        if region and not _may_hold(part, names, columns, region):
            continue
        last = partitions[-1] if partitions else None
        if last and last.rows + part.num_rows <= _PARTITION:
            partitions[-1] = Partition(path, (*last.groups, group), last.rows + part.num_rows)
        else:
            partitions.append(Partition(path, (group,), part.num_rows))
    return partitions


def _may_hold(part: Any, names: list[str], columns: Mapping[str, Source], region: Region) -> bool:
    """Whether a row group may hold stars of the region, as far as its statistics of l and b tell."""
    l_min, l_max, b_min, b_max = region
    for key in ("l", "b"):
        source = columns.get(key, Source(""))
        if source.unit not in ("", "deg") or source.name not in names:
            continue
        statistics = part.column(names.index(source.name)).statistics
        if statistics is None or not statistics.has_min_max or not isinstance(statistics.min, float):
            continue
        low, high = statistics.min, statistics.max
        # Not a number, as some writers leave there, makes no comparison true and keeps the row group.
        if key == "b" and (high < b_min or low > b_max):
            return False
        if key == "l" and np.ceil((l_min - high) / 360.0) > np.floor((l_max - low) / 360.0):  # no whole turn fits
            return False
    return True
