from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from milkyway_cnn.surveys.read import read_catalog
from milkyway_cnn.surveys.write import ROW, writing_catalog

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
