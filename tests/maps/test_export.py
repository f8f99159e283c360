from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from milkyway_cnn import cube, maps
from milkyway_cnn.errors import InputError
from milkyway_cnn.maps import export
from milkyway_cnn.maps.density import latitude_density, plane_density
from milkyway_cnn.maps.sky import between
from milkyway_cnn.sightlines import Grid, distance_edges


def opened(path: Path) -> fits.HDUList:
    with fits.open(path) as file:
        file.verify("exception")
        return fits.HDUList([unit.copy() for unit in file])


def turns_around(wcs: WCS, shape: tuple[int, ...]) -> float:
    """Largest difference (deg, kpc) over pixels that lie on the sky, there and back."""
    pixels = [axis.ravel() for axis in np.meshgrid(*(np.linspace(0, size - 1, 7) for size in shape[::-1]))]
    world = wcs.wcs_pix2world(*pixels, 0)
    seen = np.isfinite(world).all(axis=0)
    world = [axis[seen] for axis in world]
    again = wcs.wcs_pix2world(*wcs.wcs_world2pix(*world, 0), 0)
    return max(float(np.max(np.abs(a - b))) for a, b in zip(world, again, strict=True))


@pytest.mark.parametrize("projection", ["CAR", "AIT", "TAN", "MOL"])
def test_the_sky_has_its_values_where_astropy_finds_them(tmp_path: Path, noisy: xr.Dataset, projection: str) -> None:
    export.sky_to_fits(noisy, tmp_path / "sky.fits", 6.0, since=1.5, projection=projection)
    (image,) = opened(tmp_path / "sky.fits")
    wcs = WCS(image.header)
    assert turns_around(wcs, image.data.shape) < 1e-9
    assert (image.header["EXTNAME"], image.header["BUNIT"]) == ("A_V", "mag")
    field = between(noisy, 1.5, 6.0)
    for l, b in ((284.5, 0.5), (257.5, 4.5), (300.5, -3.5)):
        x, y = wcs.world_to_pixel(SkyCoord(l, b, unit="deg", frame="galactic"))
        assert image.data[round(float(y)), round(float(x))] == pytest.approx(float(field.sel(l=l, b=b)), rel=1e-6)
    if projection == "CAR":
        mean = np.nanmean(image.data.astype(float))
        assert mean == pytest.approx(float(field.mean()), rel=1e-6)


def test_the_horizon_follows_and_the_same_cube_makes_the_same_file(tmp_path: Path, carina: xr.Dataset) -> None:
    dust = carina.assign(horizon=4.0 + 0.1 * abs(carina["b"]) + 0 * carina["l"])
    for name in ("one.fits", "two.fits"):
        export.sky_to_fits(dust, tmp_path / name, 6.0)
    assert (tmp_path / "one.fits").read_bytes() == (tmp_path / "two.fits").read_bytes()
    _, horizon = opened(tmp_path / "one.fits")
    assert horizon.header["EXTNAME"] == "HORIZON" and horizon.data[0, 0] == pytest.approx(4.45)


def test_slices_are_on_linear_axes(tmp_path: Path, carina: xr.Dataset) -> None:
    export.slice_to_fits(carina, tmp_path / "l.fits", "l", window=(-1, 1), to=5.0)
    export.slice_to_fits(carina, tmp_path / "b.fits", "b", window=(280, 290))
    near = cube.within(carina, 5.0)
    for name, density in (("l", plane_density(near, 1)), ("b", latitude_density(carina, (280, 290)))):
        (image,) = opened(tmp_path / f"{name}.fits")
        wcs = WCS(image.header)
        assert turns_around(wcs, image.data.shape) < 1e-9
        for place, distance in ((0, 3), (5, 40)):
            value = density.isel({name: place, "distance": distance})
            x, y = wcs.wcs_world2pix(float(value[name]), float(value["distance"]), 0)
            assert (x, y) == pytest.approx((round(float(x)), round(float(y))), abs=1e-6)
            assert image.data[round(float(y)), round(float(x))] == pytest.approx(float(value), rel=1e-6)


def test_uneven_bins_and_other_angles_are_refused(tmp_path: Path) -> None:
    dust = cube.build(np.zeros((2, 2, 3)), Grid(0, 2, -1, 1, 1.0), np.array([0.0, 1.0, 3.0, 4.0]))
    with pytest.raises(InputError, match="bins of 1 to 2 kpc do not fit the linear axes of FITS"):
        export.slice_to_fits(dust, tmp_path / "l.fits")
    with pytest.raises(InputError, match="no slice along 'x'; choose 'l' or 'b'"):
        export.slice_to_fits(dust, tmp_path / "x.fits", "x")


@pytest.fixture(scope="module")
def voxels() -> xr.Dataset:
    grid = Grid(270, 300, -10, 10, 10.0)
    delta = np.random.default_rng(1).random((2, 3, 4)).astype(np.float32)
    return maps.to_cartesian(cube.build(delta, grid, distance_edges(4, 0.5)), 0.25, frame="galactocentric")


def test_voxels_as_fits(tmp_path: Path, voxels: xr.Dataset) -> None:
    export.cartesian_to_fits(voxels, tmp_path / "dust.fits")
    density, volume = opened(tmp_path / "dust.fits")
    wcs = WCS(density.header)
    assert turns_around(wcs, density.data.shape) < 1e-9
    assert [unit.header["EXTNAME"] for unit in (density, volume)] == ["DENSITY", "VOLUME"]
    np.testing.assert_array_equal(density.data, voxels["density"].values)
    x, y, z = wcs.wcs_pix2world(2, 3, 1, 0)
    np.testing.assert_allclose((x, y, z), (voxels["x"][2], voxels["y"][3], voxels["z"][1]))


def test_voxels_as_vtk(tmp_path: Path, voxels: xr.Dataset) -> None:
    import re

    export.cartesian_to_vtk(voxels, tmp_path / "dust.vti")
    content = (tmp_path / "dust.vti").read_bytes()
    head = content[: content.index(b"<AppendedData")].decode()
    extent = " ".join(f"0 {voxels.sizes[axis]}" for axis in "xyz")
    assert f'WholeExtent="{extent}"' in head and 'Name="density"' in head
    spacing = [float(word) for word in re.search(r'Spacing="([^"]+)"', head).group(1).split()]
    origin = [float(word) for word in re.search(r'Origin="([^"]+)"', head).group(1).split()]
    assert spacing == [0.25] * 3
    np.testing.assert_allclose(origin, [float(voxels[axis][0]) - 0.125 for axis in "xyz"])
    # Raw data, x fastest, behind an underscore and the number of bytes.
    offset = int(re.search(r'Name="density"[^>]*offset="(\d+)"', head).group(1))
    start = content.index(b"_", content.index(b"<AppendedData")) + 1 + offset
    values = np.frombuffer(content[start + 8 : start + 8 + 4 * voxels["density"].size], "<f4")
    np.testing.assert_array_equal(values, np.nan_to_num(voxels["density"].values).ravel())
    with pytest.raises(InputError, match=r"dust\.vtk must end in \.vti"):
        export.cartesian_to_vtk(voxels, tmp_path / "dust.vtk")
