import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from milkyway_cnn import cube
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid, distance_edges

GRID = Grid(10, 12, -1, 1, 1.0)
EDGES = distance_edges(12, 0.1)


def test_cube_has_axes_units_and_the_sum_of_its_bins() -> None:
    delta = np.random.default_rng(0).random((2, 2, 12), dtype=np.float32)
    made = cube.build(delta, GRID, EDGES, reach=1.0, stars=np.full((2, 2), 7), attrs={"seed": 3})
    assert made["A_V"].dims == made["delta_A_V"].dims == ("b", "l", "distance")
    assert made.sizes == {"b": 2, "l": 2, "distance": 10, "distance_edges": 11}
    np.testing.assert_allclose(made["A_V"], np.cumsum(delta[..., :10], axis=-1), rtol=1e-6)
    np.testing.assert_array_equal(made["delta_A_V"], delta[..., :10])
    np.testing.assert_array_equal(made["delta_A_V_raw"], delta[..., :10])
    assert made["l"].values.tolist() == [10.5, 11.5] and made["b"].values.tolist() == [-0.5, 0.5]
    assert made["distance"].values[:3].tolist() == [0.05, 0.15, 0.25]
    assert made["distance_edges"].values.tolist() == [i / 10 for i in range(11)]
    assert {str(name): field.attrs["units"] for name, field in made.variables.items()} == {
        "A_V": "mag",
        "delta_A_V": "mag",
        "delta_A_V_raw": "mag",
        "stars": "1",
        "l": "deg",
        "b": "deg",
        "distance": "kpc",
        "distance_edges": "kpc",
    }
    assert made.attrs["seed"] == 3 and made.attrs["cell_deg"] == 1.0


@settings(max_examples=50)
@given(arrays(np.float32, (2, 2, 12), elements=st.floats(-1, 3, width=32)))
def test_extinction_never_falls_and_stays_as_near_as_it_can(delta: np.ndarray) -> None:
    made = cube.build(delta, GRID, EDGES, reach=2.0)
    total, raw = made["A_V"].values, np.cumsum(delta, axis=-1, dtype=np.float64)
    assert np.all(np.diff(total, axis=-1) >= 0) and np.all(total >= 0) and np.all(made["delta_A_V"] >= 0)
    np.testing.assert_allclose(np.cumsum(made["delta_A_V"], axis=-1), total, atol=1e-5)
    np.testing.assert_array_equal(made["delta_A_V_raw"], delta)
    for other in (np.maximum.accumulate(np.maximum(raw, 0), axis=-1), np.cumsum(np.maximum(delta, 0), axis=-1)):
        assert np.sum((total - raw) ** 2) <= np.sum((other - raw) ** 2) + 1e-4


def test_noise_does_not_become_dust() -> None:
    grid = Grid(0, 30, -5, 5, 0.5)
    noise = np.random.default_rng(2).normal(0.05, 0.1, (*grid.shape, 100)).astype(np.float32)
    made = cube.build(noise, grid, distance_edges(100))
    assert abs(float(made["A_V"].isel(distance=-1).mean()) - 5.0) < 0.02
    assert np.maximum(noise, 0).sum(-1).mean() > 6.5  # what clipping each bin would make of it


def test_cells_without_prediction_stay_empty(noisy: xr.Dataset) -> None:
    assert int(noisy["A_V"].isnull().all("distance").sum()) == 2
    assert int(noisy["A_V"].isnull().any("distance").sum()) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"delta_A_V": np.zeros((2, 3, 12))},
            "delta_A_V has the shape (2, 3, 12), but grid and edges ask for (2, 2, 12)",
        ),
        ({"stars": np.zeros((2, 3))}, "stars has the shape (2, 3), but grid and edges ask for (2, 2)"),
        ({"reach": 0.05}, "no distance bin ends within 0.05 kpc; the first ends at 0.1 kpc"),
        (
            {"delta_A_V": np.where(np.arange(12) == 3, np.nan, np.zeros((2, 2, 12)))},
            "the cell at l=10.5, b=-0.5 deg has NaN in some bins; a cell has all of them or none",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change: dict, sentence: str) -> None:
    arguments = {"delta_A_V": np.zeros((2, 2, 12)), "grid": GRID, "edges": EDGES} | change
    with pytest.raises(ValueError, match=re.escape(sentence)):
        cube.build(**arguments)


