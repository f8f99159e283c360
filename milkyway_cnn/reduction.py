"""Catalogs of any size to diagrams: a file at once, a partitioned catalog piece by piece, on a cluster if need be."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import xarray as xr

from milkyway_cnn import cluster as clusters
from milkyway_cnn.diagrams import Counts, Diagram, diagram_named, stack
from milkyway_cnn.sightlines import Cells, Grid
from milkyway_cnn.surveys.catalog import Catalog, Report
from milkyway_cnn.surveys.columns import Source
from milkyway_cnn.surveys.normalize import Region
from milkyway_cnn.surveys.partitions import Frame, Partition, open_partitions, read_partition
from milkyway_cnn.surveys.read import read_catalog

if TYPE_CHECKING:
    import lsdb

__all__ = ["Parts", "Reduction", "observe_catalog", "reduce_catalog"]


class Parts(Protocol):
    """What is counted or summed over stars, so that the values of parts of a catalog add up to those of the whole."""

    def add(self, stars: Catalog) -> Any:
        """Take in further stars."""

    def __iadd__(self, other: Any) -> Any: ...


@dataclass
class Reduction:
    """What was counted or summed over the stars of a catalog, or of a part of it, and what was left out.

    Parameters
    ----------
    parts
        Such as the `Counts` of each diagram.
    report
        Of the rows.
    """

    parts: list[Any]
    report: Report

    def __iadd__(self, other: Reduction) -> Reduction:
        self.parts = [operator.iadd(mine, theirs) for mine, theirs in zip(self.parts, other.parts, strict=True)]
        self.report += other.report
        return self


def observe_catalog(
    catalog: str | Path | lsdb.Catalog, cells: Cells, kinds: Sequence[Diagram | str] = ("2mass",), *, cluster: str = ""
) -> tuple[xr.Dataset, Report]:
    """Count the stars of a catalog in the diagrams of each cell.

    Parameters
    ----------
    catalog, cluster
        As for `reduce_catalog`.
    cells
        A grid, cones or HEALPix pixels.
    kinds
        Diagrams, or names of them (see `surveys.diagrams`).

    Returns
    -------
    As of `diagrams.observe_cells`, and the report of all rows.

    Raises
    ------
    InputError
        As `reduce_catalog`, or when the catalog lacks columns of a diagram.
    """
    diagrams = tuple(diagram_named(kind) if isinstance(kind, str) else kind for kind in kinds)
    region = cells.region if isinstance(cells, Grid) else None
    reduced = reduce_catalog(catalog, partial(_counts, cells, diagrams), region, cluster=cluster)
    data = [counts.dataset() for counts in reduced.parts]
    return data[0] if len(data) == 1 else stack(data), reduced.report


def reduce_catalog(
    catalog: str | Path | lsdb.Catalog,
    begin: Callable[[], Sequence[Parts]],
    region: Region | None = None,
    *,
    cluster: str = "",
) -> Reduction:
    """Count or sum over the stars of a catalog.

    Parameters
    ----------
    catalog
        A file (see `surveys.read.read_catalog`), or a folder of parquet files, a HATS catalog or an `lsdb.Catalog`
        (see `surveys.partitions.open_partitions`), of which no more than a few pieces are in memory at a time.
    begin
        Makes what stars are added to. Where these are integers, the result is the same however the catalog is divided
        and wherever it is read.
    region
        l_min, l_max, b_min, b_max (deg), edges included.
    cluster
        Where partitions are read (see `milkyway_cnn.cluster`).

    Returns
    -------
    Reduction
        Of all rows; those of partitions that lie off the region are not read and count as outside.

    Raises
    ------
    InputError
        When the catalog or the cluster cannot be used, or no star lies in the region.
    """
    if isinstance(catalog, str | Path) and not Path(catalog).is_dir():
        return _added(begin(), [read_catalog(catalog, region=region)])
    opened = open_partitions(catalog, region)
    function = partial(_read, columns=opened.columns, region=region, begin=begin)
    total: Reduction = clusters.total(function, opened.partitions, cluster, stage="stars")
    if not total.report.stars:
        raise opened.no_star()
    total.report += Report(opened.skipped, 0, {"outside the region": opened.skipped}, {})
    return total


def _counts(cells: Cells, diagrams: Sequence[Diagram]) -> list[Counts]:
    return [Counts(cells, diagram) for diagram in diagrams]


def _read(
    partition: Partition | Frame,
    columns: Mapping[str, Source],
    region: Region | None,
    begin: Callable[[], Sequence[Parts]],
) -> Reduction:
    return _added(begin(), read_partition(partition, columns, region))


def _added(parts: Sequence[Parts], pieces: Iterable[Catalog]) -> Reduction:
    report = Report(0, 0, {}, {})
    for stars in pieces:
        for part in parts:
            part.add(stars)
        assert stars.report is not None
        report += stars.report
    return Reduction(list(parts), report)
