"""Diagrams and color excess of a catalog in many files against those of the same rows in one."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from milkyway_cnn.comparison import bare_control, catalog_color_excess, color_excess
from milkyway_cnn.diagrams import observe_cells
from milkyway_cnn.errors import InputError
from milkyway_cnn.reduction import observe_catalog
from milkyway_cnn.sightlines import Cones, Grid, Healpix
from milkyway_cnn.surveys.read import read_catalog
from tests.surveys.test_partitions import REGION, stars, write

GRID = Grid(*REGION, 0.5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "whole.parquet"
    pq.write_table(stars(20_000), path)
    return path


@pytest.fixture(scope="module")
def parts(whole):
    return write(pq.read_table(whole), whole.parent / "parts", 5, 1000)


def test_diagrams_are_those_of_one_file(whole, parts):
    catalog = read_catalog(whole, region=REGION)
    expected = observe_cells(catalog, GRID)
    assert int(expected["stars"].sum()) > 500
    for path in (whole, parts):
        observed, report = observe_catalog(path, GRID)
        xr.testing.assert_identical(observed, expected)
        assert (report.rows, report.stars, report.masked) == (20_000, len(catalog), catalog.report.masked)
        assert report.stars + sum(report.dropped.values()) == report.rows


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), files=st.integers(1, 6), row_group=st.integers(50, 2000))
def test_division_and_order_of_the_rows_do_not_matter(tmp_path_factory, seed, files, row_group):
    folder = tmp_path_factory.mktemp("catalog")
    table = stars(2000)
    shuffled = table.take(np.random.default_rng(seed).permutation(len(table)))
    pq.write_table(table, folder / "whole.parquet")
    write(shuffled, folder / "parts", files, row_group)
    control = bare_control(282.0, 0.0, 1, 0.05)
    one, other = (observe_catalog(folder / name, GRID)[0] for name in ("whole.parquet", "parts"))
    xr.testing.assert_identical(one, other)
    one, other = (
        catalog_color_excess(folder / name, GRID, control, method="nicer") for name in ("whole.parquet", "parts")
    )
    xr.testing.assert_identical(one, other)


@pytest.mark.parametrize("cells", [Cones(((281.0, 0.2), (283.3, -0.5)), 0.4), Healpix.within(REGION, 64)])
def test_cells_of_any_kind_and_several_diagrams(whole, parts, cells):
    kinds = ("2mass", "H-Ks/J")
    expected = observe_cells(read_catalog(whole), cells, kinds)
    observed, _ = observe_catalog(parts, cells, kinds)
    xr.testing.assert_identical(observed, expected)
    assert observed.sizes["channel"] == 2


def test_color_excess_is_that_of_the_stars_in_memory(parts, whole):
    catalog = read_catalog(whole, region=REGION)
    control = bare_control(282.0, 0.0, 1)
    expected = color_excess(catalog.l, catalog.b, catalog["J"], catalog["H"], catalog["Ks"], GRID, control)
    assert np.isfinite(expected["A_V"]).mean() > 0.5
    xr.testing.assert_identical(catalog_color_excess(parts, GRID, control), expected)


def test_a_catalog_without_stars_there_is_refused(parts, tmp_path):
    with pytest.raises(InputError, match=r"parts has no star within l 100 to 101, b -1 to 1 deg"):
        observe_catalog(parts, Grid(100, 101, -1, 1, 0.5))
    far = write(stars(50), tmp_path / "far", 1, 50)  # one row group around the region, and no row in it
    with pytest.raises(InputError, match=r"far has no star within l 281 to 281.001"):
        observe_catalog(far, Grid(281.0, 281.001, 0.0, 0.001, 0.001))
    with pytest.raises(InputError, match="the diagram gaia-color needs"):
        observe_catalog(parts, GRID, ("gaia-color",))
