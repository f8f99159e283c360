"""FITS images of a cube, its maps and its slices say where their pixels are."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.wcsapi import SlicedLowLevelWCS
from hypothesis import given, settings
from hypothesis import strategies as st

from milkyway_cnn import cube
from milkyway_cnn.cube.fits import _header
from milkyway_cnn.sightlines import Grid, distance_edges


def dusty(grid: Grid, bins: int = 12, width: float = 0.1) -> xr.Dataset:
    random = np.random.default_rng(4)
    return cube.build(random.random((*grid.shape, bins), dtype=np.float32), grid, distance_edges(bins, width), reach=30)


def products(dust: xr.Dataset) -> dict[str, xr.Dataset | xr.DataArray]:
    return {
        "cube": dust,
        "plane of the sky": cube.integrate(dust, float(dust["distance_edges"][-1])),
        "longitude and distance": dust.isel(b=[1]),
        "latitude and distance": dust.isel(l=[-1]),
        "one sightline": dust.isel(b=[0], l=[0]),
        "one distance": dust.isel(distance=[2], distance_edges=[2, 3]),
        "other cells": cube.regrid(dust, Grid(float(dust.l[1]), float(dust.l[-2]) + 2, -6, 6, 0.7)),
    }


@pytest.mark.parametrize(
    "grid",
    [Grid(257, 303, -5, 5, 1.0), Grid(350, 370, -6, 4, 1.0), Grid(-10, 10, -3, 3, 0.3), Grid(-180, 180, -8, 8, 4)],
    ids=["Carina", "beyond 360", "from below 0", "all longitudes"],
)
def test_all_axes_of_all_products_go_to_the_world_and_back(grid: Grid, tmp_path: Path) -> None:
    for name, product in products(dusty(grid)).items():
        cube.to_fits(product, tmp_path / "product.fits")
        with fits.open(tmp_path / "product.fits") as units, warnings.catch_warnings():
            warnings.simplefilter("error")
            units.verify("exception")
            for unit in units[:-1]:
                wcs = WCS(unit.header)
                assert wcs.pixel_shape == unit.data.shape[::-1], name
                corners = np.meshgrid(*[np.linspace(-0.49, n - 0.51, 5) for n in wcs.pixel_shape])
                world = wcs.pixel_to_world_values(*corners)
                back = wcs.world_to_pixel_values(*world)
                again = wcs.pixel_to_world_values(*back)
                for axis, there, here in zip(wcs.world_axis_units, world, again, strict=True):
                    difference = there - here
                    if axis == "deg":
                        difference = (difference + 180) % 360 - 180
                    assert np.abs(difference).max() < 1e-9, (name, unit.name)
                np.testing.assert_allclose(back, corners, atol=1e-8)
                centers = wcs.pixel_to_world_values(*np.indices(unit.data.shape)[::-1])
                l = product["l"].values[::-1]
                assert np.abs((centers[0] - l + 180) % 360 - 180).max() < 1e-9, name
                assert np.abs(centers[1] - product["b"].values[:, None]).max() < 1e-9, name
                if wcs.naxis == 3:
                    far = unit.name.startswith("A_V")
                    expected = product["distance_edges"].values[1:] if far else product["distance"].values
                    assert np.abs(centers[2] - expected[:, None, None]).max() < 1e-9, name


@settings(max_examples=60)
@given(
    first=st.integers(-720, 1440),
    columns=st.integers(1, 400),
    low=st.integers(-80, 79),
    rows=st.integers(1, 10),
    cell=st.sampled_from([0.1, 0.25, 0.5, 1 / 3]),
)
def test_pixels_are_where_any_grid_has_its_cells(first: int, columns: int, low: int, rows: int, cell: float) -> None:
    grid = Grid(first * 0.25, first * 0.25 + columns * cell, low, low + rows * cell, cell)
    axes = {"b": grid.b.round(10), "l": grid.l.round(10)}
    sky = xr.Dataset({"A_V": (("b", "l"), np.zeros(grid.shape))}, axes, {"cell_deg": cell})
    l, b = WCS(_header(sky, "A_V")).pixel_to_world_values(*np.meshgrid(np.arange(columns), np.arange(rows)))
    assert np.abs((l - grid.l[::-1] + 180) % 360 - 180).max() < 1e-9
    assert np.abs(b - grid.b[:, None]).max() < 1e-9


def test_slices_by_the_common_interface_of_coordinates(everything: xr.Dataset, tmp_path: Path) -> None:
    cube.save(everything, tmp_path / "cube.fits")
    wcs = WCS(fits.getheader(tmp_path / "cube.fits", "delta_A_V"))
    assert wcs.world_axis_physical_types == ["pos.galactic.lon", "pos.galactic.lat", "pos.distance"]
    plane = SlicedLowLevelWCS(wcs, (3, slice(None), slice(None)))  # a map of one distance
    l, b = plane.pixel_to_world_values(0, 2)
    assert l == pytest.approx(everything["l"].values[-1] % 360, abs=1e-9)
    assert b == pytest.approx(everything["b"].values[2], abs=1e-9)
    profile = SlicedLowLevelWCS(wcs, (slice(None), 2, 4))
    assert profile.pixel_to_world_values(5) == pytest.approx(0.55, abs=1e-9)


def test_a_second_library_finds_the_same_places(everything: xr.Dataset, tmp_path: Path) -> None:
    """AST (Berry, Warren-Smith & Jenness 2016), of Starlink's viewers, has a reader of its own."""
    ast = pytest.importorskip("starlink.Ast")
    cube.save(everything, tmp_path / "cube.fits")
    header = fits.getheader(tmp_path / "cube.fits", "delta_A_V")
    cards = [card.image for card in header.cards if card.keyword not in ("HISTORY", "COMMENT")]
    frames = ast.FitsChan(cards).read()
    shape = everything["delta_A_V"].transpose("distance", "b", "l").shape
    k, j, i = (axis.ravel().astype(float) for axis in np.indices(shape))
    l, b, distance = frames.tran([i + 1, j + 1, k + 1])
    expected = (everything["l"].values[::-1][i.astype(int)], everything["b"].values[j.astype(int)])
    assert np.abs((np.degrees(l) - expected[0] + 180) % 360 - 180).max() < 1e-9
    assert np.abs(np.degrees(b) - expected[1]).max() < 1e-9
    assert np.abs(distance - everything["distance"].values[k.astype(int)]).max() < 1e-9


