"""Fetch a survey's stars of a region from its archive: tile by tile, kept on disk, never twice."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from milkyway_cnn import progress, provenance
from milkyway_cnn.errors import InputError, ServiceError
from milkyway_cnn.storage import locked, replacing, user_cache
from milkyway_cnn.surveys.archives import Archive, archive_of, query
from milkyway_cnn.surveys.normalize import Region
from milkyway_cnn.surveys.tap import TapService, TooMuch
from milkyway_cnn.surveys.tiles import Tile, tiles
from milkyway_cnn.web import Patience, library, session

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import Table

__all__ = ["Fetched", "fetch"]

#: Key of the parquet file's metadata under which its origin stands.
ORIGIN = b"milkyway_cnn"
#: Queries that one fetch may need: more would be the archive's whole holdings, which have a way of their own.
_MOST = 20_000
#: A tile smaller than this (deg) cannot hold more stars than an archive gives at once.
_SMALLEST = 1e-3


@dataclass(frozen=True)
class Fetched:
    """What a fetch brought.

    Parameters
    ----------
    path
        The parquet file.
    stars
        Its rows.
    tiles, from_cache
        Queries whose stars are in it, and how many of them had been fetched before.
    """

    path: Path
    stars: int
    tiles: int
    from_cache: int


def fetch(
    survey: str,
    region: Region,
    output: str | Path,
    *,
    cache: str | Path | None = None,
    archive: str | Archive = "",
    patience: Patience | None = None,
) -> Fetched:
    """Fetch the stars of a region into one parquet file, which `read_catalog` reads.

    Parameters
    ----------
    survey
        ``2mass``, ``gaia`` or ``panstarrs``.
    region
        l_min, l_max, b_min, b_max (deg); the lower edges are included, the upper ones not.
    output
        The parquet file: the archive's columns, and GLON and GLAT (deg).
    cache
        Folder of the tiles, the user's cache by default. A tile is kept under a hash of its query.
    archive
        One that keeps the survey, the preferred one by default; see `milkyway_cnn.surveys.archives`.
    patience
        With a service that is slow or away.

    Raises
    ------
    InputError
        When the survey or the archive is not known, the region needs too many queries, or the output would overwrite
        another file.
    ServiceError
        When the archive refuses, or does not answer after all patience; the same call goes on from there.

    Notes
    -----
    One job runs at a time. A tile for which the archive has more rows than it gives at once is split into quarters,
    and so on. Each tile is written whole or not at all, and the address of a running job is kept beside it: killed
    at any time, the same call fetches only what is not there yet, and takes up the job that was running.
    """
    chosen = archive if isinstance(archive, Archive) else archive_of(survey, archive)
    output = Path(output)
    _check_output(output)
    needed = sum(1 for _ in tiles(region, chosen.tile))
    if needed > _MOST:
        msg = (
            f"the region needs {needed:,} queries, more than the {_MOST:,} that archives should be asked at a time; "
            "ask for less of the sky, or take the whole survey as a HATS catalog"
        )
        raise InputError(msg)
    folder = (Path(cache) if cache else user_cache() / "archives") / f"{survey}-{chosen.name}"
    library("pyarrow")
    folder.mkdir(parents=True, exist_ok=True)
    with session() as opened, locked(folder / ".lock") as held:
        if not held:
            msg = f"another fetch is at work in {folder}; wait for its end or choose another folder with --cache"
            raise InputError(msg)
        name = f"the archive {chosen.name} ({chosen.service})"
        service = TapService(name, chosen.service, chosen.row_limit, opened, patience or Patience())
        work = _Work(chosen, service, folder)
        files = list(work.files(region, survey))
        stars = _join(files, output, _origin(survey, chosen, region))
    return Fetched(output, stars, len(files), work.from_cache)


class _Work:
    """The tiles of one archive in one folder."""

    def __init__(self, archive: Archive, service: TapService, folder: Path) -> None:
        self.archive, self.service, self.folder = archive, service, folder
        self.stars = self.from_cache = 0

    def files(self, region: Region, survey: str) -> Iterator[Path]:
        """Yield the files of a region's tiles, each as soon as it is there."""
        waiting = list(tiles(region, self.archive.tile))
        total = math.ceil(100 * sum(tile.area for tile in waiting)) / 100
        waiting.reverse()
        with progress.bar(f"fetch {survey}", total, "deg²") as bar:
            while waiting:
                tile = waiting.pop()
                adql = query(self.archive, tile)
                key = hashlib.sha256(json.dumps([self.archive.service, adql, self.archive.row_limit]).encode())
                path = self.folder / f"{key.hexdigest()[:24]}.parquet"
                job, split = path.with_suffix(".job"), path.with_suffix(".split")
                kept = _rows(path)
                if kept is not None:
                    self.from_cache += 1
                elif split.exists() or not self._get(tile, adql, path, lambda phase: bar.update(0, job=phase.lower())):
                    if not split.exists():
                        split.touch()
                    waiting += reversed(tile.quarters())
                    continue
                self.service.forget(job)
                self.stars += _rows(path) or 0
                bar.update(tile.area, stars=f"{self.stars:,}")
                yield path

    def _get(self, tile: Tile, adql: str, path: Path, watch: Any) -> bool:
        """Write a tile's stars; return whether the archive had few enough to give."""
        import pyarrow.parquet as pq

        try:
            table = self.service.rows(adql, path.with_suffix(".job"), watch)
        except TooMuch as error:
            if min(tile.l_max - tile.l_min, tile.b_max - tile.b_min) < _SMALLEST:
                what = f"gives no tile however small ({error}), last {tile}"
                msg = f"{self.service.name} {what}; see what it holds there, or try another with --archive"
                raise ServiceError(msg) from None
            return False
        with replacing(path) as part:
            pq.write_table(_inside(table, tile, self.archive), part, compression="zstd")
        return True


