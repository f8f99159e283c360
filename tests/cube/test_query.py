"""The cube answers coordinates as the maps of `dustmaps` do."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from milkyway_cnn import cube
from milkyway_cnn.cube.query import CubeQuery
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid, distance_edges


def coords(l, b, distance=None) -> SkyCoord:
    place = {} if distance is None else {"distance": np.asarray(distance) * u.kpc}
    return SkyCoord(l * u.deg, b * u.deg, frame="galactic", **place)


def test_values_at_edges_are_those_of_the_cube(carina) -> None:
    dust = CubeQuery(carina)
    l, b = (carina[axis].values for axis in ("l", "b"))
    places = np.meshgrid(l, b, dust.distances.value)
    got = dust(coords(*places))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, carina["A_V"].values, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dust(coords(places[0][..., 0], places[1][..., 0])), got, rtol=1e-6)


def test_bin_centers_are_integrals_of_the_cube(carina) -> None:
    dust = CubeQuery(carina)
    for distance in (0.05, 2.35, 3.333):
        got = dust(coords(np.array([284.5, 290.5]), np.array([0.5, -3.5]), [distance] * 2))
        integral = cube.integrate(carina, distance)
        expected = [float(integral.sel(l=l, b=b)) for l, b in ((284.5, 0.5), (290.5, -3.5))]
        np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_a_scalar_of_any_frame_gives_a_scalar(carina) -> None:
    place = coords(284.5, 0.5, 3.0)
    value, flags = CubeQuery(carina)(place.icrs, return_flags=True)
    assert value.shape == flags.shape == ()
    assert value == pytest.approx(float(cube.integrate(carina, 3.0).sel(l=284.5, b=0.5)), rel=1e-5)
    assert flags["converged"] and flags["reliable_dist"]


def test_what_is_not_known_is_nan_and_beyond_the_end_a_lower_limit(noisy) -> None:
    dust = CubeQuery(noisy)
    # In the cube but without prediction, outside in l, outside in b, beyond the last edge.
    places = coords(np.array([302.5, 10.0, 280.0, 280.5]), np.array([-4.5, 0.0, 7.0, 0.5]), [1.0, 1.0, 1.0, 50.0])
    values, flags = dust.query(places, return_flags=True)
    assert np.isnan(values[:3]).all()
    assert values[3] == pytest.approx(float(noisy["A_V"].sel(l=280.5, b=0.5)[-1]), rel=1e-5)
    assert flags["converged"].tolist() == [False, False, False, True]
    assert not flags["reliable_dist"].any()
    _, flags = dust.query(coords(280.5, 0.5), return_flags=True)
    assert flags["max_reliable_distmod"] == pytest.approx(15.0)
    assert flags["min_reliable_distmod"] == -np.inf


def test_a_region_across_longitude_zero() -> None:
    grid, edges = Grid(350, 370, -1, 1, 1.0), distance_edges(10, 0.5)
    delta = np.zeros((*grid.shape, 10), np.float32)
    delta[:, 12] = 0.1  # l = 2.5
    dust = CubeQuery(cube.build(delta, grid, edges))
    np.testing.assert_allclose(
        dust(coords(np.array([2.5, 1.5, 359.9]), np.zeros(3), [5.0] * 3)), [1.0, 0, 0], atol=1e-6
    )


def test_extinction_in_a_band(carina) -> None:
    place = coords(284.5, 0.5, 3.0)
    assert CubeQuery(carina, band="Ks")(place) == pytest.approx(0.112 * CubeQuery(carina)(place), rel=1e-6)
    with pytest.raises(InputError, match="Q"):
        CubeQuery(carina, band="Q")


def test_the_distance_at_which_extinction_reaches_a_value(carina) -> None:
    dust = CubeQuery(carina, band="Ks")
    place = coords(284.5, 0.5)
    wanted = np.array([0.0, 0.02, 0.1, 99.0])
    found = dust.distance(place, wanted)
    assert found.unit == u.kpc
    assert found[0] == 0 and found[3] == np.inf * u.kpc
    np.testing.assert_allclose(
        dust(coords(np.full(2, 284.5), np.full(2, 0.5), found[1:3].value)), wanted[1:3], rtol=1e-5
    )
    both = dust.distance(coords(np.array([284.5, 10.0]), np.array([0.5, 0.0])), np.array([[0.1], [0.02]]))
    assert both.shape == (2, 2)
    assert np.isnan(both[:, 1]).all()
    assert both[0, 0] == found[2]


@pytest.mark.parametrize("extinction", [-1.0, np.nan])
def test_extinction_below_zero_is_refused(carina, extinction: float) -> None:
    with pytest.raises(InputError, match="ask for 0 or more"):
        CubeQuery(carina).distance(coords(284.5, 0.5), extinction)


def test_modes_that_need_draws_are_refused(carina) -> None:
    with pytest.raises(InputError, match="choose 'mean'"):
        CubeQuery(carina)(coords(284.5, 0.5, 1.0), mode="samples")


def test_a_stored_cube_is_read(carina, tmp_path) -> None:
    cube.save(carina, tmp_path / "cube.zarr")
    place = coords(284.5, 0.5, 3.0)
    assert CubeQuery.read(tmp_path / "cube.zarr", band="J")(place) == CubeQuery(carina, band="J")(place)
