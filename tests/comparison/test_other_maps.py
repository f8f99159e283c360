"""Other maps on our cells: files as they are published, and made-up ones in the formats of dustmaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from astropy.wcs import WCS

from milkyway_cnn import cube
from milkyway_cnn.comparison import other_maps
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid, distance_edges

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real files of {SHARED} are not here")
GRID = Grid(280, 282, -1, 1, 0.5)
EDGES = distance_edges(40)


@needs_shared
def test_a_published_image_of_reddening() -> None:
    path = SHARED / "maps2d" / "astroquery_irsa_dust_test.fits"
    data, header = fits.getdata(path), fits.getheader(path)
    middle = WCS(header).pixel_to_world(100, 100).galactic
    l, b = float(middle.l.deg), float(middle.b.deg)
    found = other_maps.read_fits(path, Grid(l - 0.01, l + 0.01, b - 0.01, b + 0.01, 0.02), factor=2.742)
    assert found["A_V"].item() == pytest.approx(2.742 * data[100, 100], rel=0.02)
    far = other_maps.read_fits(path, Grid(10, 11, -1, 1, 1), factor=2.742)
    assert np.isnan(far["A_V"]).all()


@needs_shared
def test_published_points_and_profiles() -> None:
    plane = other_maps.read_points(SHARED / "maps2d" / "mwdust_sfd_benchmark.dat", 2.742)
    assert np.isinf(plane["distance"]).all() and plane["A_V"][0] == pytest.approx(2.742 * 0.003637795569)
    points = other_maps.read_points(SHARED / "profiles" / "mwdust_green19_benchmark.dat")
    assert points.sizes["point"] == 20 and points["distance"][0] == pytest.approx(4.259, abs=1e-3)
    profiles = other_maps.read_bayestar(SHARED / "profiles" / "bayestar2015_argonaut_output_v1.txt", factor=1.0)
    first = profiles.isel(point=slice(31))
    assert np.unique(profiles["l"]).size >= 1 and profiles.sizes["point"] % 31 == 0
    assert (first["l"] == 90).all() and (first["b"] == 10).all()
    assert first["distance"][[0, -1]].values == pytest.approx([0.0631, 63.1], rel=1e-3)
    assert first["A_V"][[0, 8, -1]].values == pytest.approx([0.004, 0.089, 0.377])
    disc = cube.build(np.full((4, 4, 100), 0.01), Grid(88, 92, 8, 12, 1), distance_edges(100))
    scores = other_maps.against_points(disc, first)
    assert scores["points"]["value"] == 23 and scores["points_spearman"]["value"] > 0.9


def test_our_own_fits_cube_comes_back(tmp_path: Path) -> None:
    rising = np.random.default_rng(1).uniform(0.0, 0.2, (4, 4, 40)).cumsum(axis=0).cumsum(axis=1) / 8
    ours = cube.build(rising.astype(np.float32), GRID, EDGES)
    cube.to_fits(ours, tmp_path / "cube.fits")
    back = other_maps.read_fits(tmp_path / "cube.fits", GRID, EDGES)
    # Linear between cells, and the mean over a cell: inner cells of a smooth map keep their values.
    inner = {"b": slice(1, 3), "l": slice(1, 3)}
    np.testing.assert_allclose(back["A_V"].isel(inner), ours["A_V"].isel(inner), rtol=0.12)
    assert back.attrs["title"] == "cube.fits"
    with pytest.raises(InputError, match="has distances; give the edges"):
        other_maps.read_fits(tmp_path / "cube.fits", GRID)


def test_healpix_tables_in_either_order_and_frame(tmp_path: Path) -> None:
    from astropy_healpix import HEALPix

    for order, system, frame in (("NESTED", "G", "galactic"), ("RING", "C", "icrs")):
        pixels = HEALPix(64, order=order.lower(), frame=frame)
        places = pixels.healpix_to_skycoord(np.arange(pixels.npix)).galactic
        values = np.sin(np.radians(places.b.deg)) + 2
        table = fits.BinTableHDU.from_columns([fits.Column("EBV", "D", array=values)])
        table.header["ORDERING"], table.header["COORDSYS"] = order, system
        table.writeto(tmp_path / f"{order}.fits")
        found = other_maps.read_healpix(tmp_path / f"{order}.fits", Grid(280, 290, -30, 30, 5), factor=3.1)
        expected = 3.1 * (np.sin(np.radians(found["b"])) + 2)
        np.testing.assert_allclose(found["A_V"], expected.broadcast_like(found["A_V"]), rtol=0.01)
    with pytest.raises(InputError, match="cannot be read as a HEALPix table"):
        other_maps.read_healpix(tmp_path / "none.fits", GRID)


def test_a_density_is_summed_up_and_the_near_part_filled() -> None:
    found = other_maps.sample_volume(
        lambda places: np.where(places.distance.kpc < 0.1, np.nan, 0.5), GRID, EDGES, 2.0, reach=2.0, density=True
    )
    assert found["distance_edges"][-1] == 2.0
    np.testing.assert_allclose(found["A_V"][..., -1], 1.9, rtol=1e-5)
    found = other_maps.sample_volume(
        lambda places: np.where(places.distance.kpc < 0.55, np.nan, places.distance.kpc), GRID, EDGES, 1.0
    )
    np.testing.assert_allclose(found["A_V"], np.broadcast_to(EDGES[1:], (4, 4, 40)), rtol=1e-5)
    with pytest.raises(InputError, match="has no value within l 280 to 282"):
        other_maps.sample_volume(lambda places: np.full(places.shape, np.nan), GRID, EDGES, 1.0)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("healpy")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = pytest.importorskip("dustmaps.config").config
    monkeypatch.setitem(config._options, "data_dir", str(tmp_path))
    return tmp_path


def test_marshall_by_dustmaps(data_dir: Path) -> None:
    import h5py

    (data_dir / "marshall").mkdir()
    distance = np.broadcast_to(np.arange(1.0, 9.0, dtype="f4"), (801, 81, 8))
    with h5py.File(data_dir / "marshall" / "marshall.h5", "w") as file:
        for name in ("l", "b"):
            file[name] = np.zeros((801, 81), "f4")
        for name, values in (
            ("A", 0.1 * distance),
            ("sigma_A", distance),
            ("dist", distance),
            ("sigma_dist", distance),
        ):
            file.create_dataset(name, data=values.astype("f4"), compression="gzip")
    found = other_maps.published("marshall2006", GRID, EDGES)
    np.testing.assert_allclose(found["A_V"], np.broadcast_to(EDGES[1:] * 0.1 / 0.112, (4, 4, 40)), rtol=1e-4)
    assert found.attrs["A_V_per_unit"] == pytest.approx(1 / 0.112)


def test_what_has_to_be_fetched_is_said(data_dir: Path) -> None:
    for name, chosen in other_maps.MAPS.items():
        with pytest.raises(InputError, match=r"fetch it with: python -c 'import dustmaps\.") as refused:
            other_maps.published(name, GRID, EDGES)
        assert chosen.command in str(refused.value) and str(data_dir) in str(refused.value)
    with pytest.raises(InputError, match="no map 'mine'; choose one of planck"):
        other_maps.published("mine", GRID)


def test_without_dustmaps_the_way_to_get_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "dustmaps.planck", None)
    with pytest.raises(InputError, match=r"need the package dustmaps .*pip install 'milkyway-cnn\[maps\]'"):
        other_maps.published("planck", GRID)


def test_files_that_are_no_maps_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1,2\n")
    with pytest.raises(InputError, match="has 2 columns"):
        other_maps.read_points(tmp_path / "a.txt")
    with pytest.raises(InputError, match="holds 0 positions"):
        other_maps.read_bayestar(tmp_path / "a.txt")
    with pytest.raises(InputError, match="cannot be read as a FITS image"):
        other_maps.read_fits(tmp_path / "a.txt", GRID)
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "bare.fits")
    with pytest.raises(InputError, match="must have two of the sky"):
        other_maps.read_fits(tmp_path / "bare.fits", GRID)


def test_a_map_is_a_dataset_with_its_unit(tmp_path: Path) -> None:
    found = other_maps.sample_plane(lambda places: places.l.deg - 280, GRID, 2.0, attrs={"title": "made up"})
    assert isinstance(found, xr.Dataset) and found["A_V"].attrs["units"] == "mag"
    np.testing.assert_allclose(found["A_V"][0], 2 * (GRID.l - 280))
    assert found.attrs == {"cell_deg": 0.5, "title": "made up"}
