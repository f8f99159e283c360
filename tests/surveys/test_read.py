"""Catalogs in the formats and dialects in which users hold them, and files that are none."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.read import Catalog, check_catalog, read_catalog, read_rows
from milkyway_cnn.surveys.table import open_table

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
BANDS = ("J", "H", "Ks")
VIZIER = {"J": "Jmag", "H": "Hmag", "Ks": "Kmag", "J_error": "e_Jmag", "H_error": "e_Hmag", "Ks_error": "e_Kmag"}
IRSA = {"J": "j_m", "H": "h_m", "Ks": "k_m", "J_error": "j_msigcom", "H_error": "h_msigcom", "Ks_error": "k_msigcom"}


def stars(n: int = 20, names: dict[str, str] = VIZIER, position: tuple[str, str] = ("GLON", "GLAT")) -> Table:
    random = np.random.default_rng(5)
    table = Table({VIZIER[key]: np.full(n, 0.05, np.float32) for key in VIZIER if key.endswith("error")})
    for band in BANDS:
        table[VIZIER[band]] = random.uniform(10, 15, n).astype(np.float32)
    table.rename_columns(list(VIZIER.values()), [names[key] for key in VIZIER])
    table[position[0]] = random.uniform(280, 282, n)
    table[position[1]] = random.uniform(-1, 1, n)
    return table


def published(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs {name} of the shared data")
    return path


def test_positions_of_irsa_agree_with_its_own_galactic_ones():
    table = Table.read(published("2mass/astroquery_irsa_fp_psc_Polygon.vot"), format="votable")
    table.remove_columns(["glon", "glat"])
    path = published("2mass/astroquery_irsa_fp_psc_Polygon.vot")
    galactic = read_catalog(path)
    expected = SkyCoord(table["ra"], table["dec"], unit="deg").galactic
    np.testing.assert_allclose(galactic.l, expected.l.deg, atol=6e-4)
    np.testing.assert_allclose(galactic.b, expected.b.deg, atol=6e-4)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".fits", {"format": "fits"}),
        (".fits.gz", {"format": "fits"}),
        (".vot", {"format": "votable"}),
        (".csv", {"format": "ascii.csv"}),
        (".csv.gz", {"format": "ascii.csv"}),
        (".ecsv", {"format": "ascii.ecsv"}),
        (".ecsv.gz", {"format": "ascii.ecsv"}),
        (".vot.gz", {"format": "votable"}),
        (".tbl", {"format": "ascii.ipac"}),
        (".parquet", {"format": "parquet"}),
        (".parquet.gz", {"format": "parquet"}),
        (".h5", {"format": "hdf5", "path": "stars"}),
        (".h5.gz", {"format": "hdf5", "path": "stars"}),
        (".dat", {"format": "ascii.csv"}),  # the name says nothing, the first bytes do
    ],
)
@pytest.mark.parametrize("names", [VIZIER, IRSA, {key: name.upper() for key, name in VIZIER.items()}])
def test_every_format_and_dialect(tmp_path, suffix, options, names):
    table = stars(names=names)
    path = tmp_path / f"stars{suffix}"
    if suffix.endswith(".gz") and "fits" not in suffix:
        table.write(tmp_path / "plain", **options)
        path.write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    else:
        table.write(path, **options)
    check_catalog(path, (280, 282, -1, 1))
    catalog = read_catalog(path)
    assert set(catalog.units.values()) == {"deg", "mag"}
    np.testing.assert_array_equal(catalog.l, table["GLON"])
    np.testing.assert_array_equal(catalog.b, table["GLAT"])
    for key in VIZIER:
        values = catalog[key]
        assert values.dtype == np.float32 and values.flags.c_contiguous
        np.testing.assert_array_equal(values, table[names[key]])


@pytest.mark.parametrize("position", [("RAJ2000", "DEJ2000"), ("_RAJ2000", "_DEJ2000"), ("ra", "dec")])
def test_equatorial_positions_become_galactic(tmp_path, position):
    table = stars(position=position)
    table[position[0]] -= 120
    table.write(tmp_path / "stars.fits")
    catalog = read_catalog(tmp_path / "stars.fits")
    expected = SkyCoord(table[position[0]], table[position[1]], unit="deg").galactic
    np.testing.assert_allclose(catalog.l, expected.l.deg, rtol=1e-12)
    np.testing.assert_allclose(catalog.b, expected.b.deg, rtol=1e-12)


@pytest.mark.parametrize("sign", [9.999, 9.998, np.nan, np.inf, 0.0, -999.0, 99.99])
def test_upper_limits_are_missing_and_counted(tmp_path, sign):
    table = stars()
    table["e_Kmag"][3] = sign
    table["Hmag"][5] = np.nan
    table["Hmag"][6] = -999.0
    table.write(tmp_path / "stars.fits")
    catalog = read_catalog(tmp_path / "stars.fits")
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(catalog["Ks"])), [3])
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(catalog["Ks_error"])), [3])
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(catalog["H"])), [5, 6])
    assert {band: tuple(masks.values()) for band, masks in catalog.report.masked.items()} == {
        "J": (0, 0),
        "H": (0, 2),
        "Ks": (1, 0),
    }
    assert str(catalog.report).endswith("masked: H 2 missing; Ks 1 upper limit")


def test_rows_without_position_or_detection_are_counted(tmp_path):
    table = stars()
    table["GLAT"][0], table["GLON"][1], table["GLAT"][2] = np.nan, np.inf, 95.0
    for band in BANDS:
        table[VIZIER[band + "_error"]][4] = 9.999
    table["GLON"][7] = 100.0
    table.write(tmp_path / "stars.fits")
    report = read_catalog(tmp_path / "stars.fits", region=(279, 283, -2, 2)).report
    assert (report.rows, report.stars) == (20, 15)
    assert report.dropped == {"outside the region": 1, "without position": 3, "without detection": 1}


@pytest.mark.parametrize(("l_min", "l_max"), [(-10, 10), (350, 370), (-370, -350)])
def test_a_region_may_continue_across_zero(tmp_path, l_min, l_max):
    table = stars(4)
    table["GLON"] = [355.0, 5.0, 20.0, 340.0]
    table.write(tmp_path / "stars.fits")
    catalog = read_catalog(tmp_path / "stars.fits", region=(l_min, l_max, -2, 2))
    np.testing.assert_allclose(catalog.l, [l_min + 5, l_min + 15])
    assert catalog.report.dropped["outside the region"] == 2


def test_edges_and_the_whole_circle(tmp_path):
    table = stars(4)
    table["GLON"] = [0.0, 360.0, 90.0, 270.0]
    table.write(tmp_path / "stars.fits")
    assert len(read_catalog(tmp_path / "stars.fits")) == 4
    assert len(read_catalog(tmp_path / "stars.fits", region=(90, 450, -90, 90))) == 4
    np.testing.assert_array_equal(read_catalog(tmp_path / "stars.fits", region=(90, 270, -2, 2)).l, [90, 270])


def refusal(path: Path, region=None) -> str:
    """The sentence with which a file is refused, by the reader and, unless it is about magnitudes, by the check."""
    with pytest.raises(InputError) as read:
        read_catalog(path, region=region, survey="2mass")
    message = str(read.value)
    if "with a magnitude" not in message:
        with pytest.raises(InputError) as check:
            check_catalog(path, region)
        assert str(check.value) == message
    assert str(path) in message and "\n" not in message
    return message


def test_bad_files_are_refused_in_one_sentence(tmp_path):
    assert refusal(tmp_path / "none.fits").startswith("there is no catalog at")
    (tmp_path / "folder").mkdir()
    assert "cannot be read" in refusal(tmp_path / "folder")
    (tmp_path / "zeros").write_bytes(bytes(5000))
    assert "neither FITS, VOTable, CSV" in refusal(tmp_path / "zeros")
    (tmp_path / "empty").touch()
    assert "neither FITS, VOTable, CSV" in refusal(tmp_path / "empty")
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "image.fits")
    assert "holds no table" in refusal(tmp_path / "image.fits")
    stars(0).write(tmp_path / "no_rows.fits")
    assert "no rows" in refusal(tmp_path / "no_rows.fits")
    table = stars()
    table.remove_columns(["e_Hmag", "GLAT"])
    table.write(tmp_path / "lacking.fits")
    expected = (
        "H_error (e_Hmag or h_msigcom or h_cmsig or H_error), "
        "position (GLON and GLAT, or RAJ2000 and DEJ2000, or ra and dec)"
    )
    assert refusal(tmp_path / "lacking.fits").endswith(expected)
    table = stars()
    table["GLAT"] = np.nan
    table.write(tmp_path / "nowhere.fits")
    assert "no row with a position" in refusal(tmp_path / "nowhere.fits")
    table = stars()
    table["e_Jmag"] = table["e_Hmag"] = table["e_Kmag"] = 9.999
    table.write(tmp_path / "limits.fits")
    assert "no star with a magnitude and its error" in refusal(tmp_path / "limits.fits")
    table = stars(position=("ra", "dec"))
    table.replace_column("ra", ["18 54 02.1"] * len(table))
    table.write(tmp_path / "sexagesimal.fits")
    assert "column ra" in refusal(tmp_path / "sexagesimal.fits")


def test_a_catalog_elsewhere_says_where_it_is(tmp_path):
    stars().write(tmp_path / "stars.fits")
    assert "b 10 to 20 deg; its own stars lie at l 280." in refusal(tmp_path / "stars.fits", (280, 282, 10, 20))
    table = stars(2)
    table["GLON"] = [355.0, 5.0]
    table.write(tmp_path / "across.fits")
    assert "its own stars lie at l -5.00 to 5.00" in refusal(tmp_path / "across.fits", (100, 120, -2, 2))


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz", ".vot"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_files_are_refused(tmp_path, suffix, share):
    stars(3000).write(tmp_path / f"stars{suffix}", format="votable" if suffix == ".vot" else "fits")
    whole = (tmp_path / f"stars{suffix}").read_bytes()
    (tmp_path / f"part{suffix}").write_bytes(whole[: int(share * len(whole))])
    refusal(tmp_path / f"part{suffix}")


def accepted_or_refused(path: Path) -> None:
    """No exception but the one that users are shown; what is accepted keeps the contract."""
    try:
        check_catalog(path)
        catalog = read_catalog(path)
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert isinstance(catalog, Catalog) and len(catalog) == catalog.report.stars > 0
    report = catalog.report
    assert report.rows == report.stars + sum(report.dropped.values())
    assert ((catalog.l >= 0) & (catalog.l <= 360) & (np.abs(catalog.b) <= 90)).all()


relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HEADERS = ["Jmag,e_Jmag,Hmag,e_Hmag,Kmag,e_Kmag,GLON,GLAT\n", "ra,dec,j_m,j_msigcom,h_m,h_msigcom,k_m,k_msigcom\n"]
cell = st.one_of(st.sampled_from(["", "null", "nan", "9.999", "-999", "1e99", "x", '"']), st.floats(-400, 400).map(str))


@relaxed
@given(data=st.binary(max_size=400), start=st.sampled_from([b"", b"SIMPLE  =", b"<VOTABLE", b"# %ECSV", b"\x1f\x8b"]))
@example(data=b",,,\n,,,", start=b"")
def test_any_bytes(tmp_path, data, start):
    (tmp_path / "any").write_bytes(start + data)
    accepted_or_refused(tmp_path / "any")


@relaxed
@given(header=st.sampled_from(HEADERS), rows=st.lists(st.lists(cell, min_size=7, max_size=9), max_size=6))
def test_any_csv(tmp_path, header, rows):
    (tmp_path / "any.csv").write_text(header + "\n".join(",".join(row) for row in rows))
    accepted_or_refused(tmp_path / "any.csv")


@relaxed
@given(changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=20))
def test_any_damage_to_fits(tmp_path, changes):
    path = tmp_path / "stars.fits"
    stars().write(path, overwrite=True)
    damaged = bytearray(path.read_bytes())
    for place, value in changes:
        damaged[place % len(damaged)] = value
    path.write_bytes(damaged)
    accepted_or_refused(path)


def test_reports_of_pieces_add_up(tmp_path):
    table = stars(50)
    table["e_Jmag"][::7] = 9.999
    table["GLAT"][3:9] = 5.0
    table["GLON"][20] = np.nan
    table.write(tmp_path / "whole.fits")
    table[:30].write(tmp_path / "first.fits")
    table[30:].write(tmp_path / "second.fits")
    whole, first, second = (
        read_rows(open_table(tmp_path / f"{name}.fits"), (280, 282, -1, 1)) for name in ("whole", "first", "second")
    )
    assert first.report + second.report == whole.report
    assert whole.report.dropped["outside the region"] == 6 and whole.report.dropped["without position"] == 1
    assert whole.report.masked["J"]["upper limit"] > 5
    nothing = read_rows(open_table(tmp_path / "whole.fits"), (10, 20, -1, 1))
    assert len(nothing) == 0 and nothing.report.dropped["outside the region"] == 49
