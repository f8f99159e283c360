"""The cube answers coordinates as the maps of `dustmaps` do."""

import inspect

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from scipy.special import ndtri

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
    assert flags["max_reliable_distmod"] == pytest.approx(15.0) and np.isnan(flags["std"]).all()
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


def test_modes_of_what_a_cube_lacks_are_refused_with_the_way_out(carina) -> None:
    dust, place = CubeQuery(carina), coords(284.5, 0.5, 1.0)
    with pytest.raises(InputError, match=r"'samples' needs A_V_samples, which this cube lacks; a run keeps them"):
        dust(place, mode="samples")
    with pytest.raises(InputError, match=r"'std' needs A_V_std, which this cube lacks; .*--set calibration_examples"):
        dust(place, mode="std")
    for mode in ({"mode": "median"}, {"mode": "percentile", "pct": 16}):
        with pytest.raises(
            InputError, match=r"percentiles need A_V_quantiles, which this cube lacks; .*--set calibration_examples"
        ):
            dust(place, **mode)
    _, flags = dust(place, return_flags=True)
    assert np.isnan(flags["std"]) and flags["flags"] == 0 and flags["max_reliable_distance"] == 10


def test_what_cannot_be_asked_is_refused(everything) -> None:
    dust, place = CubeQuery(everything), coords(0.25, 0.25, 1.0)
    for options, sentence in (
        ({"mode": "mode"}, "mode = 'mode' must be one of mean, median, std"),
        ({"mode": "percentile"}, "needs the percentiles"),
        ({"mode": "percentile", "pct": 101}, "pct = 101 must be a number from 0 to 100"),
        ({"mode": "percentile", "pct": "half"}, "pct = 'half' must be"),
        ({"mode": "percentile", "pct": [16, 99]}, r"percentile 99 is not within what this cube holds, 2\.5 to 97\.5"),
    ):
        with pytest.raises(InputError, match=sentence):
            dust(place, **options)
    with pytest.raises(InputError, match=r"must be a SkyCoord, not float; query_gal"):
        dust(1.0)
    with pytest.raises(InputError, match="frame = 'ecliptic' must be"):
        dust.query_equ(1.0, 2.0, frame="ecliptic")


def at_edges(dust: CubeQuery, everything) -> SkyCoord:
    l, b = (everything[axis].values for axis in ("l", "b"))
    return coords(*np.meshgrid(l, b, dust.distances.value))


def test_values_of_every_mode_at_edges_are_those_of_the_cube(everything) -> None:
    dust = CubeQuery(everything)
    places = at_edges(dust, everything)
    exact = {
        "mean": everything["A_V"],
        "best": everything["A_V"],
        "std": everything["A_V_std"],
        "median": everything["A_V_quantiles"].sel(quantile=0.5),
        "samples": everything["A_V_samples"].transpose(..., "draw"),
    }
    for mode, field in exact.items():
        np.testing.assert_array_equal(dust(places, mode=mode), field.values, err_msg=mode)
        np.testing.assert_array_equal(dust(coords(*_sky(places)), mode=mode), field.values)
    pct = [2.5, 16, 50, 84, 97.5]
    found = dust(places, mode="percentile", pct=pct)
    np.testing.assert_allclose(found, everything["A_V_quantiles"].transpose(..., "quantile"), rtol=1e-6)
    np.testing.assert_array_equal(dust(places, mode="percentile", pct=16), found[..., 1])


def _sky(places: SkyCoord) -> tuple[np.ndarray, np.ndarray]:
    return places.l.deg[..., 0], places.b.deg[..., 0]


