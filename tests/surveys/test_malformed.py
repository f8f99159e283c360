"""Damaged files at every reader: one clear sentence, and never fewer rows in silence."""

from __future__ import annotations

import gzip
import json
import os
from itertools import pairwise

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.catalog import Catalog, Report
from milkyway_cnn.surveys.columns import recognize
from milkyway_cnn.surveys.cuts import Cut
from milkyway_cnn.surveys.normalize import normalize
from milkyway_cnn.surveys.read import check_catalog, read_catalog
from milkyway_cnn.surveys.write import FORMATS, write_catalog

ROWS = 60
TEXT = (".csv", ".ecsv", ".tbl")
relaxed = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def stars() -> Catalog:
    rng = np.random.default_rng(1)
    columns = {band: rng.uniform(10, 15, ROWS).astype(np.float32) for band in ("J", "H", "Ks")}
    columns |= {f"{band}_error": np.full(ROWS, 0.05, np.float32) for band in ("J", "H", "Ks")}
    return Catalog(rng.uniform(0, 360, ROWS), rng.uniform(-90, 90, ROWS), columns)


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """The bytes of one catalog in each format."""
    folder = tmp_path_factory.mktemp("whole")
    for suffix in FORMATS:
        write_catalog(stars(), folder / f"stars{suffix}")
    stars().table().write(folder / "stars.tbl", format="ascii.ipac")
    values = stars().table()
    names = values.colnames
    rows = [[float(getattr(values[name][n], "value", values[name][n])) for name in names] for n in range(ROWS)]
    (folder / "stars.json").write_text(json.dumps({"info": [{"name": name} for name in names], "data": rows}))
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


def reading(path) -> Report | str:
    """Report of what is read, or the sentence of the refusal; any other exception is a failure."""
    try:
        return read_catalog(path, cuts=[]).report
    except InputError as error:
        assert "\n" not in str(error) and str(path) in str(error)
        return str(error)


SUFFIXES = [".fits", ".vot", ".csv", ".ecsv", ".tbl", ".json", ".parquet", ".h5"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_whole_files_are_whole(tmp_path, whole, suffix):
    for name, content in (("plain", whole[suffix]), ("zipped", gzip.compress(whole[suffix]))):
        (tmp_path / name).write_bytes(content)
        report = reading(tmp_path / name)
        assert isinstance(report, Report) and report.rows == ROWS and not report.remarks, report


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != ".h5"])
@relaxed
@given(share=st.floats(0, 1, exclude_max=True))
def test_truncated_files_lose_no_row_in_silence(tmp_path, whole, suffix, zipped, share):
    content = gzip.compress(whole[suffix], mtime=0) if zipped else whole[suffix]
    part = content[: int(share * len(content))]
    (tmp_path / "part").write_bytes(part)
    report = reading(tmp_path / "part")
    if isinstance(report, str) or report.rows == ROWS:
        return
    # Text says of no line that it is the last; only one without an end tells.
    assert suffix in TEXT and not zipped
    assert part.endswith(b"\n") or "the last line has no end" in str(report)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != ".h5"])
@relaxed
@given(changes=st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_bytes(tmp_path, whole, suffix, zipped, changes):
    damaged = bytearray(gzip.compress(whole[suffix], mtime=0) if zipped else whole[suffix])
    for place, value in changes:
        damaged[place % len(damaged)] = value
    (tmp_path / "damaged").write_bytes(damaged)
    report = reading(tmp_path / "damaged")
    assert isinstance(report, str) or report.rows == report.stars + sum(report.dropped.values())


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.99])
def test_truncated_hdf5_is_refused(tmp_path, whole, share):
    (tmp_path / "part").write_bytes(whole[".h5"][: int(share * len(whole[".h5"]))])
    assert isinstance(reading(tmp_path / "part"), str)