def test_integrate_is_the_sum_of_bins_and_linear_between_edges(carina: xr.Dataset) -> None:
    for bins in (1, 20, 100):
        expected = carina["delta_A_V"].values[..., :bins].sum(-1)
        np.testing.assert_allclose(cube.integrate(carina, bins / 10), expected, rtol=1e-5)
    between = carina["A_V"].values[..., 19] + 0.3 * carina["delta_A_V"].values[..., 20]
    np.testing.assert_allclose(cube.integrate(carina, 2.03), between, rtol=1e-5)
    assert np.all(cube.integrate(carina, 0.0) == 0)
    with pytest.raises(InputError, match=re.escape("the distance 12 kpc is not within the cube, which ends at 10 kpc")):
        cube.integrate(carina, 12)


@pytest.mark.parametrize(
    "grid", [Grid(257, 303, -5, 5, 0.5), Grid(350, 370, -20.5, -18, 0.25), Grid(-180, 180, -2, 2, 4)]
)
def test_fits_pixels_are_where_the_cells_are(grid: Grid, tmp_path: Path) -> None:
    rows, columns = grid.shape
    delta = np.random.default_rng(4).random((rows, columns, 12), dtype=np.float32)
    delta[0, 0] = np.nan
    made = cube.build(delta, grid, EDGES, stars=np.arange(rows * columns).reshape(rows, columns))
    cube.to_fits(made, tmp_path / "cube.fits")
    with fits.open(tmp_path / "cube.fits") as images, warnings.catch_warnings():
        warnings.simplefilter("error")
        images.verify("exception")
        assert [image.name.lower() for image in images] == ["a_v", "delta_a_v", "delta_a_v_raw", "stars", "coordinates"]
        for name, image in zip(("A_V", "delta_A_V", "delta_A_V_raw"), images, strict=False):
            assert image.header["BUNIT"] == "mag" and image.header["CUNIT3"] == "kpc"
            wcs = WCS(image.header)
            far = made["distance_edges"].values[1:] if name == "A_V" else made["distance"].values
            for k in (0, len(far) - 1):
                for j in (0, rows - 1):
                    for i in (0, columns - 1):
                        sky, distance = wcs.pixel_to_world(columns - 1 - i, j, k)
                        cell = SkyCoord(made["l"][i].item() * u.deg, made["b"][j].item() * u.deg, frame="galactic")
                        assert sky.separation(cell).deg < 1e-9
                        assert distance.to_value(u.kpc) == pytest.approx(far[k], abs=1e-9)
                        back = wcs.world_to_pixel(cell, far[k] * u.kpc)
                        np.testing.assert_allclose(back, (columns - 1 - i, j, k), atol=1e-9)
                        np.testing.assert_array_equal(image.data[k, j, columns - 1 - i], made[name].values[j, i, k])
        plane = WCS(images["stars"].header)
        assert plane.naxis == 2 and images["stars"].data[0, -1] == 0


def test_fits_holds_provenance_and_is_the_same_twice(carina: xr.Dataset, tmp_path: Path) -> None:
    for name in ("one.fits", "two.fits"):
        cube.to_fits(carina, tmp_path / name)
    assert (tmp_path / "one.fits").read_bytes() == (tmp_path / "two.fits").read_bytes()
    assert 'note = "made up"' in list(fits.getheader(tmp_path / "one.fits")["HISTORY"])
    cube.to_fits(carina, tmp_path / "three.fits", {"commit": "abc"})
    assert list(fits.getheader(tmp_path / "three.fits")["HISTORY"]) == ['commit = "abc"']


def test_fits_refuses_bins_of_different_width() -> None:
    made = cube.build(np.zeros((2, 2, 2)), GRID, np.array([0, 0.1, 0.3]))
    with pytest.raises(
        InputError, match=re.escape("bins of 0.1 to 0.2 kpc do not fit the linear axis of FITS; use .zarr or .nc")
    ):
        cube.to_fits(made, Path("never.fits"))
