from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys import gaia, panstarrs, twomass
from milkyway_cnn.surveys.observe import observe

N = 20_000


@pytest.mark.parametrize(("survey", "band", "magnitude"), [
    (twomass.SURVEY, "Ks", 14.3), (gaia.DR3, "BP", 19.0), (panstarrs.SURVEY, "y", 19.0)
])  # fmt: skip
def test_errors_and_completeness_are_those_of_the_survey(survey, band, magnitude):
    seen = observe({band: np.full(N, magnitude)}, survey, seed=1)
    error, complete = survey.magnitude_error(magnitude, band), survey.completeness(magnitude, band)
    found = np.isfinite(seen[band])
    np.testing.assert_array_equal(found, np.isfinite(seen[f"{band}_error"]))
    assert found.mean() == pytest.approx(complete, abs=4 * np.sqrt(complete * (1 - complete) / N) + 1e-9)
    assert seen[band][found].mean() == pytest.approx(magnitude, abs=4 * error / np.sqrt(N))
    assert seen[band][found].std() == pytest.approx(error, rel=0.03)
    np.testing.assert_allclose(seen[f"{band}_error"][found], error, rtol=1e-5)
    assert seen[band].dtype == np.float32


def test_parallaxes_have_error_and_zero_point():
    G = np.full(N, 17.0)
    seen = observe({"G": G, "RP": G - 0.6}, gaia.DR3, seed=1, parallax=np.full(N, 0.5))
    error = gaia.DR3.parallax_error(17.0)
    assert seen["parallax"].mean() == pytest.approx(
        0.5 + gaia.DR3.parallax_zero_point(17.0), abs=4 * error / np.sqrt(N)
    )
    assert seen["parallax"].std() == pytest.approx(error, rel=0.03)
    assert seen["parallax_error"][0] == pytest.approx(error, rel=1e-5)


def test_a_band_comes_out_the_same_beside_any_others():
    J, Ks = np.linspace(10, 16, 500), np.linspace(9.5, 15, 500)
    both = observe({"J": J, "Ks": Ks}, twomass.SURVEY, seed=3)
    np.testing.assert_array_equal(both["Ks"], observe({"Ks": Ks}, twomass.SURVEY, seed=3)["Ks"])
    assert not np.array_equal(both["Ks"], observe({"Ks": Ks}, twomass.SURVEY, seed=4)["Ks"])


def test_crowding_costs_faint_stars():
    G = np.full(N, 20.2)
    empty, crowded = (np.isfinite(observe({"G": G}, gaia.DR3, seed=1, star_density=n)["G"]).mean() for n in (0, 9e5))
    assert crowded < 0.5 < empty


def test_another_error_model_can_take_its_place():
    exact = replace(twomass.SURVEY, magnitude_error=lambda m, band: np.zeros(np.shape(m)))
    assert observe({"J": np.array([12.0])}, exact, seed=1)["J"] == 12.0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m: observe({"G": m}, twomass.SURVEY, seed=1), "2MASS has no band 'G'"),
        (
            lambda m: observe({"J": m}, twomass.SURVEY, seed=1, parallax=m),
            "2MASS measures no parallaxes; leave",
        ),
        (
            lambda m: observe({"BP": m}, gaia.DR3, seed=1, parallax=m),
            "parallaxes go with G, which is not among",
        ),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call(np.array([12.0]))