# Few, for another process reads each first: the library itself ends or hangs on some.
@settings(relaxed, max_examples=6)
@given(changes=st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_bytes_of_hdf5(tmp_path, whole, changes):
    damaged = bytearray(whole[".h5"])
    for place, value in changes:
        damaged[place % len(damaged)] = value
    (tmp_path / "damaged").write_bytes(damaged)
    reading(tmp_path / "damaged")


@pytest.mark.parametrize("line", [1, 30, 60])
def test_a_short_line_of_csv_is_refused(tmp_path, whole, line):
    lines = whole[".csv"].decode().splitlines()
    lines[line] = lines[line].rpartition(",")[0]
    (tmp_path / "short.csv").write_text("\n".join(lines) + "\n")
    assert "cannot be read as a table of stars" in reading(tmp_path / "short.csv")


names = st.sampled_from(
    [
        "Jmag",
        "e_Jmag",
        "j_m",
        "Gmag",
        "gmag",
        "GMAG",
        "e_Gmag",
        "BP-RP",
        "Plx",
        "parallax",
        "parallax_error",
        "ra",
        "dec",
        "RA_ICRS",
        "DE_ICRS",
        "l",
        "b",
        "GLON",
        "GLAT",
        "lambda",
        "beta",
        "Qflg",
        "Rflg",
        "Aflg",
        "ruwe",
        "Solved",
        "Dup",
        "nDetections",
        "iMeanPSFMag",
        "iMeanPSFMagErr",
        "phot_g_mean_flux_over_error",
    ]
)
columns = st.one_of(
    st.lists(st.one_of(st.floats(width=32), st.floats(-100, 400)), min_size=4, max_size=4).map(np.array),
    st.lists(st.integers(-1000, 1000), min_size=4, max_size=4).map(np.array),
    st.lists(st.sampled_from(["AAA", "UUU", "", "222", "True", "false", "x", "12.5"]), min_size=4, max_size=4).map(
        np.array
    ),
    st.just(np.zeros((4, 3))),
    st.just(np.array([True, False, True, True])),
    st.just(np.ma.masked_array([12.0, 13.0, 14.0, 15.0], [True, False, True, False])),
    st.just(np.array([1, "a", None, 2.0], dtype=object)),
)


@settings(relaxed, max_examples=200)
@given(table=st.dictionaries(names, columns, max_size=12))
@example(table={name: np.ones(4) for name in ("Jmag", "e_Jmag", "GLON", "GLAT")} | {"Qflg": np.zeros((4, 3))})
def test_any_columns(table):
    try:
        found = recognize(table)
        catalog = normalize(table, found, origin="here")
    except InputError as error:
        assert "\n" not in str(error)
        return
    report = catalog.report
    assert report.rows == 4 == report.stars + sum(report.dropped.values())
    assert ((catalog.l >= 0) & (catalog.l <= 360) & (np.abs(catalog.b) <= 90)).all()
    for name, values in catalog.columns.items():
        assert values.dtype == np.float32 and not np.isinf(values).any(), name
    for band in catalog.bands:
        assert sum(report.masked[band].values()) == np.isnan(catalog[band]).sum()


@settings(relaxed, max_examples=60)
@given(rows=st.lists(st.integers(0, ROWS), max_size=4), region_l=st.floats(-180, 360), width=st.floats(0.1, 360))
def test_pieces_add_up(rows, region_l, width):
    table = {name: np.asarray(getattr(values, "value", values)) for name, values in stars().table().items()}
    found = recognize(table)
    region = (region_l, region_l + width, -60, 80)
    bounds = [0, *sorted(rows), ROWS]
    parts = [
        normalize({name: values[a:b] for name, values in table.items()}, found, region=region)
        for a, b in pairwise(bounds)
    ]
    total = parts[0].report
    for part in parts[1:]:
        total += part.report
    assert total == normalize(table, found, region=region).report


def test_pandas_frames_are_tables_too():
    pandas = pytest.importorskip("pandas")
    frame = stars().table().to_pandas()
    frame.loc[3, "J"] = np.nan
    frame["Aflg"] = pandas.array([1, None] + [0] * (ROWS - 2), dtype="Int64")
    frame["Qflg"] = pandas.array(["AAU", None] + ["AAA"] * (ROWS - 2), dtype="string")
    catalog = normalize(frame, recognize(frame.columns))
    assert catalog.report.dropped["Aflg above 0"] == 1 and len(catalog) == ROWS - 1
    assert catalog.report.masked["J"]["missing"] == 1
    kept = normalize(frame, recognize(frame.columns), cuts=[Cut("Qflg", ("Ks",), "A", 2)])
    assert kept.report.masked["Ks"]["Qflg not A"] == 1


def test_files_of_several_tables_ask_which(tmp_path):
    table = Table(stars().table())
    both = fits.HDUList([fits.PrimaryHDU(), *(fits.table_to_hdu(table[:n]) for n in (20, 30))])
    both[1].name, both[2].name = "north", "south"
    both.writeto(tmp_path / "both.fits")
    assert "holds 2 tables (NORTH, SOUTH); choose one with part" in reading(tmp_path / "both.fits")
    assert len(read_catalog(tmp_path / "both.fits", part="south")) == 30
    for rows, place in ((ROWS, "north"), (7, "deep/south")):
        table[:rows].write(tmp_path / "both.h5", path=place, format="hdf5", append=True, serialize_meta=True)
    assert "holds 2 tables (deep/south, north); choose one with part" in reading(tmp_path / "both.h5")
    assert len(read_catalog(tmp_path / "both.h5", part="deep/south")) == 7


def test_a_table_that_its_service_cut_off_is_not_mapped(tmp_path, whole):
    info = b'<RESOURCE type="results"><INFO name="QUERY_STATUS" value="OVERFLOW"/>'
    content = whole[".vot"].replace(b'<RESOURCE type="results">', info)
    assert content != whole[".vot"]
    (tmp_path / "cut.vot").write_bytes(content)
    assert "the service cut the table off at its row limit (OVERFLOW)" in str(reading(tmp_path / "cut.vot"))
    with pytest.raises(InputError, match="cannot be mapped: the service cut the table off"):
        check_catalog(tmp_path / "cut.vot")
    failed = info.replace(b'"OVERFLOW"/>', b'"ERROR">Table is locked</INFO>')
    (tmp_path / "failed.vot").write_bytes(whole[".vot"].replace(b'<RESOURCE type="results">', failed))
    assert "holds the error of a service, not stars: Table is locked" in reading(tmp_path / "failed.vot")


@pytest.mark.parametrize(("unit", "per_degree"), [("arcmin", 60.0), ("rad", np.pi / 180), ("uas", 3.6e9)])
def test_units_are_made_one(tmp_path, unit, per_degree):
    table = Table(stars().table())
    table["l"] = np.array(table["l"]) * per_degree
    table["l"].unit = unit
    table.write(tmp_path / "stars.ecsv")
    np.testing.assert_allclose(read_catalog(tmp_path / "stars.ecsv").l, stars().l, rtol=1e-12)


def test_units_of_another_kind_are_refused(tmp_path):
    table = Table(stars().table())
    table["l"].unit = "Jy"
    table.write(tmp_path / "stars.ecsv")
    assert "has the unit 'Jy'; l is read in deg" in reading(tmp_path / "stars.ecsv")


def test_what_is_asked_for_must_be_known(tmp_path, whole):
    (tmp_path / "stars.csv").write_bytes(whole[".csv"])
    for options, message in (
        ({"survey": "2MASS"}, "there is no survey '2MASS'; choose from 2mass, gaia, panstarrs"),
        ({"columns": {"K": "Ks"}}, "there is no column 'K' to read; choose from"),
        ({"columns": {"G": "Ks mag"}}, r"has no column 'Ks mag' for G; it has l, b, J"),
        ({"survey": "gaia"}, r"lacks columns; needed, .* G \(Gmag or phot_g_mean_mag or G\)"),
    ):
        with pytest.raises(InputError, match=message):
            read_catalog(tmp_path / "stars.csv", **options)


def test_unreadable_files_are_refused(tmp_path, whole):
    (tmp_path / "stars.csv").write_bytes(whole[".csv"])
    (tmp_path / "stars.csv").chmod(0)
    if os.access(tmp_path / "stars.csv", os.R_OK):
        pytest.skip("this user may read everything")
    assert "cannot be read" in reading(tmp_path / "stars.csv")
