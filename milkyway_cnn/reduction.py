"""Catalogs of any size to diagrams: a file at once, a partitioned catalog piece by piece, on a cluster if need be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from milkyway_cnn import cluster as clusters
from milkyway_cnn.diagrams import Counts, Diagram, diagram_named, stack
from milkyway_cnn.sightlines import Cells, Grid
from milkyway_cnn.surveys.catalog import Report
from milkyway_cnn.surveys.columns import Source
from milkyway_cnn.surveys.partitions import Frame, Partition, open_partitions, read_partition
from milkyway_cnn.surveys.read import read_catalog

if TYPE_CHECKING:
    import lsdb

__all__ = ["Reduction", "reduce_catalog"]


@dataclass
class Reduction:
    """Diagrams of a catalog, or of a part of it, and what was left out; reductions of parts add up.

    Parameters
    ----------
    counts
        Of each diagram.
    report
        Of the rows.
    """

    counts: list[Counts]
    report: Report

    def __iadd__(self, other: Reduction) -> Reduction:
        for mine, theirs in zip(self.counts, other.counts, strict=True):
            mine += theirs
        self.report += other.report
        return self

    def dataset(self) -> xr.Dataset:
        """Label the counts, as `diagrams.observe_cells` does."""
        return (
            self.counts[0].dataset() if len(self.counts) == 1 else stack([counts.dataset() for counts in self.counts])
        )


def reduce_catalog(
    catalog: str | Path | lsdb.Catalog, cells: Cells, kinds: Sequence[Diagram | str] = ("2mass",), *, cluster: str = ""
) -> Reduction:
    """Count the stars of a catalog in the diagrams of each cell.

    Parameters
    ----------
    catalog
        A file (see `surveys.read.read_catalog`), or a folder of parquet files, a HATS catalog or an `lsdb.Catalog`
        (see `surveys.partitions.open_partitions`), of which no more than a few pieces are in memory at a time.
    cells
        A grid, cones or HEALPix pixels.
    kinds
        Diagrams, or names of them (see `surveys.diagrams`).
    cluster
        Where partitions are read (see `milkyway_cnn.cluster`); the counts are the same everywhere.

    Returns
    -------
    Reduction
        Of all rows; those of partitions that lie off a grid are not read and count as outside the region.

    Raises
    ------
    InputError
        When the catalog or the cluster cannot be used, it lacks columns of a diagram, or no star lies in the region of
        a grid.
    """
    diagrams = [diagram_named(kind) if isinstance(kind, str) else kind for kind in kinds]
    region = cells.region if isinstance(cells, Grid) else None
    if isinstance(catalog, str | Path) and not Path(catalog).is_dir():
        stars = read_catalog(catalog, region=region)
        assert stars.report is not None
        return Reduction([Counts(cells, diagram).add(stars) for diagram in diagrams], stars.report)
    opened = open_partitions(catalog, region)
    count = partial(_count, columns=opened.columns, cells=cells, diagrams=diagrams)
    total: Reduction = clusters.total(count, opened.partitions, cluster, stage="stars")
    if not total.report.stars:
        raise opened.no_star()
    total.report += Report(opened.skipped, 0, {"outside the region": opened.skipped}, {})
    return total


def _count(
    partition: Partition | Frame, columns: Mapping[str, Source], cells: Cells, diagrams: Sequence[Diagram]
) -> Reduction:
    region = cells.region if isinstance(cells, Grid) else None
    part = Reduction([Counts(cells, diagram) for diagram in diagrams], Report(0, 0, {}, {}))
    for stars in read_partition(partition, columns, region):
        for counts in part.counts:
            counts.add(stars)
        assert stars.report is not None
        part.report += stars.report
    return part
