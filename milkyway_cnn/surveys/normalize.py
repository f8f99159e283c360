"""From any table of stars to this package's columns: Galactic positions, units, masks, and what was left out.

`normalize` takes the rows of anything that has columns by name: an astropy table, a pandas frame of a partition, a
mapping of arrays. Readers, downloads and partitioned catalogs all go through it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.catalog import Catalog, Report
from milkyway_cnn.surveys.columns import BANDS, Source, measured, surveys_of, unit_of
from milkyway_cnn.surveys.cuts import CUTS, Cut

__all__ = ["Region", "galactic_positions", "normalize"]

#: l_min, l_max, b_min, b_max (deg); longitudes below 0 or beyond 360 continue a region across l = 0.
Region = tuple[float, float, float, float]

#: Errors from here on are signs for "no error" (9.998, 9.999, 99.99), as are zero and below (-999).
_NO_ERROR = 9.0
#: Magnitudes beyond these are signs for "missing" (-999, 99.999); parallaxes beyond 900 mas are no star's.
_RANGE = {"mag": (-10.0, 40.0), "mas": (-900.0, 900.0)}
#: Magnitude error of a flux whose signal-to-noise ratio is 1: 2.5 / ln(10).
_POGSON = np.float32(2.5 / np.log(10.0))


def normalize(
    block: Any,
    columns: Mapping[str, Source],
    *,
    region: Region | None = None,
    cuts: Sequence[Cut] | None = None,
    origin: str = "the table",
) -> Catalog:
    """Read the stars of some rows.

    Parameters
    ----------
    block
        Rows: `block[name]` is a column with one value a row.
    columns
        As `columns.recognize` returns them.
    region
        l_min, l_max, b_min, b_max (deg), edges included; by default the whole sky.
    cuts
        Quality cuts in place of `cuts.CUTS`; those whose flag is not among the columns are left out.
    origin
        What errors call the table.

    Raises
    ------
    InputError
        When a column holds text or arrays, or has a unit of another kind.

    Notes
    -----
    A magnitude is taken when it lies between -10 and 40 and its error above 0 and below 9: in the 2MASS Point
    Source Catalog an upper limit has an empty error, and copies of it write 9.999, 9.998 or -999. Where the table
    has no errors at all, magnitudes are taken without. Errors of the Gaia archive are 2.5 / ln(10) over the
    signal-to-noise ratio of the flux.
    """
    l, b, inside = galactic_positions(block, columns, region, origin)
    nowhere = int(np.count_nonzero(np.isnan(b)))
    dropped = {"outside the region": len(l) - nowhere - int(np.count_nonzero(inside)), "without position": nowhere}

    def read(key: str) -> np.ndarray:
        return _numbers(block, columns[key], key, np.float32, origin)[inside]

    surveys = surveys_of(columns)
    found: dict[str, np.ndarray] = {}
    reasons: dict[str, dict[str, np.ndarray]] = {}
    for key in (key for survey in surveys for key in measured(survey) if key in columns):
        if key.endswith("_error"):
            continue
        found[key] = read(key)
        lowest, highest = _RANGE[unit_of(key)]
        absent = ~((found[key] > lowest) & (found[key] < highest))
        reasons[key] = {"missing": absent}
        error = _error(key, columns, read)
        if error is not None:
            limit = ~absent & ~((error > 0) & (error < (_NO_ERROR if unit_of(key) == "mag" else np.inf)))
            reasons[key] = {"upper limit" if unit_of(key) == "mag" else "without error": limit, "missing": absent}
            found[f"{key}_error"] = error
    kept = np.ones(int(np.count_nonzero(inside)), bool)
    flags: dict[tuple[str, bool], np.ndarray] = {}
    for cut in [cut for survey in surveys for cut in CUTS[survey]] if cuts is None else cuts:
        if cut.flag not in columns:
            continue
        flag = cut.flag, bool(cut.accepted)
        if flag not in flags:
            reader = _texts if cut.accepted else _numbers
            flags[flag] = reader(block, columns[cut.flag], cut.flag, np.float64, origin)[inside]
        failing = cut.fails(flags[flag])
        for key in cut.masks:
            if key in reasons:
                earlier = np.logical_or.reduce(list(reasons[key].values()))
                reasons[key][cut.reason] = failing & ~earlier
        if not cut.masks:
            dropped[cut.reason] = int(np.count_nonzero(failing & kept))
            kept &= ~failing
    for key, masks in reasons.items():
        masked = np.logical_or.reduce(list(masks.values()))
        for name in (key, f"{key}_error"):
            if name in found:
                found[name][masked] = np.nan
    bands = [key for survey in surveys for key in BANDS[survey] if key in found]
    detected = ~np.logical_and.reduce([np.isnan(found[band]) for band in bands])
    dropped["without detection"] = int(np.count_nonzero(kept & ~detected))
    kept &= detected
    order = [key for survey in surveys for key in measured(survey) if key in found]
    masked_stars = {
        key: {reason: int(np.count_nonzero(mask & kept)) for reason, mask in masks.items()}
        for key, masks in reasons.items()
    }
    report = Report(len(l), int(np.count_nonzero(kept)), dropped, masked_stars)
    return Catalog(l[inside][kept], b[inside][kept], {key: found[key][kept] for key in order}, report)


def _error(key: str, columns: Mapping[str, Source], read: Any) -> np.ndarray | None:
    if f"{key}_error" in columns:
        return read(f"{key}_error")
    if f"{key}_snr" in columns:
        with np.errstate(divide="ignore"):
            return _POGSON / read(f"{key}_snr")
    return None


def galactic_positions(
    block: Any, columns: Mapping[str, Source], region: Region | None, origin: str = "the table"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Galactic l and b (deg, NaN where there is no position), and which rows lie within the region.

    l lies within 360 deg above the region's l_min. Equatorial positions are ICRS; where a table has both the
    Galactic ones are taken.
    """
    l_min, l_max, b_min, b_max = region or (0.0, 360.0, -90.0, 90.0)
    frames = (("galactic", "l", "b"), ("icrs", "ra", "dec"), ("barycentricmeanecliptic", "lambda", "beta"))
    frame, *keys = next(frame for frame in frames if frame[1] in columns and frame[2] in columns)
    l, b = (_numbers(block, columns[key], key, np.float64, origin) for key in keys)
    nowhere = ~((np.abs(b) <= 90) & (np.abs(l) <= 720))
    l[nowhere] = b[nowhere] = np.nan
    if frame != "galactic":
        from astropy.coordinates import SkyCoord

        galactic = SkyCoord(l, b, unit="deg", frame=frame).galactic
        l, b = np.array(galactic.l.deg), np.array(galactic.b.deg)
    l -= 360.0 * np.floor((l - l_min) / 360.0)
    return l, b, (l <= l_max) & (b >= b_min) & (b <= b_max)


