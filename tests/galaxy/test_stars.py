from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.law import extinction, ratio
from milkyway_cnn.galaxy.besancon import BesanconModel
from milkyway_cnn.galaxy.evolution import PHASES
from milkyway_cnn.galaxy.models import BESANCON_2003
from milkyway_cnn.galaxy.photometry import absolute_magnitudes
from milkyway_cnn.galaxy.populations import states
from milkyway_cnn.galaxy.stars import NEAR_INFRARED, StateTable, combined_magnitudes
from milkyway_cnn.galaxy.states import STEP
from milkyway_cnn.galaxy.synthesis import synthesize, synthesize_chunks
from milkyway_cnn.surveys.registry import BANDS


@pytest.fixture(scope="module")
def stars():
    return synthesize(285, 0, 0.3, seed=1)


def test_two_equal_stars_are_three_quarters_of_a_magnitude_brighter_than_one():
    one = np.array([0.0, np.log10(5772.0), 4.4, 0.0])
    single = np.stack([one, [-np.inf, -np.inf, -np.inf, -np.inf]])[..., None]
    double = np.stack([one, one])[..., None]
    found = [combined_magnitudes(pair, BANDS)[:, 0] for pair in (single, double)]
    np.testing.assert_array_equal(found[0], np.array(absolute_magnitudes(0.0, 10.0 ** one[1], 4.4, 0.0, BANDS)))
    np.testing.assert_allclose(found[0] - found[1], 2.5 * np.log10(2.0))


def test_magnitudes_in_other_bands_are_those_of_the_states(stars):
    # The obvious way: the photometry of each star's own atmospheres, metals added to them.
    s, state = stars.states, stars.state
    poorer, same, richer = s.atmosphere[..., state]
    with np.errstate(invalid="ignore"):  # single stars have companions of no luminosity
        atmosphere = same + stars.dex * (richer - poorer) / (2 * STEP)
    expected = combined_magnitudes(np.where(np.isnan(atmosphere), -np.inf, atmosphere).astype(float), BANDS)
    modulus = 5 * np.log10(stars.distance) + 10
    for band, theirs in zip(BANDS, expected, strict=True):
        ours = stars.magnitude(band)
        assert ours.dtype == np.float32
        away = np.abs(ours - modulus - theirs)
        assert np.percentile(away, 99) < 0.06, band
        assert np.median(away) < 2e-3, band


def test_bands_cost_nothing_until_asked_for(stars):
    fresh = StateTable(
        stars.states.atmosphere, STEP, stars.states.mass, stars.states.age, stars.states.luminosity_class
    )
    assert "_colors" not in vars(fresh)
    fresh.color("G")
    assert "_colors" in vars(fresh)


def test_limits_of_any_band_are_kept_and_decide_alone_which_stars_are_drawn():
    first = synthesize(285, 1, 0.05, seed=2, faintest={"G": 18.0})
    again = synthesize(285, 1, 0.05, seed=2, faintest={"G": 18.0})
    again.magnitude("y")
    np.testing.assert_array_equal(first.J, again.J)
    np.testing.assert_array_equal(first.magnitude("G"), again.magnitude("G"))
    assert first.magnitude("G").max() < 18.0
    # More stars in a larger sample than a cut leaves of it: none is missing.
    deeper = synthesize(285, 1, 0.5, seed=3, faintest={"G": 19.0})
    assert len(first) == pytest.approx(0.1 * (deeper.magnitude("G") < 18.0).sum(), rel=0.1)
    both = synthesize(285, 1, 0.05, seed=2, faintest={"G": 18.0, "Ks": 14.0})
    assert (both.magnitude("G") < 18.0).all()
    assert (both.Ks < 14.0).all()


def test_chunks_and_parts_know_their_states():
    whole = synthesize(285, 1, 0.05, seed=2)
    parts = list(synthesize_chunks(285, 1, 0.05, seed=2, chunk=1000))
    np.testing.assert_array_equal(np.concatenate([part.magnitude("BP") for part in parts]), whole.magnitude("BP"))
    np.testing.assert_array_equal(whole[::7].magnitude("r"), whole.magnitude("r")[::7])


def test_table_tells_everything_with_units(stars):
    table = stars.table(("Ks", "G", "y"))
    units = {"distance": "kpc", "parallax": "mas", "Ks": "mag", "G": "mag", "y": "mag", "age": "Gyr", "Teff": "K",
             "metallicity": "dex", "log_g": "dex(cm / s2)", "mass": "solMass"}  # fmt: skip
    assert {name: str(table[name].unit) for name in units} == units
    assert set(table.colnames) == {*units, "component", "luminosity_class"}
    np.testing.assert_allclose(table["parallax"].value * stars.distance, 1.0, rtol=1e-6)
    age, component = table["age"].value, np.asarray(table["component"])
    for number, (youngest, oldest) in enumerate(disc.ages for disc in BESANCON_2003.thin):
        inside = age[component == number + 1]
        assert ((inside > youngest - 1e-3) & (inside < oldest + 1e-3)).all()
    giants = np.asarray(table["luminosity_class"]) == 3
    assert np.median(table["log_g"].value[giants]) == pytest.approx(2.5, abs=0.3)
    assert np.median(table["Teff"].value[giants]) == pytest.approx(4750, abs=200)


