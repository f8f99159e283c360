"""Isochrones of the user's own: files of both services, and the stars that come of them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.galaxy.evolution import PHASES
from milkyway_cnn.galaxy.isochrones import read_isochrones
from milkyway_cnn.galaxy.models import BESANCON_2003, EMBEDDED
from milkyway_cnn.galaxy.populations import states
from milkyway_cnn.galaxy.synthesis import expected_counts, synthesize

FOLDER = Path(__file__).parents[2].parent / "shared/data/isochrones"
FILES = tuple(str(path) for path in sorted(FOLDER.glob("parsec_*_twomass.dat")))
MASSES = np.concatenate((np.linspace(0.1, 1.0, 50), np.linspace(1.002, 1.1, 30)))


def rows(log_age, metallicity, labels=(1, 3, 7, 9)):
    """Main sequence below 1 Msun, then giants of rising luminosity, and at the end what is left out."""
    label = np.where(MASSES <= 1.0, labels[0], np.where(MASSES < 1.08, labels[1], labels[2]))
    label[-1] = labels[3]
    log_l = np.where(MASSES <= 1.0, 4.0 * np.log10(MASSES), 25.0 * (MASSES - 1.0))
    log_t = np.where(MASSES <= 1.0, 3.76 + 0.5 * np.log10(MASSES), 3.76 - 1.5 * (MASSES - 1.0))
    log_g = 4.44 + np.log10(MASSES) - log_l + 4 * (log_t - 3.76)
    ks = 3.3 - 2.2 * log_l
    full = np.full(MASSES.size, metallicity)
    return np.column_stack(
        (full, np.full(MASSES.size, log_age), MASSES, MASSES, log_l, log_t, log_g, label, ks + 0.6, ks + 0.1, ks)
    )


def parsec(path, *isochrones):
    head = "# CMD\n# MH logAge Mini Mass logL logTe logg label Jmag Hmag Ksmag\n"
    path.write_text(head + "\n".join(" ".join(f"{v:.8g}" for v in row) for part in isochrones for row in part) + "\n")
    return str(path)


def mist(path, isochrone, photometry=True):
    head = """# MIST version number  = 1.2
#  Yinit        Zinit   [Fe/H]   [a/Fe]  v/vcrit
#  0.2703   1.42857E-02    -0.25     0.00     0.40
# number of isochrones =      1
# EEP log10_isochrone_age_yr initial_mass star_mass log_L log_Teff log_g phase"""
    head += " 2MASS_J 2MASS_H 2MASS_Ks\n" if photometry else "\n"
    body = isochrone[:, 1:] if photometry else isochrone[:, 1:8]
    path.write_text(head + "\n".join(" ".join(f"{v:.8g}" for v in (n, *row)) for n, row in enumerate(body)) + "\n")
    return str(path)


def test_a_file_of_parsec(tmp_path):
    found = read_isochrones(parsec(tmp_path / "p.dat", rows(9.6, 0.0), rows(9.9, -0.5)))
    assert [(round(i.age, 3), i.metallicity) for i in found] == [(3.981, 0.0), (7.943, -0.5)]
    assert found[0].phase.size == MASSES.size - 1  # the remnant is left out
    assert set(found[0].phase) == {0, 2, 4}
    np.testing.assert_allclose(found[1].near_infrared[2, 0], 3.3 + 8.8, rtol=1e-6)


@pytest.mark.parametrize("photometry", [True, False])
def test_a_file_of_mist(tmp_path, photometry):
    (found,) = read_isochrones(mist(tmp_path / "m.iso", rows(9.6, 0.0, (0, 2, 4, 6)), photometry))
    assert found.metallicity == -0.25  # the header says it
    assert (found.near_infrared is None) != photometry
    gap, branch = list(PHASES).index("Hertzsprung gap"), list(PHASES).index("giant branch")
    assert found.log_g[found.phase == gap].min() > 3.7 >= found.log_g[found.phase == branch].max()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("EEP mass\n1 2\n", "no isochrone file of PARSEC (CMD) or MIST: it begins with 'EEP mass'"),
        ("", "it begins with ''"),
        ("# MH logAge Mini Mass logL logTe logg label\n0 9 1 1 0 3.7 4\n", "row 1 has not as many values"),
        ("# MH logAge Mini Mass logL logTe logg label\n0 9 1 1 0 x 4 1\n", "a value is no number"),
        ("# MH logAge Mini Mass logL logTe logg label\n0 9 1 1 nan 3.7 4 1\n", "not finite"),
        ("# MH logAge Mini Mass logL logTe logg label\n", "holds no stars"),
    ],
)
def test_a_file_of_another_format_is_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "wrong.dat"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(sentence)):
        read_isochrones(path)