def test_at_centers_values_are_the_mean_of_the_edges(everything) -> None:
    dust, l, b = CubeQuery(everything), np.array([0.25, 359.25]), np.array([0.25, -3.25])
    for mode, name in (("mean", "A_V"), ("std", "A_V_std"), ("samples", "A_V_samples")):
        found = dust(coords(l[:, None], b[:, None], everything["distance"].values), mode=mode)
        at = everything[name].isel(l=[10, 8], b=[8, 1]).values
        at = np.stack([at[..., 0, 0, :], at[..., 1, 1, :]])  # (places, [draws], bins)
        before = np.concatenate([np.zeros_like(at[..., :1]), at[..., :-1]], axis=-1)
        np.testing.assert_allclose(found, np.moveaxis((before + at) / 2, -1, 1), rtol=1e-5)


def test_percentiles_between_are_those_of_a_normal_distribution(everything) -> None:
    dust, place = CubeQuery(everything), coords(0.25, 0.25, 0.8)
    mean, std = dust(place), dust(place, mode="std")
    for pct in (5, 30, 60, 90):
        assert dust(place, mode="percentile", pct=pct) == pytest.approx(mean + std * ndtri(pct / 100), rel=1e-4)
    draws = CubeQuery(everything.drop_vars(["A_V_quantiles", "A_V_std"]))
    samples = draws(place, mode="samples")
    assert draws(place, mode="percentile", pct=1) == pytest.approx(np.percentile(samples, 1), rel=1e-5)
    assert draws(place, mode="std") == pytest.approx(samples.std(), rel=1e-5)


def test_random_draws_come_from_the_draws_and_their_seed(everything) -> None:
    dust = CubeQuery(everything)
    places = coords(np.tile([0.25, 1.25], 50), np.zeros(100) + 0.25, np.full(100, 1.0))
    samples = dust(places, mode="samples")
    for mode in ("random_sample", "random_sample_per_pix"):
        found = dust(places, mode=mode, seed=3)
        assert (np.abs(samples - found[:, None]).min(axis=1) == 0).all()
        np.testing.assert_array_equal(found, dust(places, mode=mode, seed=3))
        assert (found != dust(places, mode=mode, seed=4)).any()
    assert len(np.unique(dust(places, mode="random_sample_per_pix"))) == 2
    assert len(np.unique(dust(places, mode="random_sample"))) > 4


def test_draws_of_one_sightline_ask_for_no_other_chunk(tall, tmp_path) -> None:
    cube.save(tall, tmp_path / "cube.zarr")
    chunks = sorted(path for path in (tmp_path / "cube.zarr" / "A_V_samples" / "c").rglob("*") if path.is_file())
    assert len(chunks) == 2 * 5  # of draws and of latitude
    for path in chunks:
        if path.parts[-3] != "1":
            path.write_bytes(b"damaged")
    found = CubeQuery.read(tmp_path / "cube.zarr")(coords(355.25, -6.75, 0.3), mode="samples")
    np.testing.assert_allclose(found, tall["A_V_samples"].sel(b=-6.75, l=355.25).values[:, -1], rtol=1e-6)


def test_flags_tell_of_error_reach_and_doubt(everything) -> None:
    dust, far = CubeQuery(everything, band="Ks"), np.array([0.35, 0.65, 1.15, 5.0])
    values, flags = dust(coords(np.full(4, 0.25), np.full(4, 0.25), far), return_flags=True)
    assert flags["converged"].all() and flags["reliable_dist"].tolist() == [True, False, False, False]
    np.testing.assert_allclose(flags["std"], 0.2 * values, rtol=1e-5)
    np.testing.assert_allclose(flags["max_reliable_distance"], 0.6, rtol=1e-6)
    np.testing.assert_array_equal(flags["flags"], everything["flags"][8, 10].values[[3, 6, 11, 11]])
    near = float(everything["nearest"][8, 10])
    _, flags = dust(coords(np.full(2, 0.25), np.full(2, 0.25), near + np.array([-0.01, 0.01])), return_flags=True)
    assert flags["reliable_dist"].tolist() == [False, True]
    _, flags = dust(coords(np.array([0.25, 90.0]), np.array([0.25, 0.0])), return_flags=True)
    assert flags["min_reliable_distmod"][0] == pytest.approx(5 * np.log10(near) + 10, rel=1e-5)
    assert flags["std"].shape == flags["flags"].shape == (2, 12)
    assert flags["max_reliable_distmod"][0] == pytest.approx(5 * np.log10(60), abs=1e-5)
    assert flags["converged"].tolist() == [True, False]
    for name in ("max_reliable_distance", "max_reliable_distmod", "min_reliable_distmod", "std"):
        assert np.isnan(flags[name][1]).all()
    assert not flags["flags"][1].any()