def test_each_field_has_its_images(everything: xr.Dataset, tmp_path: Path) -> None:
    cube.save(everything, tmp_path / "cube.fits")
    with fits.open(tmp_path / "cube.fits") as units:
        numbers = [(unit.name, unit.ver) for unit in units]
        assert len(set(numbers)) == len(numbers) and numbers[0] == ("A_V", 1) and numbers[-1] == ("COORDINATES", 1)
        assert {name for name, _ in numbers[:-1]} == set(everything.data_vars)
        assert units["A_V_quantiles", 4].header["QUANTILE"] == 0.84 and units["A_V_samples", 5].header["DRAW"] == 4
        image = units["A_V_quantiles", 4]
        np.testing.assert_array_equal(image.data[3, 2, -1], everything["A_V_quantiles"][3, 2, 0, 3])
        assert units["flags"].header["BITPIX"] == 8 and units["horizon"].header["BUNIT"] == "kpc"
        assert u.Unit(image.header["BUNIT"]) == u.mag
        assert 'list = [1, [2, "three"]]' in list(units[0].header["HISTORY"])


def test_a_cube_opened_lazily_is_written_in_strips_and_groups_of_images(tall: xr.Dataset, tmp_path: Path) -> None:
    cube.save(tall, tmp_path / "cube.zarr")
    cube.save(cube.load(tmp_path / "cube.zarr", lazy=True), tmp_path / "cube.fits")
    xr.testing.assert_identical(cube.load(tmp_path / "cube.fits"), cube.load(tmp_path / "cube.zarr"))
    with fits.open(tmp_path / "cube.fits") as units:
        units.verify("exception")
        names = [(unit.name, unit.ver) for unit in units]
        assert len(set(names)) == len(names)
        for name, number in (("A_V", 1), ("A_V_quantiles", 5), ("A_V_samples", 27)):
            field = tall[name].isel({axis: number - 1 for axis in ("quantile", "draw") if axis in tall[name].dims})
            image = field.transpose("distance", "b", "l").values[..., ::-1]
            np.testing.assert_array_equal(units[name, number].data, image)
