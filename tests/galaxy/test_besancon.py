"""The reader of the Besancon model's outputs, on small files in each of their formats."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milkyway_cnn.errors import InputError
from milkyway_cnn.galaxy.besancon import BesanconModel, read_besancon
from milkyway_cnn.galaxy.synthesis import expected_counts, synthesize, synthesize_chunks

HEAD = "  Dist    Mv  CL Typ  LTef  logg Age Mass  J-H    H-K    J-K    V-K    V   [Fe/H] l         b       Av   Mbol"
STARS = """\
  0.091 10.20  5 7.20 3.559  4.85  7 0.48  0.601  0.223  0.824  4.175 15.133  0.02  10.62000  -0.38000  0.056  8.671
  0.151 14.60  6 9.00 3.741  8.00  2 0.60  0.280  0.087  0.367  1.738 20.653  0.17  10.62000  -0.38000  0.098  0.000
 12.345  1.20  3 5.80 3.679  2.85  8 1.08  2.801  1.423  4.224 14.491 25.133-10.12  10.62000  -0.38000 13.651  0.671"""
FORM = f"""\
1   ****
    *      BESANCON MODEL OF STELLAR POPULATION SYNTHESIS 2003-12

  (l =    10.6; b =   -0.4)  Distance  0.0 a  50.0 kpc;  Solid angle      0.111  square degree
  Absorption at s.n. : 0.70 mag./kpc   0 clouds
{HEAD}
{STARS}
{HEAD}
  Stars ejected by selection in mag :   34225345.0

  TOTAL NUMBER OF STARS :     3
"""
SERVICE = """\
#     V     V-K     J-K     CL Typ    Teff   logg  Pop  Age     Mass   Mbol   [M/H]   longitude   latitude  Dist   Av
  17.688  3.000   0.700  5 7.35    5012.  4.99   4  2.5000  0.270   10.193   -0.165  235.294861  -48.232288 1.0191 0.000
  17.955  2.000   0.600  5 7.10    5756.  4.79  11 12.0000  0.550    8.575   -0.071  235.630981  -48.059799 2.1039 0.000