def test_an_interval_of_the_distance_is_where_quantiles_reach_the_value(everything) -> None:
    dust, place = CubeQuery(everything), coords(0.25, 0.25)
    wanted = float(everything["A_V"][8, 10, 5])
    pct = [16, 50, 84]
    found, flags = dust.distance(place, wanted, return_flags=True, pct=pct)
    assert found.shape == flags.shape == (3,) and (np.diff(found) > 0).all()
    assert found[1] == dust.distance(place, wanted) == dust.distance(place, wanted, pct=50)
    for distance, p in zip(found, pct, strict=True):
        reached = dust(coords(0.25, 0.25, distance.value), mode="percentile", pct=100 - p)
        assert reached == pytest.approx(wanted, rel=1e-5)
    assert flags["reliable_dist"].tolist() == (found <= 0.6 * u.kpc).tolist()
    grid = dust.distance(coords([0.25, 1.25, 90.0], [0.25] * 3), np.array([[0.1], [99.0]]), pct=pct)
    assert grid.shape == (2, 3, 3)
    assert np.isinf(grid[1, :2]).all() and np.isnan(grid[:, 2]).all() and np.isfinite(grid[0, :2]).all()


@pytest.mark.parametrize("end", [".zarr", ".nc", ".fits"])
def test_any_file_answers_as_the_cube_in_memory_does(everything, tmp_path, end) -> None:
    cube.save(everything, tmp_path / f"cube{end}")
    stored, dust = CubeQuery.read(tmp_path / f"cube{end}"), CubeQuery(everything)
    places = coords(*np.random.default_rng(1).uniform([[-6], [-5], [0]], [[6], [3], [1.5]], (3, 200)))
    for options in ({}, {"mode": "percentile", "pct": [10, 90]}, {"mode": "random_sample"}):
        ours, theirs = (map_(places, return_flags=True, **options) for map_ in (stored, dust))
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert ours[1].dtype == theirs[1].dtype and ours[1].tobytes() == theirs[1].tobytes()
    stored.cube.close()


def test_pixels_answer_too(everything, pixels) -> None:
    dust = CubeQuery(pixels)
    at = int(np.argmax(pixels["solid_angle"].values))
    place = coords(float(pixels["l"][at]), float(pixels["b"][at]), 0.4)
    assert dust(place) == pixels["A_V"].values[at, 3]
    assert dust(place, mode="samples").shape == (5,)
    assert np.isnan(dust(coords(40.0, 0.0, 0.4)))
    assert dust.distance(place, 0.5).value == pytest.approx(CubeQuery(everything).distance(place, 0.5).value, abs=0.3)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_shapes_are_those_of_bayestar(everything, shape) -> None:
    dust = CubeQuery(everything)
    l, b, d = np.full(shape, 0.25), np.full(shape, 0.25), np.full(shape, 0.5)
    for mode, more in (
        (("mean", None), ()),
        (("percentile", 16), ()),
        (("percentile", [16, 84]), (2,)),
        (("samples", None), (5,)),
    ):
        options = {"mode": mode[0], "pct": mode[1]}
        assert dust(coords(l, b, d), **options).shape == (*shape, *more)
        assert dust(coords(l, b), **options).shape == (*shape, 12, *more)
    values, flags = dust(coords(l, b, d), return_flags=True)
    assert flags.shape == shape and values.dtype == np.float32


