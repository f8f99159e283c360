"""Files of a cube keep all of it, and say in one sentence what is wrong with them."""

import shutil
from pathlib import Path

import healpy
import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milkyway_cnn import cube
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid, distance_edges

ENDS = [".zarr", ".nc", ".fits"]
#: One temporary folder serves all examples.
REUSED = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def written(everything: xr.Dataset, pixels: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """grid.zarr, grid.nc, grid.fits, and the same of pixels."""
    folder = tmp_path_factory.mktemp("cubes")
    for name, dust in (("grid", everything), ("pixels", pixels)):
        for end in ENDS:
            cube.save(dust, folder / f"{name}{end}")
    return folder


@pytest.fixture(scope="module")
def small(everything: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of few cells and fields, to be damaged."""
    folder = tmp_path_factory.mktemp("small")
    dust = everything.isel(b=slice(2), l=slice(2))[
        ["A_V", "delta_A_V", "A_V_std", "flags", "horizon", "distance_edges"]
    ]
    for end in ENDS:
        cube.save(dust, folder / f"grid{end}")
    cube.save(cube.to_healpix(dust, 64), folder / "pixels.fits")
    return folder


@pytest.mark.parametrize("end", ENDS)
def test_files_keep_everything(everything: xr.Dataset, pixels: xr.Dataset, written: Path, end: str) -> None:
    for name, dust in (("grid", everything), ("pixels", pixels)):
        for lazy in (False, True):
            found = cube.load(written / f"{name}{end}", lazy=lazy).load()
            xr.testing.assert_identical(found, dust)
            assert {n: found[n].dtype for n in found.variables} == {n: dust[n].dtype for n in dust.variables}
            assert found["flags"].attrs["flag_masks"].dtype == np.uint8
            found.close()


@pytest.mark.parametrize("end", ENDS)
def test_the_same_cube_makes_the_same_bytes(everything: xr.Dataset, written: Path, tmp_path: Path, end: str) -> None:
    cube.save(everything, tmp_path / f"again{end}")
    one, two = (
        [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        for path in (written / f"grid{end}", tmp_path / f"again{end}")
    )
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    if end != ".zarr":
        cube.save(cube.load(written / "grid.zarr"), tmp_path / f"first{end}")
        cube.save(cube.load(tmp_path / f"again{end}"), tmp_path / f"second{end}")
        assert (tmp_path / f"first{end}").read_bytes() == (tmp_path / f"second{end}").read_bytes()


def test_other_ends_are_refused(everything: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cube\.txt must end with \.zarr, \.nc or \.fits"):
        cube.save(everything, tmp_path / "cube.txt")
    with pytest.raises(InputError, match=r"drop_vars it, or use \.zarr"):
        cube.save(everything.assign(mood=everything["novelty"]), tmp_path / "cube.fits")
    assert not list(tmp_path.iterdir())


def test_a_lazily_opened_cube_reads_what_is_asked(written: Path) -> None:
    found = cube.load(written / "grid.zarr", lazy=True)
    assert not any(found[name].variable._in_memory for name in found.data_vars)
    found.close()


def test_a_cube_is_assembled_of_rows(everything: xr.Dataset, tmp_path: Path) -> None:
    grid = Grid(355, 365, -15, 15, 0.5)
    delta = np.random.default_rng(2).random((*grid.shape, 4), dtype=np.float32)
    whole = cube.build(delta, grid, distance_edges(4, 0.1), stars=np.ones(grid.shape))
    parts = [whole.isel(b=slice(start, start + 20)) for start in (0, 20, 40)]
    cube.assemble(iter(parts), tmp_path / "cube.zarr")
    xr.testing.assert_identical(cube.load(tmp_path / "cube.zarr"), whole)
    with pytest.raises(ValueError, match=r"a part begins at b=5\.25 deg behind 20 rows that end before"):
        cube.assemble([parts[0], parts[2]], tmp_path / "gap.zarr")
    with pytest.raises(ValueError, match="behind 10 rows"):
        cube.assemble([whole.isel(b=slice(10)), whole.isel(b=slice(10, 20))], tmp_path / "gap.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["cube.zarr"]


def test_healpy_reads_a_cube_of_pixels(pixels: xr.Dataset, written: Path) -> None:
    path = written / "pixels.fits"
    with fits.open(path) as units:
        units.verify("exception")
        header = units["A_V"].header
        assert [header[key] for key in ("PIXTYPE", "ORDERING", "NSIDE", "COORDSYS")] == ["HEALPIX", "NESTED", 64, "G"]
        assert units["A_V"].columns.names[:3] == ["PIXEL", "A_V_0.1_kpc", "A_V_0.2_kpc"]
        assert units["delta_A_V"].columns.names[1] == "delta_A_V_0.05_kpc" and units["A_V"].columns.units[1] == "mag"
        tables = {(unit.name, unit.ver): number for number, unit in enumerate(units)}
    distances = range(pixels.sizes["distance"])
    for place, expected in (
        (("A_V", 1), pixels["A_V"]),
        (("A_V_quantiles", 4), pixels["A_V_quantiles"].isel(quantile=3)),
        (("flags", 1), pixels["flags"]),
    ):
        for nest in (True, False):
            maps = healpy.read_map(path, field=distances, hdu=tables[place], nest=nest, partial=True)
            l, b = pixels["l"].values, pixels["b"].values
            at = healpy.ang2pix(64, l, b, nest=nest, lonlat=True)
            np.testing.assert_array_equal(np.array(maps)[:, at].T, expected.values)
    assert healpy.read_map(path, hdu=1, nest=True, partial=True)[0] == healpy.UNSEEN


def test_what_is_no_cube_is_refused(tmp_path: Path, everything: xr.Dataset) -> None:
    with pytest.raises(InputError, match=r"is not a cube, which cube\.save writes as zarr, netCDF or FITS; check"):
        cube.load(tmp_path / "nowhere.zarr")
    (tmp_path / "text.fits").write_text("l,b\n")
    with pytest.raises(InputError, match="is not a cube"):
        cube.load(tmp_path / "text.fits")
    xr.Dataset({"x": ("x", [1.0])}).to_zarr(tmp_path / "other.zarr", zarr_format=3, consolidated=False)
    with pytest.raises(InputError, match="it has no A_V and no delta_A_V and no distance"):
        cube.load(tmp_path / "other.zarr")
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "image.fits")
    with pytest.raises(InputError, match=r"image\.fits cannot be read as a cube"):
        cube.load(tmp_path / "image.fits")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: c.assign_attrs(cell_deg="wide"), "its attribute cell_deg is no number"),
        (lambda c: c.assign_attrs(cell_deg=0.25), "its b are not 0.25 deg apart"),
        (lambda c: c.assign_coords(distance_edges=c["distance_edges"].values[::-1]), "do not ascend from 0"),
        (lambda c: c.isel(distance=slice(3)), "must be floats on"),
        (lambda c: c.assign(A_V=c["A_V"].astype(int)), "A_V is int64 on"),
        (lambda c: c.assign(A_V=c["A_V"].isel(l=0, drop=True)), "A_V is float32 on"),
        (lambda c: c.drop_vars("delta_A_V"), "it has no delta_A_V"),
        (lambda c: c.assign_coords(b=c["b"] + 91), "leaves the sky"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_store_that_lacks_what_a_cube_has_is_refused(everything, tmp_path, change, sentence) -> None:
    change(everything.drop_vars(["A_V_samples", "draw"])).to_zarr(
        tmp_path / "bad.zarr", zarr_format=3, consolidated=False
    )
    for lazy in (False, True):
        with pytest.raises(InputError, match=f"bad.zarr cannot be read as a cube .*{sentence}"):
            cube.load(tmp_path / "bad.zarr", lazy=lazy)


def refused_or_read(path: Path) -> None:
    """Damage is told in one sentence; where it only changed values there is a cube that answers."""
    try:
        found = cube.load(path)
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)
    else:
        cube.CubeQuery(found).query_gal(0.0, 0.0, 0.5)


@REUSED
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_damaged_fits_files(small: Path, tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray((small / data.draw(st.sampled_from(["grid.fits", "pixels.fits"]))).read_bytes())
    for place, byte in data.draw(st.lists(st.tuples(st.integers(0, 2879), st.integers(0, 255)), max_size=5)):
        raw[place if data.draw(st.booleans()) else len(raw) - 1 - 2 * place] = byte
    end = data.draw(st.integers(0, len(raw)))
    (tmp_path / "bad.fits").write_bytes(raw[: end if data.draw(st.booleans()) else None])
    refused_or_read(tmp_path / "bad.fits")


@REUSED
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_damaged_zarr_stores(small: Path, tmp_path: Path, data: st.DataObject) -> None:
    shutil.rmtree(tmp_path / "bad.zarr", ignore_errors=True)
    shutil.copytree(small / "grid.zarr", tmp_path / "bad.zarr")
    files = sorted(path for path in (tmp_path / "bad.zarr").rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    raw = path.read_bytes()
    damage = data.draw(st.sampled_from(["cut", "gone", "noise"]))
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    else:
        path.write_bytes(data.draw(st.binary(max_size=200)))
    refused_or_read(tmp_path / "bad.zarr")


@REUSED
@given(share=st.floats(0, 1, exclude_max=True))
def test_netcdf_files_that_were_cut_off(small: Path, tmp_path: Path, share: float) -> None:
    raw = (small / "grid.nc").read_bytes()
    (tmp_path / "bad.nc").write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(InputError, match=r"bad\.nc"):
        cube.load(tmp_path / "bad.nc")
