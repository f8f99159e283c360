from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.galaxy.dwarfs import DWARFS, dwarf
from milkyway_cnn.galaxy.photometry import absolute_magnitudes
from milkyway_cnn.galaxy.synthesis import synthesize

TABLE = Path(__file__).parents[2].parent / "shared/data/isochrones/EEM_dwarf_UBVIJHK_colors_Teff_2022.04.16.txt"


def test_table_rises_in_temperature_and_colors_fall():
    assert (np.diff(DWARFS["Teff"]) > 0).all()
    for color in ("BC_Ks", "G-Ks", "BP-RP", "G-RP", "r-i"):
        assert (np.diff(DWARFS[color]) <= 0).all(), color
    assert dwarf("BP-RP", 50_000.0) == DWARFS["BP-RP"][-1]


@pytest.fixture(scope="module")
def published():
    """Columns of the table by type from O9V to M8V, missing values NaN."""
    if not TABLE.exists():
        pytest.skip(f"{TABLE.name} is not beside the repository")
    lines = TABLE.read_text().splitlines()
    names = next(line for line in lines if line.startswith("#SpT"))[1:].split()
    rows = [line.split() for line in lines if line[:1] in "OBAFGKM" and len(line.split()) == len(names)]
    values = np.array([[np.nan if "..." in word else float(word.strip(":*")) for word in row[1:-1]] for row in rows])
    hot_enough = values[:, 0] >= 2570.0
    return dict(zip(names[1:-1], values[hot_enough].T, strict=True))


def worst(found, expected, chosen):
    known = chosen & np.isfinite(expected)
    assert known.sum() > 3
    return np.abs(found - expected)[known].max()


def test_photometry_of_dwarfs_is_the_published_sequence(published):
    teff = published["Teff"]
    bands = ("J", "H", "Ks", "G", "BP", "RP", "r", "i")
    # With the published luminosities, so that the absolute magnitudes compare too.
    m = dict(zip(bands, absolute_magnitudes(published["logL"], teff, 4.5, 0.0, bands), strict=True))
    r_i = np.minimum(1.007 * (published["V-Ic"] - published["V-Rc"]) - 0.236, 2.0)  # the locus ends there
    hot, solar, cool = teff > 7000, (teff <= 7000) & (teff > 4000), teff <= 4000
    # From 4000 to 7000 K the relations of Casagrande et al. hold instead of the table; it has Gaia's DR2 in G-RP.
    for found, expected, bounds in (
        (m["J"] - m["H"], published["J-H"], (0.02, 0.035, 0.035)),
        (m["H"] - m["Ks"], published["H-Ks"], (0.01, 0.03, 0.025)),
        (m["BP"] - m["RP"], published["Bp-Rp"], (0.04, 0.06, 0.14)),
        (m["G"] - m["RP"], published["G-Rp"], (0.04, 0.05, 0.025)),
        (m["G"] - m["Ks"], published["G-V"] + published["V-Ks"], (0.07, 0.08, 0.18)),
        (m["r"] - m["i"], r_i, (0.07, 0.05, 0.06)),
        (m["Ks"], published["M_Ks"], (0.18, 0.10, 0.04)),
    ):
        for chosen, bound in zip((hot, solar, cool), bounds, strict=True):
            assert worst(found, expected, chosen) < bound


def test_main_sequence_is_where_the_published_one_is(published):
    stars = synthesize(0, 90, 2000.0, seed=1, faintest={"Ks": 14.0}, farthest=0.1)
    known = stars.states
    single = ~np.isfinite(known.atmosphere[1, 1, 0][stars.state])
    dwarfs = single & (known.luminosity_class[stars.state] == 5)
    solar = stars[dwarfs & (np.abs(stars.table()["metallicity"].value) < 0.1)]
    modulus = 5 * np.log10(solar.distance) + 10
    color = solar.magnitude("BP") - solar.magnitude("RP")
    some = np.flatnonzero(np.isfinite(published["Bp-Rp"]) & (published["Bp-Rp"] > 0.8) & (published["Bp-Rp"] < 3.4))
    for row in some[::3]:
        near = np.abs(color - published["Bp-Rp"][row]) < 0.06
        M_Ks = published["M_Ks"][row]
        for band, expected in (("G", M_Ks + published["G-V"][row] + published["V-Ks"][row]), ("Ks", M_Ks)):
            found = np.median((solar.magnitude(band) - modulus)[near])
            assert found == pytest.approx(expected, abs=0.25), published["Bp-Rp"][row]