@pytest.fixture
def bayestar(everything, tmp_path):
    """A map in the format of Bayestar with the draws of a cube, opened by the class of `dustmaps` itself."""
    import h5py

    pixels = cube.to_healpix(everything, 64)
    n, distances = pixels.sizes["sightline"], pixels["distance_edges"].values[1:]
    kinds = [
        ("nside", "i4"),
        ("healpix_index", "i8"),
        ("converged", "i1"),
        ("DM_reliable_min", "f4"),
        ("DM_reliable_max", "f4"),
    ]
    info = np.zeros(n, kinds)
    info["nside"], info["healpix_index"], info["converged"] = 64, pixels["pixel"], 1
    info["DM_reliable_max"] = 5 * np.log10(pixels["horizon"].values) + 10
    with h5py.File(tmp_path / "map.h5", "w") as file:
        file["pixel_info"], file["best_fit"] = info, pixels["A_V"].values
        file["pixel_info"].attrs["DM_bin_edges"] = 5 * np.log10(distances) + 10
        file["samples"] = np.moveaxis(pixels["A_V_samples"].values, 0, 1)
    from dustmaps.bayestar import BayestarQuery

    return BayestarQuery(tmp_path / "map.h5"), CubeQuery(pixels.drop_vars(["A_V_quantiles", "A_V_std"]))


@pytest.mark.filterwarnings("ignore")  # of a configuration that dustmaps looks for
def test_what_is_written_for_bayestar_works_with_our_map(bayestar, pixels) -> None:
    theirs, ours = bayestar
    assert ours.distances.shape == theirs.distances.shape
    np.testing.assert_allclose(ours.distmods.value, theirs.distmods.value, rtol=1e-6)
    random = np.random.default_rng(5)
    at = random.integers(pixels.sizes["sightline"], size=(4, 3))
    l, b = pixels["l"].values[at], pixels["b"].values[at]
    # Between its edges Bayestar is linear in the modulus, our map in the distance.
    d = ours.distances.value[random.integers(12, size=(4, 3))]
    for distance in (d, None):
        for options in (
            {"mode": "best"},
            {"mode": "median"},
            {"mode": "percentile", "pct": 20.0},
            {"mode": "percentile", "pct": [20.0, 70.0]},
            {"mode": "samples"},
        ):
            expected, flags = theirs(coords(l, b, distance), return_flags=True, **options)
            found, our_flags = ours(coords(l, b, distance), return_flags=True, **options)
            if options["mode"] == "samples" and distance is None:  # its documentation says so, it does otherwise
                expected = np.swapaxes(expected, -1, -2)
            np.testing.assert_allclose(found, expected, rtol=1e-4)
            assert set(flags.dtype.names) <= set(our_flags.dtype.names)
            for name in set(flags.dtype.names) - {"min_reliable_distmod", "reliable_dist"}:
                np.testing.assert_allclose(our_flags[name], flags[name], rtol=1e-5)
    for call in ("query_gal", "query_equ"):
        np.testing.assert_allclose(
            getattr(ours, call)(l, b, d, mode="best"), getattr(theirs, call)(l, b, d, mode="best"), rtol=1e-4
        )


@pytest.mark.filterwarnings("ignore")
def test_signatures_begin_as_those_of_bayestar() -> None:
    from dustmaps.bayestar import BayestarQuery

    names = list(inspect.signature(CubeQuery.query).parameters)
    assert names[:5] == ["self", "coords", "mode", "return_flags", "pct"]
    source = inspect.getsource(BayestarQuery.query)
    assert "coords, mode='random_sample', return_flags=False, pct=None" in source
    for call in ("query_gal", "query_equ"):
        theirs = list(inspect.signature(getattr(BayestarQuery, call)).parameters)[:-1]
        assert list(inspect.signature(getattr(CubeQuery, call)).parameters)[: len(theirs)] == theirs


def test_a_stored_cube_is_read(carina, tmp_path) -> None:
    cube.save(carina, tmp_path / "cube.zarr")
    place = coords(284.5, 0.5, 3.0)
    assert CubeQuery.read(tmp_path / "cube.zarr", band="J")(place) == CubeQuery(carina, band="J")(place)
