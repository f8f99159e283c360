from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys import gaia

# G and median parallax error (mas) that the releases state: A&A 616, A1 (2018) and A&A 649, A1 (2021).
STATED = {"DR2": {13: 0.04, 17: 0.1, 20: 0.7}, "DR3": {15: 0.03, 17: 0.07, 20: 0.5, 21: 1.3}}


@pytest.mark.parametrize("name", STATED)
def test_parallax_errors_are_the_stated_medians(name):
    for G, error in STATED[name].items():
        assert gaia.release(name).parallax_error(G) == pytest.approx(error, rel=0.17), G


def test_bright_stars_have_the_error_of_g_13_and_more_transits_help():
    assert gaia.DR3.parallax_error(7.0) == gaia.DR3.parallax_error(13.0)
    more = gaia.release("DR3", transits=4.0)
    assert more.parallax_error(18.0) == pytest.approx(0.5 * gaia.DR3.parallax_error(18.0))
    assert more.magnitude_error(18.0, "BP") == pytest.approx(0.5 * gaia.DR3.magnitude_error(18.0, "BP"))


def test_zero_points():
    assert gaia.DR2.parallax_zero_point(np.array([10.0, 18.0])) == pytest.approx([-0.029, -0.029])
    assert gaia.DR3.parallax_zero_point(np.array([6.0, 13.1, 21.0])) == pytest.approx([-0.02698, -0.03799, -0.01822])


def test_errors_grow_with_magnitude_and_are_larger_in_the_photometers():
    G = np.arange(13.0, 21.0, 0.25)
    for band in gaia.BANDS:
        assert (np.diff(gaia.DR3.magnitude_error(G, band)) > 0).all()
    assert (gaia.DR3.magnitude_error(G, "BP") > 2.5 * gaia.DR3.magnitude_error(G, "G")).all()
    assert gaia.DR2.magnitude_error(15.0, "G") > gaia.DR3.magnitude_error(15.0, "G")


def test_completeness_falls_at_the_limit_and_earlier_where_stars_crowd():
    assert gaia.DR3.completeness(19.0, "G") > 0.99
    assert gaia.DR3.completeness(20.7, "G") == pytest.approx(0.5)
    assert gaia.DR3.completeness(19.7, "G", 1_050_000.0) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: gaia.release("DR4"), "no error model of Gaia 'DR4'; choose from DR2, DR3"),
        (lambda: gaia.release(transits=0.0), r"transits \(=0\) must be positive"),
        (lambda: gaia.DR3.magnitude_error(15.0, "Ks"), "Gaia DR3 has no band 'Ks'; choose from G, BP, RP"),
        (lambda: gaia.DR3.completeness(15.0, "g"), "no band 'g'"),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


CATALOG = Path(__file__).parents[2].parent / "shared/data/gaia/asteca_field_ngc103_gaiadr3.csv"
#: Errors of the zero points of G, BP and RP (mag), which VizieR adds to those of the stars.
ZERO_POINT_ERROR = {"G": 0.00276, "BP": 0.00279, "RP": 0.00378}


@pytest.mark.skipif(not CATALOG.exists(), reason=f"{CATALOG.name} is not beside the repository")
def test_errors_are_those_of_the_catalog():
    from astropy.table import Table

    rows = Table.read(CATALOG, format="ascii.csv")
    names = ("Gmag", "e_Gmag", "BP-RP", "e_BP-RP", "e_Plx")
    G, e_G, color, e_color, e_parallax = (np.ma.filled(rows[name].astype(float), np.nan) for name in names)
    survey = gaia.release("DR3", transits=1.4)  # l = 120 is seen more often than the mean sky
    for middle in np.arange(14.0, 18.3, 0.5):
        near = np.abs(G - middle) < 0.15
        assert survey.parallax_error(middle) == pytest.approx(np.nanmedian(e_parallax[near]), rel=0.08), middle
        expected = np.hypot(survey.magnitude_error(middle, "G"), ZERO_POINT_ERROR["G"])
        assert expected == pytest.approx(np.nanmedian(e_G[near]), rel=0.02), middle
        bp, rp = middle + 0.45 * np.nanmedian(color[near]), middle - 0.55 * np.nanmedian(color[near])
        parts = [survey.magnitude_error(bp, "BP"), survey.magnitude_error(rp, "RP")]
        expected = np.linalg.norm([*parts, ZERO_POINT_ERROR["BP"], ZERO_POINT_ERROR["RP"]])
        # Neighbors disturb the photometers in the plane: their error grows beyond that of the mean sky.
        crowd = 0.04 if middle < 15.5 else 0.18
        assert expected == pytest.approx(np.nanmedian(e_color[near]), rel=crowd), middle
