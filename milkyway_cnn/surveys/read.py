"""Read a near-infrared star catalog: Galactic positions, magnitudes, and a report of what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.table import PHOTOMETRY, StarTable, open_table
from milkyway_cnn.surveys.twomass import BANDS

__all__ = ["Catalog", "Region", "Report", "check_catalog", "read_catalog", "read_rows"]

#: l_min, l_max, b_min, b_max (deg); longitudes below 0 or beyond 360 continue a region across l = 0.
Region = tuple[float, float, float, float]

#: Errors from here on are signs for "no error" (9.998, 9.999, 99.99), as are zero and below (-999).
_NO_ERROR = 9.0
#: Magnitudes beyond these are signs for "missing" (-999, 99.999).
_BRIGHTEST, _FAINTEST = -10.0, 40.0
#: Columns of a `Catalog`.
_DTYPES = {"l": np.float64, "b": np.float64} | dict.fromkeys(PHOTOMETRY, np.float32)
#: Rows handled at once, so that temporary arrays stay small beside the catalog.
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Report:
    """What became of the rows of a catalog: rows = outside + without_position + without_detection + stars.

    Parameters
    ----------
    rows
        Rows in the file.
    outside
        Rows outside the asked region.
    without_position, without_detection
        Rows dropped because a coordinate is missing or off the sphere, or because no band has a magnitude with
        an error.
    stars
        Rows kept.
    upper_limits, missing
        Per band, kept stars whose magnitude has no usable error (an upper limit), or that have no magnitude.
    """

    rows: int
    outside: int
    without_position: int
    without_detection: int
    stars: int
    upper_limits: Mapping[str, int]
    missing: Mapping[str, int]

    def __add__(self, other: Report) -> Report:
        """Report of two pieces of a catalog together."""

        def total(mine: Any, theirs: Any) -> Any:
            return {key: n + theirs[key] for key, n in mine.items()} if isinstance(mine, Mapping) else mine + theirs

        return Report(**{name: total(mine, getattr(other, name)) for name, mine in vars(self).items()})

    def __str__(self) -> str:
        limits = ", ".join(f"{self.upper_limits[band]:,} in {band}" for band in BANDS)
        missing = ", ".join(f"{self.missing[band]:,} in {band}" for band in BANDS)
        return (
            f"{self.stars:,} stars of {self.rows:,} rows; left out: {self.outside:,} outside the region, "
            f"{self.without_position:,} without position, {self.without_detection:,} without detection; "
            f"upper limits: {limits}; missing: {missing}"
        )


@dataclass(frozen=True)
class Catalog:
    """Stars with Galactic positions and 2MASS magnitudes.

    All arrays are contiguous, (stars,). Positions are float64: float32 would move stars at l > 256 deg by up to
    1.5e-5 deg, across the edges of cells. Magnitudes and errors are float32, and both are NaN where the star is
    not detected in the band.

    Parameters
    ----------
    l, b
        Galactic longitude and latitude (deg); l lies within 360 deg above the region's l_min, else in 0 to 360.
    J, H, Ks, J_error, H_error, Ks_error
        Magnitudes and their errors (mag, Vega).
    report
        What was left out.
    """

    l: np.ndarray
    b: np.ndarray
    J: np.ndarray
    H: np.ndarray
    Ks: np.ndarray
    J_error: np.ndarray
    H_error: np.ndarray
    Ks_error: np.ndarray
    report: Report = field(repr=False)

    #: Unit of each column.
    units: ClassVar[Mapping[str, str]] = MappingProxyType({"l": "deg", "b": "deg"} | dict.fromkeys(PHOTOMETRY, "mag"))

    def __len__(self) -> int:
        return len(self.l)


def read_catalog(path: str | Path, *, region: Region | None = None) -> Catalog:
    """Read the stars of a catalog, those of a region only if one is given.

    Parameters
    ----------
    path
        A FITS table, VOTable, CSV or ECSV, plain or gzipped, with the columns of VizieR II/246 (Jmag, e_Jmag, ...
        with GLON, GLAT or RAJ2000, DEJ2000) or of IRSA fp_psc (j_m, j_msigcom, ... with glon, glat or ra, dec),
        in any case and order. Equatorial positions are ICRS, in degrees; where both are present the Galactic ones
        are taken.
    region
        l_min, l_max, b_min, b_max (deg), edges included.

    Raises
    ------
    InputError
        When the file is missing, is no readable table, lacks a needed column, has no row, or has no star within
        the region; the sentence says which.

    Notes
    -----
    A band counts as detected when its magnitude lies between -10 and 40 and its error above 0 and below 9: in the
    2MASS Point Source Catalog an upper limit has an empty error, and copies of it write 9.999, 9.998 or -999.
    """
    table = open_table(path)
    stars = read_rows(table, region)
    if stars.report.outside + stars.report.without_position == len(table):
        raise _no_star(table, region)
    if not len(stars):
        msg = f"{path} has no star with a magnitude and its error in any of J, H and Ks; it cannot be mapped"
        raise InputError(msg)
    return stars


def read_rows(table: StarTable, region: Region | None = None) -> Catalog:
    """Read the stars of an open table, as `read_catalog` does, be there none."""
    blocks: dict[str, list[np.ndarray]] = {name: [np.empty(0, dtype)] for name, dtype in _DTYPES.items()}
    outside = without_position = without_detection = 0
    upper_limits, missing = dict.fromkeys(BANDS, 0), dict.fromkeys(BANDS, 0)
    for rows, l, b, inside in _positions(table, region):
        nowhere = int(np.count_nonzero(np.isnan(b)))
        without_position += nowhere
        outside += int(np.count_nonzero(~inside)) - nowhere
        stars = {"l": l[inside], "b": b[inside]}
        absent, limit = {}, {}
        for band in BANDS:
            magnitude = table.numbers(band, rows, np.float32)[inside]
            error = table.numbers(band + "_error", rows, np.float32)[inside]
            absent[band] = ~((magnitude > _BRIGHTEST) & (magnitude < _FAINTEST))
            limit[band] = ~absent[band] & ~((error > 0) & (error < _NO_ERROR))
            magnitude[absent[band] | limit[band]] = error[absent[band] | limit[band]] = np.nan
            stars |= {band: magnitude, band + "_error": error}
        detected = ~np.logical_and.reduce([np.isnan(stars[band]) for band in BANDS])
        without_detection += int(np.count_nonzero(~detected))
        for name, values in stars.items():
            blocks[name].append(values[detected])
        for band in BANDS:
            upper_limits[band] += int(np.count_nonzero(limit[band] & detected))
            missing[band] += int(np.count_nonzero(absent[band] & detected))
    kept = sum(map(len, blocks["l"]))
    report = Report(len(table), outside, without_position, without_detection, kept, upper_limits, missing)
    # Column by column, so that no more than one column is in memory twice.
    return Catalog(**{name: np.concatenate(blocks.pop(name)) for name in Catalog.units}, report=report)


def check_catalog(path: str | Path, region: Region | None = None) -> None:
    """Refuse in one sentence what `read_catalog` could not use, without reading more than it takes to know.

    Raises
    ------
    InputError
        As `read_catalog`, except that magnitudes are not looked at.
    """
    table = open_table(path)
    if not any(inside.any() for _, _, _, inside in _positions(table, region)):
        raise _no_star(table, region)


def _positions(table: StarTable, region: Region | None) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]:
    """Block by block: rows, l and b (deg, NaN where there is no position), and which lie within the region."""
    l_min, l_max, b_min, b_max = region or (0.0, 360.0, -90.0, 90.0)
    keys = ("l", "b") if "l" in table.columns else ("ra", "dec")
    for start in range(0, len(table), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(table)))
        l, b = (table.numbers(key, rows, np.float64) for key in keys)
        nowhere = ~((np.abs(b) <= 90) & (np.abs(l) <= 720))
        l[nowhere] = b[nowhere] = np.nan
        if keys == ("ra", "dec"):
            l, b = _galactic(l, b)
        l -= 360.0 * np.floor((l - l_min) / 360.0)
        yield rows, l, b, (l <= l_max) & (b >= b_min) & (b <= b_max)


def _galactic(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Galactic l and b (deg) of ICRS positions (deg)."""
    from astropy.coordinates import SkyCoord

    galactic = SkyCoord(ra, dec, unit="deg", frame="icrs").galactic
    return np.array(galactic.l.deg), np.array(galactic.b.deg)


def _no_star(table: StarTable, region: Region | None) -> InputError:
    """Word the refusal of a catalog that has no star in the region: it says where the catalog's stars are."""
    blocks = [(l[np.isfinite(b)], b[np.isfinite(b)]) for _, l, b, _ in _positions(table, None)]
    l, b = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    if region is None or not len(l):
        return InputError(f"{table.path} has no row with a position; it cannot be mapped")
    # A catalog across l = 0 is narrower when counted from -180 deg.
    l = min(l, (l + 180.0) % 360.0 - 180.0, key=np.ptp)
    return InputError(
        f"{table.path} has no star within l {region[0]:g} to {region[1]:g}, b {region[2]:g} to {region[3]:g} deg; "
        f"its own stars lie at l {l.min():.2f} to {l.max():.2f}, b {b.min():.2f} to {b.max():.2f} deg"
    )