def test_a_missing_file_is_one_sentence_also_from_the_synthesis(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        synthesize(285, 0, 0.1, seed=1, model=replace(EMBEDDED, isochrones=(str(tmp_path / "none.dat"),)))


def test_ages_that_no_file_has_are_one_sentence(tmp_path):
    path = parsec(tmp_path / "p.dat", rows(9.6, 0.0))
    with pytest.raises(InputError, match=r"no isochrone is near the ages 0 to 0.15 Gyr .* is of 3.98 Gyr"):
        states(BESANCON_2003.thin[0], 0.0, (path,))


def test_stars_lie_on_the_isochrone_and_follow_the_mass_function(tmp_path):
    s = states(BESANCON_2003.thin[4], 0.0, (parsec(tmp_path / "p.dat", rows(9.6, 0.0)),))
    assert (s.number * s.mass).sum() == pytest.approx(BESANCON_2003.thin[4].mass_density, rel=0.01)
    dwarf = s.phase == 0
    log_l = s.atmosphere[1, 0, 0]
    np.testing.assert_allclose(s.magnitudes[dwarf, 2], 3.3 - 2.2 * log_l[dwarf], atol=1e-3)
    np.testing.assert_allclose(s.age, 10**0.6, rtol=1e-5)
    between = s.number[(s.initial_mass > 0.5) & (s.initial_mass < 0.7)].sum()
    below = s.number[(s.initial_mass > 0.2) & (s.initial_mass < 0.3)].sum()
    expected = (0.5**-0.6 - 0.7**-0.6) / (0.2**-0.6 - 0.3**-0.6)
    assert between / below == pytest.approx(expected, rel=0.03)


def test_companions_are_on_the_same_isochrone(tmp_path):
    path = parsec(tmp_path / "p.dat", rows(9.6, 0.0))
    single, double = (states(BESANCON_2003.thin[4], fraction, (path,)) for fraction in (0.0, 0.4))
    log_l = double.atmosphere[1, 1, 0]
    seen = np.isfinite(log_l)
    assert 0.25 < seen.mean() < 0.4
    assert (log_l[seen] <= double.atmosphere[1, 0, 0][seen] + 1e-6).all()
    assert double.number.sum() < single.number.sum()


def test_shares_of_the_star_formation(tmp_path):
    path = parsec(tmp_path / "p.dat", rows(9.5, 0.0), rows(9.6, 0.0), rows(9.69, 0.0))
    s = states(BESANCON_2003.thin[4], 0.0, (path,))
    dwarf = s.initial_mass < 1.0
    ages = np.unique(s.age)
    shares = np.array([s.number[dwarf & (s.age == age)].sum() for age in ages])
    edges = np.array([3.0, 0.5 * (ages[0] + ages[1]), 0.5 * (ages[1] + ages[2]), 5.0])
    np.testing.assert_allclose(shares / shares.sum(), np.diff(edges) / 2.0, rtol=0.05)


@pytest.mark.skipif(not FILES, reason="isochrones are not beside the repository")
def test_parsec_counts_the_stars_that_the_tracks_count():
    model = replace(BESANCON_2003, isochrones=FILES)
    for direction in ((285, 0), (233, -19)):
        ours = expected_counts(*direction, model=BESANCON_2003)
        assert expected_counts(*direction, model=model) == pytest.approx(ours, rel=0.20)
    stars = synthesize(285, 0, 0.25, seed=1, model=model)
    tracks = synthesize(285, 0, 0.25, seed=1, model=BESANCON_2003)
    assert np.median(stars.J - stars.Ks) == pytest.approx(np.median(tracks.J - tracks.Ks), abs=0.05)
