"""Every published catalog at hand reads by one call, with the masks and numbers of rows that it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from milkyway_cnn.errors import InputError
from milkyway_cnn.reading import read
from milkyway_cnn.surveys.cuts import Cut
from milkyway_cnn.surveys.read import check_catalog, read_catalog

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
#: Arrays of magnitudes in this order, parallaxes in arcsec: the layout of the brutus catalogs.
ORDER = ("g", "r", "i", "z", "y", "J", "H", "Ks")
BRUTUS = {band: f"mag[{n}]" for n, band in enumerate(ORDER)}
BRUTUS |= {f"{band}_error": f"err[{n}]" for n, band in enumerate(ORDER)}
BRUTUS |= {name: (name, "arcsec") for name in ("parallax", "parallax_error")}


def published(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs {name} of the shared data")
    return path


@pytest.mark.parametrize(
    ("name", "surveys", "rows", "stars", "box", "unmeasured"),
    [
        ("2mass/pnicer_Orion_A_2mass.fits", ["2mass"], 86_460, 86_460, (206.7, 216.2, -20.6, -18.1),
         {"J": 3078, "H": 3039, "Ks": 9557}),
        ("2mass/pnicer_CF_2mass.fits", ["2mass"], 24_609, 24_609, (231.9, 234.7, -20.6, -18.1),
         {"J": 131, "H": 1057, "Ks": 5606}),
        ("2mass/ismcourse_perseus_2mass.csv", ["2mass"], 11_904, 11_869, (157.3, 159.5, -21.6, -19.5),
         {"J": 493, "H": 484, "Ks": 608}),
        ("2mass/glue_w5_psc.csv", ["2mass"], 17_771, 17_424, (136.3, 138.7, -0.2, 2.3),
         {"J": 339, "H": 230, "Ks": 312}),
        ("2mass/astroquery_irsa_fp_psc_Cone.vot", ["2mass"], 1, 1, (121.1, 121.2, -21.6, -21.5), {"J": 0}),
        ("2mass/astroquery_irsa_fp_psc_Polygon.vot", ["2mass"], 7, 7, (118.2, 118.4, -52.8, -52.6), {"J": 0}),
        ("2mass/astroquery_kang2010_w51_ysos.vot", ["2mass"], 50, 25, (48.7, 48.9, -0.7, 0.3), {"J": 12, "Ks": 0}),
        ("gaia/asteca_field_ngc103_gaiadr3.csv", ["gaia"], 8683, 8683, (119.4, 120.2, -1.7, -1.0),
         {"G": 0, "BP-RP": 141, "parallax": 65}),
        ("gaia/ngc2659binar_fullframe_UBC_482.csv", ["gaia"], 15_643, 15_643, (264.1, 266.1, -3.0, -1.0),
         {"G": 0, "BP-RP": 286, "parallax": 0}),
        ("gaia/astroquery_gaia_1710099405832VAL.vot", ["gaia"], 2, 2, (51.6, 289.7, 9.2, 24.1),
         {"G": 0, "BP": 0, "RP": 0, "parallax": 0}),
        ("gaia/astroquery_mast_panstarrs.json", ["panstarrs"], 35, 27, (349.0, 349.2, -82.0, -81.9), {"i": 0}),
        ("gaia/astroquery_mast_tic.json", ["2mass", "gaia", "panstarrs"], 7, 1, (15.2, 15.3, 22.9, 23.0), {"J": 1}),
        ("gaia/brutus_Orion_l204.7_b-19.2_ps1_2mass_gaia.h5", ["2mass", "gaia", "panstarrs"], 1642, 1642,
         (204.4, 205.0, -19.5, -18.9),
         {"g": 311, "r": 18, "i": 31, "z": 14, "y": 49, "J": 1194, "H": 1265, "Ks": 1408, "parallax": 0}),
    ],
)  # fmt: skip
def test_it_reads(name, surveys, rows, stars, box, unmeasured):
    catalog = read(published(name), columns=BRUTUS if "brutus" in name else None)
    report = catalog.report
    assert list(catalog.surveys) == surveys
    assert (report.rows, report.stars, len(catalog)) == (rows, stars, stars)
    assert rows == stars + sum(report.dropped.values())
    assert (box[0] < catalog.l).all() and (catalog.l < box[1]).all()
    assert (box[2] < catalog.b).all() and (catalog.b < box[3]).all()
    for column, count in unmeasured.items():
        assert np.isnan(catalog[column]).sum() == count == sum(report.masked[column].values()), column
        if f"{column}_error" in catalog:
            np.testing.assert_array_equal(np.isnan(catalog[f"{column}_error"]), np.isnan(catalog[column]))
            assert (catalog[f"{column}_error"][~np.isnan(catalog[column])] > 0).all()


@pytest.mark.parametrize("name", ["2mass/glue_w5_psc.csv", "2mass/astroquery_kang2010_w51_ysos.vot"])
def test_without_errors_it_reads_but_cannot_be_mapped(name):
    catalog = read_catalog(published(name))
    assert "no errors of J, H and Ks: detections and upper limits cannot be told apart" in str(catalog.report)
    with pytest.raises(InputError, match=r"lacks columns; .* J_error \(e_Jmag or j_msigcom or j_cmsig or J_error\)"):
        check_catalog(published(name))


def test_flags_of_2mass_can_be_cut_otherwise():
    path = published("2mass/ismcourse_perseus_2mass.csv")
    default, uncut = read_catalog(path), read_catalog(path, cuts=[])
    assert tuple(uncut.report.masked[band]["upper limit"] for band in ("J", "H", "Ks")) == (474, 492, 605)
    assert len(uncut) == 11_904
    assert default.report.dropped["Aflg above 0"] == 2
    assert default.report.masked["J"] == {
        "upper limit": 470,
        "missing": 0,
        "Qflg not ABCDE": 0,
        "Rflg not 123": 0,
        "Cflg not 0cb": 23,
    }
    best = [Cut("Qflg", (band,), "A", place) for place, band in enumerate(("J", "H", "Ks"))]
    AAA = read_catalog(path, cuts=best)
    assert np.isfinite([AAA[band] for band in ("J", "H", "Ks")]).all(axis=0).sum() == 5978


def test_flags_that_a_spreadsheet_took_for_numbers(tmp_path):
    table = Table.read(published("2mass/ismcourse_perseus_2mass.csv"), format="ascii.csv")
    assert table["Rflg"].dtype.kind == "i"
    clean = table[np.array([flag == "000" for flag in table["Cflg"]])]
    clean["Cflg"] = np.zeros(len(clean), int)
    clean.write(tmp_path / "numbers.csv")
    report = read_catalog(tmp_path / "numbers.csv").report
    assert report.masked["J"]["Rflg not 123"] == report.masked["J"]["Cflg not 0cb"] == 0


def test_pan_starrs_positions_are_those_in_the_names():
    path = published("gaia/astroquery_mast_panstarrs.json")
    catalog = read_catalog(path, cuts=[])
    # PSO J002353.230-323148.612 is the first row, and has a magnitude.
    named = SkyCoord("00h23m53.230s", "-32d31m48.612s", frame="icrs").galactic
    first = SkyCoord(catalog.l[0], catalog.b[0], unit="deg", frame="galactic")
    assert first.separation(named).arcsec < 0.1


def test_units_and_signs_of_the_cross_matched_catalog():
    catalog = read_catalog(published("gaia/brutus_Orion_l204.7_b-19.2_ps1_2mass_gaia.h5"), columns=BRUTUS)
    assert 0.2 < np.median(catalog["parallax"]) < 5  # mas
    assert catalog["g"][0] == np.float32(14.774227) and np.isnan(catalog["r"][0])
    assert catalog["parallax"][0] == pytest.approx(1.06678, abs=1e-5)
    only = read_catalog(published("gaia/brutus_Orion_l204.7_b-19.2_ps1_2mass_gaia.h5"), columns=BRUTUS, survey="2mass")
    assert only.surveys == ("2mass",) and len(only) == 1642 - only.report.dropped["without detection"] < 500


def test_errors_of_the_gaia_archive_come_from_fluxes():
    path = published("gaia/astroquery_gaia_1710099405832VAL.vot")
    catalog = read_catalog(path)
    table = Table.read(path, format="votable")
    expected = 2.5 / np.log(10) / np.array(table["phot_g_mean_flux_over_error"])
    np.testing.assert_allclose(catalog["G_error"], expected, rtol=1e-6)
    np.testing.assert_allclose(catalog["BP-RP"], table["bp_rp"], atol=2e-6)
    assert catalog.units["parallax"] == "mas"
