"""Catalogs in many files against the same rows in one."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys import partitions
from milkyway_cnn.surveys.catalog import Catalog, concatenate
from milkyway_cnn.surveys.partitions import check_partitions, open_partitions, read_partition
from milkyway_cnn.surveys.read import read_catalog

REGION = (280.0, 284.0, -1.0, 1.0)


def stars(n: int, seed: int = 1) -> pa.Table:
    """Rows of 2MASS in and around the region: some without position, error, magnitude or quality."""
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {"GLON": rng.uniform(278, 286, n), "GLAT": rng.uniform(-2, 2, n)}
    columns["GLON"][rng.random(n) < 0.05] = np.nan
    for band in "JHK":
        magnitude = rng.uniform(8, 17, n).astype(np.float32)
        columns[f"{band}mag"] = pa.array(magnitude, mask=rng.random(n) < 0.05)  # null
        columns[f"e_{band}mag"] = np.where(rng.random(n) < 0.1, np.nan, 0.03).astype(np.float32)
    quality = np.array(["AAA", "AUB", "EEE", ""])[rng.integers(0, 4, n)]
    columns["Qflg"] = pa.array(quality, mask=quality == "").dictionary_encode()
    return pa.table(columns)


def write(table: pa.Table, folder: Path, files: int = 3, row_group: int = 100) -> Path:
    for number, rows in enumerate(np.array_split(np.arange(len(table)), files)):
        path = folder / f"part={number % 2}" / f"{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.take(rows), path, row_group_size=row_group)
    return folder


def read(catalog: partitions.PartitionedCatalog) -> Catalog:
    parts = [part for item in catalog.partitions for part in read_partition(item, catalog.columns, catalog.region)]
    return concatenate(parts)


def as_rows(catalog: Catalog) -> list[tuple]:
    """Stars in an order of their own; NaN as None, which equals itself."""
    values = np.stack([catalog.l, catalog.b, *catalog.columns.values()])
    return sorted((tuple(None if np.isnan(x) else x for x in row) for row in values.T.tolist()), key=repr)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1), rows=st.integers(30, 400), files=st.integers(1, 5), row_group=st.integers(1, 200)
)
def test_pieces_are_the_whole(tmp_path_factory, seed, rows, files, row_group):
    folder = tmp_path_factory.mktemp("catalog")
    table = stars(rows, seed)
    pq.write_table(table, folder / "whole.parquet")
    whole = read_catalog(folder / "whole.parquet", region=REGION)
    opened = open_partitions(write(table, folder / "parts", files, row_group), REGION)
    pieces = read(opened)
    assert as_rows(pieces) == as_rows(whole)
    assert pieces.report.masked == whole.report.masked
    assert pieces.report.rows + opened.skipped == whole.report.rows


def test_row_groups_off_the_region_are_not_read(tmp_path):
    table = stars(1000).sort_by("GLON")
    folder = write(table, tmp_path / "sorted", 2, 50)
    opened = open_partitions(folder, REGION)
    assert 450 <= opened.skipped <= 600  # half of the rows lie off in longitude
    pq.write_table(table, tmp_path / "whole.parquet")
    assert as_rows(read(opened)) == as_rows(read_catalog(tmp_path / "whole.parquet", region=REGION))
    turned = open_partitions(folder, (280.0 - 360, 284.0 - 360, -1.0, 1.0))
    assert turned.partitions == opened.partitions
    assert open_partitions(folder).skipped == 0


def test_partitions_hold_whole_row_groups_of_about_a_million_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "_PARTITION", 250)
    opened = open_partitions(write(stars(1000), tmp_path / "c", 1, 100))
    assert [part.rows for part in opened.partitions] == [200] * 5
    assert opened.partitions[1].groups == (2, 3)


def test_hidden_files_are_left_out_and_units_of_the_files_count(tmp_path):
    table = stars(50)
    field = pa.field("GLON", pa.float64(), metadata={"unit": "rad"})
    radians = table.set_column(0, field, pa.array(np.radians(table["GLON"].to_numpy())))
    folder = write(radians, tmp_path / "c")
    pq.write_table(table, folder / "_everything.parquet")
    (folder / ".trash").mkdir()
    pq.write_table(table, folder / ".trash" / "0.parquet")
    pieces = read(open_partitions(folder, REGION))
    pq.write_table(table, tmp_path / "whole.parquet")
    whole = read_catalog(tmp_path / "whole.parquet", region=REGION)
    assert len(pieces) == len(whole) > 5
    np.testing.assert_allclose(np.sort(pieces.l), np.sort(whole.l), rtol=1e-14)


def test_what_is_no_partitioned_catalog_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*nowhere; a partitioned catalog is"):
        open_partitions(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no parquet file"):
        open_partitions(tmp_path)
    folder = write(stars(300), tmp_path / "c")
    with pytest.raises(InputError, match=r"has no star within l 10 to 20, b -1 to 1 deg; give the catalog of another"):
        check_partitions(folder, (10, 20, -1, 1))
    with pytest.raises(InputError, match=r"has no star within l 300 to 301"):
        check_partitions(write(stars(300), tmp_path / "e", 1, 300), (300, 301, -1, 1))
    check_partitions(folder, REGION)
    with pytest.raises(InputError, match="lacks columns; needed"):
        check_partitions(write(stars(30).drop_columns(["Jmag"]), tmp_path / "d"), REGION)
    other = folder / "part=0" / "2.parquet"
    pq.write_table(stars(30).drop_columns(["Kmag"]), other)
    with pytest.raises(InputError, match=r"2.parquet lacks the columns Kmag that other files of its catalog have"):
        read(open_partitions(folder, REGION))
    hats = tmp_path / "archive" / "survey"
    hats.mkdir(parents=True)
    (hats / "hats.properties").write_text("")
    with pytest.raises(InputError, match=r"archive is no catalog but holds some, such as .*survey; give one of them"):
        open_partitions(tmp_path / "archive")
    with pytest.raises(InputError, match=r"survey cannot be opened as a HATS catalog \(.*\); fetch its properties"):
        open_partitions(hats)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_damaged_files_are_refused(tmp_path, keep):
    folder = write(stars(300), tmp_path / "c")
    path = folder / "part=0" / "2.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(InputError, match=r"2.parquet cannot be read as parquet \(.*\); fetch this file"):
        open_partitions(folder)


@settings(max_examples=30)
@given(place=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_any_changed_byte_is_read_or_refused(tmp_path_factory, place, byte):
    folder = write(stars(200), tmp_path_factory.mktemp("c"), 1)
    path = folder / "part=0" / "0.parquet"
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    path.write_bytes(content)
    try:
        catalog = read(open_partitions(folder))
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert catalog.report.rows == 200


@pytest.fixture(scope="module")
def hats(tmp_path_factory):
    """A HATS collection with a margin, which holds rows twice, and the same rows in one file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of lsdb and nested-pandas, with pandas 3
        import lsdb

        folder = tmp_path_factory.mktemp("hats")
        table = stars(3000)
        table = table.filter(pa.compute.is_finite(table["GLON"]))
        icrs = SkyCoord(table["GLON"], table["GLAT"], unit="deg", frame="galactic").icrs
        for name, values in (("RAJ2000", icrs.ra.deg), ("DEJ2000", icrs.dec.deg)):
            table = table.append_column(name, pa.array(values))
        table = table.set_column(table.column_names.index("Qflg"), "Qflg", table["Qflg"].cast(pa.string()))
        pq.write_table(table, folder / "whole.parquet")
        catalog = lsdb.from_dataframe(
            table.to_pandas(), ra_column="RAJ2000", dec_column="DEJ2000", partition_rows=500, margin_threshold=600
        )
        catalog.write_catalog(folder / "survey", catalog_name="survey", progress_bar=False)
    return folder


