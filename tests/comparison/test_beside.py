"""What a map is shown with: other maps on its cells, tracers, borders; as the command line and chapter 9 name them."""

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits

from milkyway_cnn import cli, cube
from milkyway_cnn.comparison.beside import absolute, named_overlays, sampled
from milkyway_cnn.comparison.other_maps import MAPS
from milkyway_cnn.comparison.other_maps.footprints import FOOTPRINTS, footprint
from milkyway_cnn.errors import InputError
from milkyway_cnn.maps.export import sky_to_fits
from milkyway_cnn.sightlines import Grid, distance_edges

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real files of {SHARED} are not here")


@pytest.fixture(scope="module")
def small() -> xr.Dataset:
    grid, edges = Grid(280, 290, -2, 2, 1.0), distance_edges(20, 0.5)
    delta = np.random.default_rng(1).uniform(0.1, 0.3, (*grid.shape, 20)).astype(np.float32)
    return cube.build(delta, grid, edges)


@pytest.fixture(autouse=True)
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of dustmaps whose data are not there."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = pytest.importorskip("dustmaps.config").config
    monkeypatch.setitem(config._options, "data_dir", str(tmp_path))


@pytest.fixture
def run(tmp_path: Path, small: xr.Dataset) -> Path:
    cube.save(small, tmp_path / "run" / "cube" / "cube.zarr")
    return tmp_path / "run"


def test_another_cube_keeps_its_values_and_ends_where_it_does(tmp_path: Path, small: xr.Dataset) -> None:
    cube.save(cube.within(small, 4.0), tmp_path / "other.zarr")
    other = sampled(str(tmp_path / "other.zarr"), small)
    assert float(other["distance_edges"][-1]) == 4.0
    np.testing.assert_allclose(other["delta_A_V"], small["delta_A_V"][..., :8], rtol=1e-6)


def test_an_image_comes_back_as_it_was_written(tmp_path: Path, small: xr.Dataset) -> None:
    sky_to_fits(small, tmp_path / "sky.fits", 6.0)
    other = sampled(str(tmp_path / "sky.fits"), small)
    assert "delta_A_V" not in other
    smooth = cube.integrate(small, 6.0)
    assert np.corrcoef(other["A_V"].values.ravel(), smooth.values.ravel())[0, 1] > 0.9


def test_what_is_not_there_is_refused_with_the_way_out(small: xr.Dataset) -> None:
    with pytest.raises(InputError, match="no map 'moon'; choose one of planck, planck-gnilc"):
        sampled("moon", small)
    with pytest.raises(InputError, match=r"fetch it with: python -c 'import dustmaps\.planck as m; m\.fetch\(\)'"):
        sampled("planck", small)
    with pytest.raises(InputError, match=r"there is no none\.csv; give the path of a file, or one of wise, hou-han"):
        named_overlays(["H II region=none.csv"])
    with pytest.raises(InputError, match="no footprint 'moon'; choose one of founding-work, marshall2006"):
        named_overlays(footprints=["moon"])
    assert absolute("planck", MAPS) == "planck"
    assert absolute(f"a=b={__file__}", MAPS) == f"a=b={__file__}"


def test_borders_are_where_the_papers_say() -> None:
    inside = {"founding-work": 285, "marshall2006": 50, "bayestar2019": 120, "decaps2025": 300, "edenhofer2024": 10}
    outside = {"founding-work": 250, "marshall2006": 180, "bayestar2019": 300, "decaps2025": 120}
    for name in FOOTPRINTS:
        low, high = footprint(name).plane
        assert (inside[name] - low) % 360 <= high - low, name
        assert name not in outside or (outside[name] - low) % 360 > high - low, name
    l, b = footprint("bayestar2019").outline()
    assert b.min() < -85 and 28 < b.max() < 34  # the circle at 60 deg from the south celestial pole, b = -27.1 deg
    assert np.abs(np.diff(l)).max() < 30


@needs_shared
def test_published_tables_over_a_view(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    wise = f"H II region={SHARED / 'tracers' / 'wise_hii_V2.1_hrds_v3.csv'}"
    table, arms, border = named_overlays([wise], ["Reid_2019"], ["decaps2025"])
    assert set(table["kind"]) == {"H II region"} and arms.meta["source"] == "Reid_2019" and border.reach == 10.0
    words = ["figure", str(run), "face-on", "--tracers", wise, "--arms", "Reid_2019", "--footprint", "decaps2025"]
    assert cli.main([*words, "-o", str(tmp_path / "a.png"), "-o", str(tmp_path / "a.html")]) == 0
    assert (tmp_path / "a.png").stat().st_size > 1e4 and (tmp_path / "a.html").stat().st_size > 1e5
    assert capsys.readouterr().out.split() == [str(tmp_path / "a.png"), str(tmp_path / "a.html")]


@needs_shared
def test_a_published_image_stands_beside_the_map(tmp_path: Path) -> None:
    from astropy.wcs import WCS

    path = SHARED / "maps2d" / "astroquery_irsa_dust_test.fits"
    middle = WCS(fits.getheader(path)).pixel_to_world(100, 100).galactic
    l, b = (round(float(angle.deg), 1) for angle in (middle.l, middle.b))
    dust = cube.build(np.full((4, 4, 4), 0.01), Grid(l - 1, l + 1, b - 1, b + 1, 0.5), distance_edges(4))
    cube.save(dust, tmp_path / "cube.zarr")
    words = ["figure", str(tmp_path / "cube.zarr"), "sky", "--beside", str(path), "-o", str(tmp_path / "sky.pdf")]
    assert cli.main(words) == 0
    assert (tmp_path / "sky.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["moon", "-o", "a.png"], "there is no view 'moon'; choose one of sky"),
        (["face-on", "-o", "a.fits"], "a.fits ends in .fits; the view face-on is written as .png, .pdf, .html"),
        (["profile", "-o", "a.png", "--at", "285"], "--at '285' must be two numbers with a comma between"),
        (["profile", "-o", "a.png", "--at", "100,0"], "the direction l=100, b=0 deg is outside the cube"),
        (["sky", "-o", "a.png", "--projection", "XYZ"], "there is no projection 'XYZ'; choose one of CAR"),
        (["sky", "-o", "a.png", "--since", "5", "--distance", "4"], "from 5 to 4 kpc is no way outwards"),
        (["sky", "-o", "a.png", "--distance", "40"], "the distance 40 kpc is not within the cube"),
        (["volume", "-o", "a.fits", "--voxel", "0"], "voxel (=0 kpc) must be positive"),
        (["sky", "-o", "a.png", "--beside", "planck"], "fetch it with: python -c 'import dustmaps.planck as m"),
    ],
)
def test_the_command_refuses_in_one_sentence(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, words: list[str], message: str
) -> None:
    monkeypatch.chdir(run)
    assert cli.main(["figure", ".", *words]) == 2
    said = capsys.readouterr().err
    assert re.search(re.escape(message), said) and said.count("\n") == 1
    assert not list(run.glob("a.*"))