def _inside(table: Table, tile: Tile, archive: Archive) -> pa.Table:
    """Return the rows within the tile, with their Galactic coordinates."""
    import pyarrow as pa
    from astropy.coordinates import SkyCoord

    ra, dec = (np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan) for name in archive.columns[:2])
    galactic = SkyCoord(ra, dec, unit="deg", frame="icrs").galactic
    l, b = galactic.l.deg, galactic.b.deg
    kept = tile.contains(l, b)
    fields = [pa.field(name, pa.float64(), metadata={"unit": "deg"}) for name in ("GLON", "GLAT")]
    arrays = [pa.array(values[kept]) for values in (l, b)]
    for column in table.columns.values():
        array = _arrow(np.ma.asarray(column)[kept])
        unit = {"unit": str(column.unit)} if column.unit else None
        fields.append(pa.field(column.name, array.type, metadata=unit))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _arrow(column: np.ma.MaskedArray) -> pa.Array:
    """Return a column with nulls where it is masked."""
    import pyarrow as pa

    mask = np.ma.getmaskarray(column)
    if column.dtype.kind in "OSU":
        texts = [value.decode() if isinstance(value, bytes) else str(value) for value in column.data]
        return pa.array(texts, pa.string(), mask=mask)
    return pa.array(column.data, mask=mask)


def _join(files: list[Path], output: Path, origin: dict[str, Any]) -> int:
    """Write the tiles one after the other, a row group each, and return the number of rows."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(files[0]).with_metadata({ORIGIN: json.dumps(origin)})
    rows = 0
    with replacing(output) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for file in files:
            table = pq.read_table(file)
            rows += len(table)
            if len(table):
                writer.write_table(table.cast(schema))
    return rows


def _origin(survey: str, archive: Archive, region: Region) -> dict[str, Any]:
    asked = {"survey": survey, "archive": archive.service, "table": archive.table, "region": list(region)}
    return asked | provenance.record()


def _rows(path: Path) -> int | None:
    """Return the rows of a tile's file; None when there is none that can be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (FileNotFoundError, pa.ArrowInvalid):
        return None


def _check_output(output: Path) -> None:
    """Refuse to overwrite what is no earlier fetch."""
    if output.suffix != ".parquet":
        msg = f"the output {output} must be a parquet file; give a name that ends in .parquet"
        raise InputError(msg)
    if not output.exists():
        return
    pq = library("pyarrow.parquet")
    try:
        ours = ORIGIN in (pq.read_schema(output).metadata or {})
    except Exception:  # no parquet file, whatever it is
        ours = False
    if not ours:
        msg = f"{output} is there and was not fetched; choose another name with --output"
        raise InputError(msg)