def test_hats_catalogs_are_read_without_their_margins(hats):
    whole = read_catalog(hats / "whole.parquet", region=REGION)
    opened = open_partitions(hats / "survey", REGION)
    assert as_rows(read(opened)) == as_rows(whole)
    assert len(opened.partitions) > 2
    everything = open_partitions(hats / "survey" / "survey")
    assert everything.skipped == 0
    assert sum(part.rows for part in everything.partitions) == opened.skipped + sum(p.rows for p in opened.partitions)
    corner = open_partitions(hats / "survey", (285.5, 285.6, 1.8, 1.9))
    assert corner.skipped > 0 and len(corner.partitions) < len(everything.partitions)


def test_lsdb_catalogs_are_read_as_they_stand(hats):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lsdb

        catalog = lsdb.open_catalog(hats / "survey", columns="all").query("Jmag < 12")
    bright = read(open_partitions(catalog, REGION))
    whole = read_catalog(hats / "whole.parquet", region=REGION)
    J = pq.read_table(hats / "whole.parquet", columns=["Jmag"])["Jmag"].to_numpy()
    assert bright.report.rows == np.count_nonzero(J < 12)
    kept = [row for row, J in zip(as_rows(whole), whole["J"], strict=True) if J is not None]
    assert set(as_rows(bright)) < set(as_rows(whole)) and 0 < len(bright) < len(kept)