def test_dust_dims_and_reddens_by_the_law(stars):
    edges = np.linspace(0.0, 10.0, 101)
    A_V = stars.behind(edges, np.full(100, 0.07))
    np.testing.assert_allclose(A_V, 0.7 * np.minimum(stars.distance, 10.0), rtol=1e-5)
    table = stars.table(("J", "Ks", "G", "g"), A_V=A_V, law="F19", R_V=3.1)
    assert table.meta == {"law": "F19", "R_V": 3.1}
    for band in ("J", "Ks", "g"):
        bare, dusty = table[f"{band}_0"].value, table[band].value
        np.testing.assert_array_equal(bare, stars.magnitude(band))
        np.testing.assert_allclose(dusty - bare, ratio(band, "F19") * A_V, atol=1e-5)
    color = stars.magnitude("BP") - stars.magnitude("RP")
    dimming = (table["G"] - table["G_0"]).value
    np.testing.assert_allclose(dimming, extinction("G", A_V, "F19", bp_rp=color), atol=1e-5)
    assert str(table["A_V"].unit) == "mag"


def test_metals_follow_the_gradient_of_the_disc():
    inner, outer = (synthesize(l, 0, 1.0, seed=1).table() for l in (330, 180))
    for number, low, high in ((5, -0.01, 0.5), (5, -0.6, -0.1)):
        table = inner if low > -0.1 else outer
        far = (np.asarray(table["component"]) == number) & (table["distance"].value > 4)
        assert low < np.mean(table["metallicity"].value[far]) < high


def test_luminosity_classes_are_where_they_belong():
    disc = states(BESANCON_2003.thin[4])
    phase = [list(PHASES)[number] for number in disc.phase]
    for name, number in (("main sequence", {5}), ("giant branch", {2, 3, 4}), ("core helium burning", {2, 3})):
        assert set(disc.luminosity_class[np.array(phase) == name]) <= number


def test_array_is_ready_for_kernels(stars):
    array = stars.array(("J", "G"))
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    np.testing.assert_array_equal(array, np.stack([stars.distance, stars.J, stars.magnitude("G")], axis=1))
    np.testing.assert_array_equal(stars.array()[:, 1:], np.stack([getattr(stars, b) for b in NEAR_INFRARED], axis=1))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda stars: stars.magnitude("K"), "there is no band 'K'; choose from J, H, Ks"),
        (lambda stars: stars.table(("J", "V")), "there is no band 'V'"),
        (lambda stars: stars.table(A_V=stars.distance, law="CCM"), "there is no extinction law 'CCM'"),
        (lambda stars: synthesize(285, 0, 0.1, seed=1, faintest={"I": 15.0}), "there is no band 'I'"),
        (lambda stars: synthesize(285, 0, 0.1, seed=1, faintest={}), "faintest names no band"),
    ],
)
def test_bad_input_is_one_sentence(stars, call, sentence):
    with pytest.raises(InputError, match=sentence):
        call(stars)


CATALOG = Path(__file__).parents[2].parent / "shared/data/bgm/shanencross_bgm_l200_b59.csv"


@pytest.mark.skipif(not CATALOG.exists(), reason=f"{CATALOG.name} is not beside the repository")
def test_stars_of_the_besancon_model_have_all_bands_too():
    drawn = synthesize(200, 59, 1.0, seed=1, faintest={"Ks": 15.0}, model=BesanconModel.read([CATALOG], 1.0))
    assert len(drawn) > 50
    color = drawn.magnitude("BP") - drawn.magnitude("RP")
    cool = drawn.table()["Teff"].value < 4500
    assert np.isfinite(color).all()
    assert color[cool].min() > 1.2
    assert np.isnan(drawn.table()["age"]).all()


def test_dust_that_varies_inside_the_beam_keeps_its_mean():
    stars = synthesize(285, 0, 1.0, seed=1)
    edges, delta = np.linspace(0.0, 10.0, 11), np.full(10, 0.5)
    even, uneven = stars.behind(edges, delta), stars.behind(edges, delta, beam=0.4, seed=3)
    far = stars.distance > 0.5
    ratio = np.log(uneven[far] / even[far])
    assert ratio.std() == pytest.approx(0.4, rel=0.02)
    assert uneven.mean() == pytest.approx(even.mean(), rel=0.02)
    np.testing.assert_array_equal(uneven, stars.behind(edges, delta, beam=0.4, seed=3))
    assert uneven.dtype == np.float32
