from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.law import A_H, A_J, A_KS, DEFAULT, LAWS, WAVELENGTH, extinction, ratio, ratio_table
from milkyway_cnn.surveys.registry import BANDS

# A_band / A_V at R_V = 3.1 of J, H, Ks, G, BP, RP, g, r, i, z, y, computed with dust_extinction 1.7 independently.
PUBLISHED = {
    "CCM89": (0.2876, 0.1783, 0.1170, 0.871, 1.092, 0.631, 1.163, 0.872, 0.666, 0.510, 0.429),
    "O94": (0.2876, 0.1783, 0.1170, 0.861, 1.105, 0.643, 1.180, 0.862, 0.676, 0.513, 0.429),
    "F99": (0.2620, 0.1633, 0.1121, 0.824, 1.087, 0.581, 1.165, 0.825, 0.610, 0.482, 0.402),
    "F04": (0.2436, 0.1402, 0.0880, 0.823, 1.087, 0.571, 1.165, 0.824, 0.601, 0.467, 0.385),
    "F19": (0.2899, 0.1826, 0.1177, 0.873, 1.108, 0.643, 1.189, 0.874, 0.672, 0.542, 0.455),
    "G23": (0.2740, 0.1661, 0.1066, 0.865, 1.100, 0.618, 1.182, 0.865, 0.647, 0.516, 0.426),
}


@pytest.mark.parametrize("law", PUBLISHED)
def test_ratios_are_those_of_the_laws(law):
    assert [ratio(band, law) for band in BANDS] == pytest.approx(PUBLISHED[law], abs=1e-3)


def test_default_is_the_table_of_rieke_and_lebofsky():
    from dust_extinction.averages import RL85_MWGC

    curve = dict(zip(RL85_MWGC.obsdata_x, RL85_MWGC.obsdata_axav, strict=True))
    for band, wavelength, expected in (("J", 1.25, A_J), ("H", 1.65, A_H), ("Ks", 2.22, A_KS)):
        assert ratio(band) == expected
        nearest = min(curve, key=lambda x: abs(1.0 / x - wavelength))
        assert curve[nearest] == expected
    assert ratio("g") == ratio("g", LAWS[DEFAULT].beyond)
    # What the Besancon model prints.
    assert pytest.approx([0.282, 0.176, 0.108], abs=0.005) == [A_J, A_H, A_KS]


def test_steeper_laws_for_smaller_grains():
    blue, standard, gray = (ratio("g", "G23", R_V) for R_V in (2.5, 3.1, 5.0))
    assert blue > standard > gray
    assert ratio("J", "G23", 5.0) > ratio("J", "G23", 2.5)


def test_every_law_falls_with_wavelength():
    for law in PUBLISHED:
        values = [ratio(band, law) for band in sorted(BANDS, key=WAVELENGTH.get)]
        assert (np.diff(values) < 0).all(), law


def test_gaia_bands_follow_the_color_and_the_extinction():
    A_V = np.array([0.1, 1.0, 5.0, 15.0])
    sun, giant = (extinction("G", A_V, "F19", bp_rp=color) / A_V for color in (0.82, 1.5))
    assert (np.diff(sun) < 0).all()
    assert (giant < sun).all()
    # Casagrande et al. 2021 for the same kind of law in thin dust: R_G = 3.071 - 0.511 x + 0.058 x^2 per E(B-V).
    for color in (0.5, 0.82, 1.5):
        thin = extinction("G", 0.1, "O94", bp_rp=color) / 0.1
        assert thin == pytest.approx((3.071 - 0.511 * color + 0.058 * color**2) / 3.1, rel=0.06)
    assert extinction("RP", 1.0, "F19", bp_rp=0.82) == pytest.approx(0.64, abs=0.01)
    # Beyond the ends of its range the polynomial is not followed.
    np.testing.assert_array_equal(extinction("G", A_V, bp_rp=3.5), extinction("G", A_V, bp_rp=2.5))
    assert extinction("G", 30.0, bp_rp=1.0) == pytest.approx(1.5 * extinction("G", 20.0, bp_rp=1.0))
    # Without a color, and in other bands, the ratio alone.
    assert extinction("G", 2.0) == 2.0 * ratio("G")
    assert extinction("Ks", 2.0, bp_rp=1.0) == 2.0 * A_KS


def test_table_names_its_sources():
    table = ratio_table(("Ks", "J", "g"), "F19", 3.3)
    assert list(table["band"]) == ["J", "Ks", "g"]
    assert str(table["wavelength"].unit) == "um"
    assert set(table["source"]) == {"Fitzpatrick et al. 2019, ApJ 886, 108"}
    assert table.meta == {"law": "F19", "R_V": 3.3}
    mixed = ratio_table(("J", "G"))
    assert list(mixed["source"]) == [LAWS["RL85"].source, LAWS["G23"].source]
    assert mixed["wavelength"].value.tolist() == [1.25, 0.622]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ratio("K"), "there is no band 'K'; choose from J, H, Ks"),
        (lambda: ratio("J", "CCM"), "there is no extinction law 'CCM'; choose from RL85, CCM89"),
        (lambda: ratio("J", "CCM89", 1.0), r"R_V \(=1\) must be from 2 to 6 for the law CCM89"),
        (lambda: ratio("J", R_V=4.0), r"R_V \(=4\) must be from 3.09 to 3.1 for the law RL85"),
        (
            lambda: ratio("G", "D22"),
            "D22 reaches from 0.8 to 4 um and not to G at 0.622; choose another, as G23",
        ),
        (lambda: extinction("V", 1.0), "there is no band 'V'"),
        (lambda: ratio_table(("J",), "X"), "there is no extinction law 'X'"),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()