def _column(block: Any, name: str) -> Any:
    """Column of a name, or one element of an array column: `mag[3]`."""
    try:
        return block[name]
    except (KeyError, ValueError):
        array, _, element = name.rpartition("[")
        return np.asarray(block[array])[:, int(element[:-1])]


def _numbers(block: Any, source: Source, key: str, dtype: type, origin: str) -> np.ndarray:
    """Copy a column, in native byte order and the unit of catalogs, missing values as NaN."""
    column = _column(block, source.name)
    shown = " ".join(str(next(iter(column[:1]), "")).split())[:40]
    msg = f"column {source.name} of {origin} holds {shown!r}; it must hold one decimal number in each row"
    if column.ndim != 1 or getattr(column.dtype, "kind", "O") == "c":
        raise InputError(msg)
    try:
        with np.errstate(over="ignore"):
            if hasattr(column, "to_numpy"):  # pandas, whose missing values have a sign of their own
                values = column.to_numpy(dtype=dtype, na_value=np.nan, copy=True)
            else:
                plain = np.ma.asarray(column)
                if plain.dtype.kind in "SUO" and key == "duplicated":
                    plain = np.ma.masked_array(np.char.lower(plain.astype("U5")) == "true", np.ma.getmaskarray(plain))
                values = np.array(np.ma.filled(plain.astype(dtype), np.nan))
    except (TypeError, ValueError):
        raise InputError(msg) from None
    factor = _factor(source, getattr(column, "unit", None), key, origin)
    if factor != 1.0:
        values *= dtype(factor)
    return values


def _factor(source: Source, unit: Any, key: str, origin: str) -> float:
    """Factor from the unit of a file's column to that of catalogs."""
    from astropy import units as u

    given, wanted = source.unit or unit, unit_of(key)
    if not given or not wanted or str(given) == wanted:
        return 1.0
    try:
        given = u.Unit(given)
        return float(getattr(given, "function_unit", given).to(u.Unit(wanted)))
    except (ValueError, TypeError):
        msg = f"column {source.name} of {origin} has the unit {str(given)!r}; {key} is read in {wanted}"
        raise InputError(msg) from None


def _texts(block: Any, source: Source, key: str, dtype: type, origin: str) -> np.ndarray:
    """Flags of letters as text, empty where missing. Readers that took 000 for a number lost zeros in front."""
    column = _column(block, source.name)
    if hasattr(column, "to_numpy"):
        column = column.to_numpy(dtype=object, na_value="")
    values = np.ma.asarray(column)
    if values.ndim != 1:
        msg = f"column {source.name} of {origin} holds arrays; it must hold one flag in each row"
        raise InputError(msg)
    mask = np.ma.getmaskarray(values)
    if values.dtype.kind in "iuf":
        texts = np.array([f"{int(value):03d}" if np.isfinite(value) else "" for value in values.data], "U3")
    elif values.dtype.kind == "S":
        texts = np.char.decode(values.data, "ascii", "replace")
    else:
        texts = values.data.astype(str)
    return np.where(mask, "", np.char.strip(texts))
