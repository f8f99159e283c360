import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from astropy.table import Table

from milkyway_cnn import cube
from milkyway_cnn.errors import InputError
from milkyway_cnn.maps import interactive
from milkyway_cnn.maps.views import VIEWS, View, write_view
from milkyway_cnn.sightlines import Grid, distance_edges

STARTS = {".png": b"\x89PNG", ".pdf": b"%PDF", ".fits": b"SIMPLE", ".vti": b"<?xml", ".html": b"<!DOCTYPE html>"}


@pytest.fixture(scope="module")
def small() -> xr.Dataset:
    """A cube across l = 0 with a horizon and quantiles."""
    grid, edges = Grid(350, 370, -4, 4, 2.0), distance_edges(20, 0.5)
    delta = np.random.default_rng(1).random((*grid.shape, 20)).astype(np.float32)
    dust = cube.build(delta, grid, edges)
    horizon = 5.0 + 0.5 * dust["b"] + 0 * dust["l"]
    level = xr.DataArray([0.025, 0.16, 0.84, 0.975], dims="quantile", coords={"quantile": [0.025, 0.16, 0.84, 0.975]})
    return dust.assign(horizon=horizon, A_V_quantiles=dust["A_V"] * (0.5 + level))


@pytest.fixture(scope="module")
def overlay() -> Table:
    columns = {"name": ["a", "b"], "l": [359.0, 1.0], "b": [0.5, -0.5], "distance": [2.0, np.nan]}
    return Table({**columns, "kind": ["cluster", "Cepheid"]}, meta={"source": "made up"})


@pytest.mark.parametrize(("view", "suffix"), [(view, suffix) for view, endings in VIEWS.items() for suffix in endings])
def test_every_view_is_written_in_every_form(
    tmp_path: Path, small: xr.Dataset, overlay: Table, view: str, suffix: str
) -> None:
    look = View(to=8.0, voxel=1.0, directions=[(359.5, 0.1)], overlays=[overlay], b_max=2.0, l_range=(355, 365))
    path = tmp_path / f"view{suffix}"
    write_view(small, view, path, look)
    if suffix == ".zarr":
        with xr.open_zarr(path, consolidated=False, chunks=None) as stored:
            assert set(stored) == {"density", "volume", "beyond_horizon"}
    else:
        assert path.read_bytes().lstrip().startswith(STARTS[suffix])


def test_a_figure_for_print_is_the_same_each_time_and_keeps_its_letters(tmp_path: Path, small: xr.Dataset) -> None:
    for name in ("one.pdf", "two.pdf"):
        write_view(small, "sky", tmp_path / name, View(projection="AIT"))
    content = (tmp_path / "one.pdf").read_bytes()
    assert content == (tmp_path / "two.pdf").read_bytes()
    assert b"/Type3" not in content and b"CreationDate" not in content


@pytest.mark.parametrize(
    ("view", "name", "message"),
    [
        ("moon", "a.png", "there is no view 'moon'; choose one of sky, face-on, longitude, latitude, profile, volume"),
        ("profile", "a.fits", "a.fits ends in .fits; the view profile is written as .png, .pdf, .html"),
        ("sky", "a", "a ends in nothing; the view sky is written as .png, .pdf, .html, .fits"),
    ],
)
def test_what_cannot_be_written_is_refused(small: xr.Dataset, view: str, name: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        write_view(small, view, name, View())


def test_pixels_of_healpix_are_refused(small: xr.Dataset) -> None:
    pixels = xr.Dataset({"A_V": ("sightline", [1.0])}, {"pixel": ("sightline", [3])}, {"nside": 8})
    with pytest.raises(InputError, match=r"the cube has HEALPix pixels \(nside 8\)"):
        write_view(pixels, "sky", "a.png", View())


@pytest.mark.parametrize("projection", ["CAR", "MOL"])
def test_the_page_shows_the_data_of_the_figure(small: xr.Dataset, overlay: Table, projection: str) -> None:
    from bokeh.models import ColumnDataSource, Scatter

    plot = interactive.sky(small, 6.0, since=1.0, projection=projection, overlays=[overlay])
    (source,) = [each for each in plot.select({"type": ColumnDataSource}) if "image" in each.data and "l" in each.data]
    image, l, b = (source.data[name][0] for name in ("image", "l", "b"))
    field = cube.integrate(small, 6.0) - cube.integrate(small, 1.0)
    row, column = np.argwhere(np.isfinite(image) & (abs(l - 359) < 0.9) & (abs(b - 1) < 0.9))[0]
    assert image[row, column] == pytest.approx(float(field.sel(l=359, b=1)), rel=1e-6)
    drawn = [each for each in plot.renderers if isinstance(each.glyph, Scatter)]
    assert sorted(each.glyph.marker for each in drawn) == ["circle", "star"]


def test_pages_of_the_other_views_show_theirs(small: xr.Dataset, overlay: Table) -> None:
    profile = interactive.profile(small, 359.5, 0.1)
    sums = next(each for each in profile.renderers if "A_V" in each.data_source.data).data_source.data["A_V"]
    np.testing.assert_allclose(sums[1:], small["A_V"].sel(l=359, b=1))
    for angle in ("l", "b"):
        plot = interactive.slice_of(small, angle, overlays=[overlay])
        image = next(each for each in plot.renderers if "image" in each.data_source.data).data_source.data["image"][0]
        assert image.shape == (20, small.sizes[angle])
    assert interactive.face_on(small, overlays=[overlay]).renderers
