"""Read a star catalog of any survey: Galactic positions, measurements, and a report of what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.catalog import Catalog, Report, concatenate
from milkyway_cnn.surveys.columns import Source, recognize
from milkyway_cnn.surveys.cuts import Cut
from milkyway_cnn.surveys.normalize import Region, galactic_positions, normalize
from milkyway_cnn.surveys.table import StarTable, open_table

__all__ = ["Catalog", "Region", "Report", "check_catalog", "read_catalog", "read_rows"]

#: Rows handled at once, so that temporary arrays stay small beside the catalog.
_BLOCK = 1 << 20


def read_catalog(
    path: str | Path,
    *,
    region: Region | None = None,
    survey: str | None = None,
    columns: Mapping[str, str | tuple[str, str]] | None = None,
    cuts: Sequence[Cut] | None = None,
    part: str | int | None = None,
) -> Catalog:
    """Read the stars of a catalog, those of a region only if one is given.

    Parameters
    ----------
    path
        A FITS table, VOTable, CSV, ECSV, IPAC table, JSON of MAST, parquet or HDF5, plain or gzipped, with columns
        of 2MASS (VizieR II/246, IRSA fp_psc), Gaia (the archive, VizieR I/345, I/350, I/355) or Pan-STARRS (MAST,
        VizieR II/349), or of several. Names are listed in `columns.NAMES`. Equatorial positions are ICRS; where
        both are present the Galactic ones are taken.
    region
        l_min, l_max, b_min, b_max (deg), edges included.
    survey
        "2mass", "gaia" or "panstarrs": read its columns alone, and refuse the file if it lacks one that star counts
        need.
    columns
        Names of columns that are not recognized, key -> name or (name, unit), as in
        ``{"J": "mag[5]", "parallax": ("parallax", "arcsec")}``.
    cuts
        Quality cuts in place of `cuts.CUTS`; an empty list for none.
    part
        Which table, in a file of several (see `table.open_table`).

    Raises
    ------
    InputError
        When the file is missing, is no readable table, lacks a needed column, has no row, or has no star within
        the region; the sentence says which.

    Notes
    -----
    `normalize.normalize` says when a measurement counts.
    """
    table, found = _open(path, survey, columns, part)
    catalog = read_rows(table, region, columns=found, cuts=cuts)
    report = catalog.report
    assert report is not None
    if report.dropped["outside the region"] + report.dropped["without position"] == len(table):
        raise _no_star(table, found, region)
    if not len(catalog):
        msg = f"{path} has no star with a magnitude and its error in any of {_listed(catalog.bands)}: {report}"
        raise InputError(msg)
    unsure = [band for band in catalog.bands if f"{band}_error" not in catalog.columns]
    remarks = table.remarks
    if unsure:
        remarks += (f"no errors of {_listed(unsure)}: detections and upper limits cannot be told apart",)
    return replace(catalog, report=replace(report, remarks=remarks))


def read_rows(
    table: StarTable,
    region: Region | None = None,
    *,
    columns: Mapping[str, Source] | None = None,
    cuts: Sequence[Cut] | None = None,
) -> Catalog:
    """Read the stars of an open table, as `read_catalog` does, be there none.

    Parameters
    ----------
    columns
        As `columns.recognize` returns them, which is also the default.
    """
    found = columns or recognize(table.names, origin=str(table.path))
    parts = [
        normalize(table.rows(rows), found, region=region, cuts=cuts, origin=str(table.path)) for rows in _blocks(table)
    ]
    return concatenate(parts)


def check_catalog(path: str | Path, region: Region | None = None, *, survey: str = "2mass") -> None:
    """Refuse in one sentence what cannot be mapped, without reading more than it takes to know.

    Raises
    ------
    InputError
        As `read_catalog` with the survey, except that magnitudes are not looked at; and when the service that wrote
        the file cut it off.
    """
    table, found = _open(path, survey, None, None)
    if table.incomplete:
        msg = f"{path} cannot be mapped: {'; '.join(table.remarks)}"
        raise InputError(msg)
    for rows in _blocks(table):
        if galactic_positions(table.rows(rows), found, region, str(table.path))[2].any():
            return
    raise _no_star(table, found, region)


def _open(
    path: str | Path,
    survey: str | None,
    columns: Mapping[str, str | tuple[str, str]] | None,
    part: str | int | None,
) -> tuple[StarTable, dict[str, Source]]:
    table = open_table(path, part)
    found = recognize(table.names, survey=survey, columns=columns, origin=str(table.path))
    if not len(table):
        msg = f"{path} has the right columns but no rows; give a catalog with stars"
        raise InputError(msg)
    return table, found


def _blocks(table: StarTable) -> Iterator[slice]:
    for start in range(0, max(len(table), 1), _BLOCK):
        yield slice(start, min(start + _BLOCK, len(table)))


def _listed(bands: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(bands[:-1]), bands[-1]]))


def _no_star(table: StarTable, columns: Mapping[str, Source], region: Region | None) -> InputError:
    """Word the refusal of a catalog that has no star in the region: it says where the catalog's stars are."""
    positions = [galactic_positions(table.rows(rows), columns, None, str(table.path))[:2] for rows in _blocks(table)]
    l, b = (np.concatenate(parts) for parts in zip(*positions, strict=True))
    l, b = l[np.isfinite(b)], b[np.isfinite(b)]
    if region is None or not len(l):
        return InputError(f"{table.path} has no row with a position; it cannot be mapped")
    # A catalog across l = 0 is narrower when counted from -180 deg.
    l = min(l, (l + 180.0) % 360.0 - 180.0, key=np.ptp)
    return InputError(
        f"{table.path} has no star within l {region[0]:g} to {region[1]:g}, b {region[2]:g} to {region[3]:g} deg; "
        f"its own stars lie at l {l.min():.2f} to {l.max():.2f}, b {b.min():.2f} to {b.max():.2f} deg"
    )
