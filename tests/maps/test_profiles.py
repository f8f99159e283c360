import numpy as np
import pytest
import xarray as xr

from milkyway_cnn.cube import build
from milkyway_cnn.errors import InputError
from milkyway_cnn.maps.density import plane_density
from milkyway_cnn.maps.profiles import cell_of, profiles, typical_sightlines
from milkyway_cnn.maps.slices import longitude_distance
from milkyway_cnn.sightlines import Grid, distance_edges


def test_profiles_draw_the_sum_and_the_bins_of_the_cell_that_holds_the_direction(
    carina: xr.Dataset, noisy: xr.Dataset
) -> None:
    figure = profiles(noisy, [(284.9, 0.1), (300.2, -2.0)], beside=carina)
    upper, lower = figure.axes[0], figure.axes[2]
    assert upper.get_title() == "$l$ = 284.5°, $b$ = 0.5°"
    assert [line.get_label() for line in upper.lines] == ["truth", "map"]
    cell = noisy.sel(l=284.5, b=0.5)
    np.testing.assert_array_equal(upper.lines[1].get_ydata(), [0, *cell["A_V"].values])
    np.testing.assert_array_equal(upper.lines[1].get_xdata(), cell["distance_edges"])
    np.testing.assert_array_equal(lower.patches[1].get_data().values, cell["delta_A_V"])
    assert upper.get_ylabel() == "$A_V$ (mag)" and lower.get_ylabel() == "$A_V$ per bin (mag)"
    assert lower.get_xlabel() == "distance (kpc)" and lower.get_xlim() == (0, 10) and lower.get_ylim()[0] == 0


def test_standard_deviation_is_a_band(orion: xr.Dataset) -> None:
    (_, lower) = profiles(orion, [(211.4, -19.4)], to=1.0).axes
    assert lower.get_xlim() == (0, 1) and len(lower.patches) == 2
    cell = orion.sel(l=211.25, b=-19.25).isel(distance=slice(20))
    np.testing.assert_allclose(lower.patches[1].get_data().values, cell["delta_A_V"] + cell["delta_A_V_std"])


def test_directions_beyond_360_are_found_and_others_refused(orion: xr.Dataset) -> None:
    cube = build(np.zeros((2, 20, 4)), Grid(350, 370, -1, 1, 1.0), distance_edges(4))
    assert (
        cell_of(cube, 359.9, 0.2) == (1, 9) and cell_of(cube, 0.1, -0.2) == (0, 10) and cell_of(cube, -10, 1) == (1, 0)
    )
    expected = r"the direction l=100, b=0 deg is outside the cube, which covers l 207 to 216, b -20\.5 to -18 deg"
    with pytest.raises(InputError, match=expected):
        profiles(orion, [(100, 0)])


def test_slice_shows_the_density_with_longitude_to_the_left(carina: xr.Dataset, noisy: xr.Dataset) -> None:
    figure = longitude_distance(noisy, b_max=1, to=8, beside=carina)
    first, second, bar = figure.axes
    np.testing.assert_allclose(first.collections[0].get_array(), plane_density(noisy, 1).values[:, :80].T)
    assert first.get_xlim() == (303, 257) and first.get_ylim() == (0, 8)
    assert first.collections[0].norm is second.collections[0].norm
    assert (first.get_ylabel(), bar.get_ylabel()) == ("distance (kpc)", "$A_V$ per kpc (mag kpc$^{-1}$)")
    assert first.get_title(loc="left") == "map, |$b$| ≤ 1°"


def test_typical_sightlines_run_from_the_least_to_the_most_dust():
    total = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    total[0, 0] = np.nan
    cube = xr.Dataset(
        {"A_V": (("b", "l", "distance"), total[:, :, None])},
        coords={"b": [0.0, 1.0, 2.0], "l": [10.0, 11.0, 12.0, 13.0]},
    )
    chosen = typical_sightlines(cube, 3)
    values = [float(cube["A_V"].sel(l=l, b=b).item()) for l, b in chosen]
    assert values == sorted(values)
    assert np.isfinite(values).all()
