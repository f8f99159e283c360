from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys import columns
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.read import read_catalog
from milkyway_cnn.surveys.write import FORMATS, ROW, write_catalog, writing_catalog

ORION = Path(__file__).parents[2].parent / "shared" / "data" / "2mass" / "pnicer_Orion_A_2mass.fits"


def rows(n: int) -> np.ndarray:
    random = np.random.default_rng(n)
    table = np.zeros(n, ROW)
    for name in ROW.names:
        table[name] = random.uniform(0.1, 8, n)
    return table


@pytest.mark.parametrize("pieces", [(0,), (1,), (72, 72), (100, 0, 45, 3)])
def test_pieces_become_one_table(tmp_path, pieces):
    path = tmp_path / "stars.fits"
    tables = [rows(n) for n in pieces]
    with writing_catalog(path) as append:
        for table in tables:
            append(table)
        assert not path.exists()
    assert path.stat().st_size % 2880 == 0
    with fits.open(path) as file:
        file.verify("exception")
        np.testing.assert_array_equal(file[1].data.view(ROW), np.concatenate(tables))


def test_native_byte_order_is_welcome_and_the_reader_agrees(tmp_path):
    table = rows(50)
    with writing_catalog(tmp_path / "stars.fits") as append:
        append(table.astype(ROW.newbyteorder("=")))
    catalog = read_catalog(tmp_path / "stars.fits")
    np.testing.assert_array_equal(catalog.l, table["GLON"])
    np.testing.assert_array_equal(catalog["Ks_error"], table["e_Kmag"])


def test_what_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "stars.fits"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), writing_catalog(path) as append:
        append(rows(3))
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["stars.fits"] and path.read_text() == "old"


def test_the_table_looks_like_a_published_one(tmp_path):
    if not ORION.exists():
        pytest.skip(f"needs {ORION.name} of the shared data")
    with writing_catalog(tmp_path / "stars.fits") as append:
        append(rows(1))
    with fits.open(ORION) as published, fits.open(tmp_path / "stars.fits") as ours:
        assert ours[1].columns.info("name,format,unit", output=False) == published[1].columns.info(
            "name,format,unit", output=False
        )


def measured(surveys: tuple[str, ...], n: int = 300) -> Catalog:
    random = np.random.default_rng(n)
    values_of = {}
    for survey in surveys:
        for key in (key for key in columns_of(survey) if not key.endswith("_error")):
            low, high = (-5, 30) if key != "parallax" else (-2, 20)
            values = random.uniform(low, high, n).astype(np.float32)
            values[len(values_of) :: 9] = np.nan  # never all bands of a star
            errors = random.uniform(0.001, 1, n).astype(np.float32)
            values_of |= {key: values, f"{key}_error": np.where(np.isnan(values), np.float32(np.nan), errors)}
    order = [key for survey in surveys for key in columns_of(survey)]
    b = np.degrees(np.arcsin(random.uniform(-1, 1, n)))
    return Catalog(random.uniform(0, 360, n), b, {key: values_of[key] for key in order})


def columns_of(survey: str) -> list[str]:
    return [key for key in columns.measured(survey) if not key.startswith("BP-RP")]


@pytest.mark.parametrize("zipped", ["", ".gz"])
@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("surveys", [("2mass",), ("gaia",), ("panstarrs",), ("2mass", "gaia", "panstarrs")])
def test_what_is_written_is_read_bit_for_bit(tmp_path, suffix, zipped, surveys):
    stars = measured(surveys)
    path = tmp_path / f"stars{suffix}{zipped}"
    write_catalog(stars, path)
    first = path.read_bytes()
    read = read_catalog(path, cuts=[])
    assert read.surveys == surveys and list(read.columns) == list(stars.columns)
    assert read.report.rows == read.report.stars == len(stars)
    np.testing.assert_array_equal(read.l, stars.l)
    np.testing.assert_array_equal(read.b, stars.b)
    for name, values in stars.columns.items():
        assert read[name].dtype == np.float32
        np.testing.assert_array_equal(read[name], values, err_msg=name)
    write_catalog(read, path)
    assert path.read_bytes() == first and [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"stars.txt has a suffix of no format for catalogs; choose from .fits, .vot"):
        write_catalog(measured(("2mass",)), tmp_path / "stars.txt")


@pytest.mark.parametrize("name", ["2mass/pnicer_Orion_A_2mass.fits", "gaia/asteca_field_ngc103_gaiadr3.csv"])
def test_published_catalogs_come_back(tmp_path, name):
    path = ORION.parents[1] / name
    if not path.exists():
        pytest.skip(f"needs {name} of the shared data")
    stars = read_catalog(path)
    write_catalog(stars, tmp_path / "stars.parquet")
    again = read_catalog(tmp_path / "stars.parquet")
    assert len(again) == len(stars) and list(again.columns) == list(stars.columns)
    assert all(np.array_equal(again[name], stars[name], equal_nan=True) for name in stars.columns)