"""
CSV = """\
Dist,CL,LTef,logg,Age,Mass,V-K,V,[Fe/H],l,b,Av
1.0,5,3.75,4.5,3,1.0,2.892,12.892,0.0,200.0,59.0,1.0
2.0,3,3.65,2.5,9,0.8,3.0,99.9,0.0,200.0,59.0,1.0
"""


def write(folder, text, name="catalog"):
    path = folder / name
    path.write_text(text)
    return path


def test_the_form_of_2003(tmp_path):
    stars = read_besancon(write(tmp_path, FORM))
    assert (len(stars), stars.solid_angle, stars.l, stars.b, stars.left_out) == (3, 0.111, 10.62, -0.38, 0)
    np.testing.assert_allclose(stars.Ks[0], 15.133 - 4.175 - 0.108 * 0.056, atol=1e-5)
    np.testing.assert_allclose(stars.J - stars.Ks, [0.824 - 0.174 * 0.056, 0.367 - 0.174 * 0.098, 1.849], atol=1e-3)
    np.testing.assert_allclose(stars.metallicity[2], -10.12)  # its column touches the one before
    assert stars.component.tolist() == [7, 2, 8]
    assert stars.supplied == ()
    np.testing.assert_allclose(stars.log_luminosity, [0.4 * (4.74 - 8.671), np.nan, 0.4 * (4.74 - 0.671)], rtol=1e-6)


def test_the_service_of_today(tmp_path):
    stars = read_besancon(write(tmp_path, SERVICE.replace("\n", " \r\n")), solid_angle=0.5)
    np.testing.assert_allclose(stars.Ks, [14.688, 15.955], atol=1e-5)
    np.testing.assert_allclose(stars.J - stars.Ks, [0.7, 0.6], atol=1e-5)
    assert stars.supplied == ("H",)
    assert stars.component.tolist() == [4, 8]
    np.testing.assert_allclose(stars.log_teff, np.log10([5012, 5756]), rtol=1e-6)


def test_csv_without_near_infrared_colors(tmp_path):
    stars = read_besancon(write(tmp_path, CSV), solid_angle=1.0)
    assert (len(stars), stars.left_out, stars.supplied) == (1, 1, ("J", "H"))
    np.testing.assert_allclose(stars.Ks, 10.0 - 0.108, atol=1e-5)
    assert 0.3 < stars.J[0] - stars.Ks[0] < 0.5
    assert np.isnan(stars.log_luminosity).all()


def test_gzip_gives_the_same(tmp_path):
    path = tmp_path / "catalog.resu.gz"
    path.write_bytes(gzip.compress(FORM.encode()))
    np.testing.assert_array_equal(read_besancon(path).J, read_besancon(write(tmp_path, FORM)).J)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"rinf":0.0}\n', "is no output of the Besancon model: it begins with"),
        ("", "is no output of the Besancon model"),
        (FORM.replace("SOLID", "").replace("Solid angle", ""), "does not state its solid angle"),
        (CSV, "does not state its solid angle"),
        (FORM.replace("STARS :     3", "STARS :     4"), "holds 3 of the 4 stars that it states"),
        (FORM[:-60], "is cut off"),
        (FORM.replace("4.85", "oops"), "a value is no number"),
        (SERVICE.replace("0.000\n", "\n", 1), "row 1 has not the 16 values"),
        (SERVICE.splitlines()[0], "holds no stars"),
        (SERVICE.replace("V-K", "V-I"), "has no K magnitude"),
        (SERVICE.replace("logg", "grav"), "has no column logg"),
    ],
)
def test_what_is_none_is_one_sentence(tmp_path, text, sentence):
    angle = None if "solid angle" in sentence else 1.0
    with pytest.raises(InputError, match=re.escape(sentence)):
        read_besancon(write(tmp_path, text), angle)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_besancon(tmp_path / "none.resu")


@given(st.integers(0, len(FORM) - 1), st.characters(codec="ascii"))
def test_a_changed_character_gives_stars_or_a_sentence(tmp_path_factory, place, character):
    path = write(tmp_path_factory.getbasetemp(), FORM[:place] + character + FORM[place + 1 :])
    try:
        stars = read_besancon(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert len(stars) + stars.left_out == 3


@pytest.fixture
def model(tmp_path):
    rows = [f"{0.1 + 0.01 * n},5,3.75,4.5,{1 + n % 9},1.0,1.5,{10 + 0.01 * n},0.0,285.0,0.0,0.0" for n in range(1000)]
    path = write(tmp_path, CSV.splitlines()[0] + "\n" + "\n".join(rows), "carina.csv")
    return BesanconModel.read([path], solid_angle=0.1)


def test_a_sightline_draws_from_the_output(model):
    stars = synthesize(284.0, 1.0, 2.0, seed=1, model=model, faintest_J=99.0, faintest_Ks=15.0)
    assert len(stars) == pytest.approx(20 * 650, rel=0.03)
    assert expected_counts(284.0, 1.0, model=model, faintest_J=99.0, faintest_Ks=15.0) == pytest.approx(6500, rel=0.01)
    again = list(synthesize_chunks(284.0, 1.0, 2.0, seed=1, model=model, faintest_J=99.0, faintest_Ks=15.0, chunk=999))
    np.testing.assert_array_equal(np.concatenate([part.Ks for part in again]), stars.Ks)
    assert set(np.unique(stars.component)) == set(range(1, 10))
    assert (stars.Ks < 15.0).all()


def test_a_sightline_elsewhere_is_one_sentence(model):
    with pytest.raises(InputError, match=r"no output .* lies within 10 deg of l=300, b=0; the nearest is 15.0 deg"):
        synthesize(300.0, 0.0, 1.0, seed=1, model=model)
