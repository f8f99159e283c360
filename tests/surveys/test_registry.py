from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys import gaia, panstarrs, twomass
from milkyway_cnn.surveys.registry import BANDS, SURVEYS, survey_named, usable_bands


def test_every_survey_answers_for_each_of_its_bands():
    magnitude = np.linspace(14.0, 21.0, 8)
    for survey in SURVEYS.values():
        for band in survey.bands:
            assert survey.magnitude_error(magnitude, band).shape == (8,)
            part = survey.completeness(magnitude, band, 30_000.0)
            assert ((part >= 0) & (part <= 1)).all()


def test_surveys_by_name():
    assert survey_named("2MASS") is twomass.SURVEY
    assert survey_named("Gaia DR3") is gaia.DR3
    assert survey_named("Pan-STARRS1") is panstarrs.SURVEY
    with pytest.raises(InputError, match="no survey 'WISE'; choose from 2MASS, Gaia DR3, Gaia DR2, Pan-STARRS1"):
        survey_named("WISE")


def test_bands_are_put_in_order():
    assert BANDS == ("J", "H", "Ks", "G", "BP", "RP", "g", "r", "i", "z", "y")
    assert usable_bands(["y", "J", "g", "J"]) == ("J", "g", "y")
    assert usable_bands("G") == ("G",)
    with pytest.raises(InputError, match="no band 'K'; choose from J, H, Ks, G"):
        usable_bands(["J", "K"])


def test_a_part_of_a_survey_can_be_replaced():
    noiseless = replace(twomass.SURVEY, magnitude_error=lambda magnitude, band: np.zeros(np.shape(magnitude)))
    assert noiseless.magnitude_error(np.ones(3), "J").sum() == 0
    assert noiseless.completeness(15.0, "J") == twomass.completeness(15.0, "J")
