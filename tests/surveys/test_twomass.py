from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.kernels import photometry
from milkyway_cnn.surveys import twomass


@pytest.mark.parametrize("band", ["J", "H", "Ks"])
def test_array_functions_and_kernel_bodies_are_one_formula(band):
    magnitudes = np.linspace(7, 17, 11).astype(np.float32)
    ten_sigma, half = twomass.BANDS[band].ten_sigma, twomass.BANDS[band].half
    errors = [photometry.magnitude_error(m, np.float32(ten_sigma), np.float32(0.022)) for m in magnitudes]
    found = [1.0 / photometry.stars_per_found(m, np.float32(half), np.float32(0.12)) for m in magnitudes]
    np.testing.assert_allclose(twomass.magnitude_error(magnitudes, band), errors, rtol=1e-5)
    np.testing.assert_allclose(twomass.completeness(magnitudes, band), found, rtol=1e-4)


def test_safe_cut_is_the_level_1_requirement_and_complete():
    assert (twomass.SAFE.J, twomass.SAFE.Ks) == (15.8, 14.3)
    for band, limit in (("J", 15.8), ("H", 15.1), ("Ks", 14.3)):
        assert twomass.BANDS[band].limit == limit
        assert twomass.completeness(limit, band) > 0.99
        assert twomass.magnitude_error(limit, band) < 0.109


def test_confusion_sets_in_with_crowding():
    np.testing.assert_allclose(twomass.confusion_shift([0, 1_000, 15_000, 100_000]), [0, 0, 0, 1], atol=1e-12)
    assert 0 < twomass.confusion_shift(50_000) < 1
    assert twomass.completeness(15.0, "Ks", 100_000) < 0.5 < twomass.completeness(15.0, "Ks")


def test_unknown_band_is_refused():
    with pytest.raises(InputError, match="2MASS has no band 'K'; choose from J, H, Ks"):
        twomass.magnitude_error(12.0, "K")


FOLDER = Path(__file__).parents[2].parent / "shared/data/2mass"
# Catalog, and how much its errors differ from the model, which was made on the first: seeing and sky differ by night.
CATALOGS = {"pnicer_CF_2mass.fits": 0.15, "pnicer_Orion_A_2mass.fits": 0.20, "ismcourse_perseus_2mass.csv": 0.25}


@pytest.mark.parametrize(("name", "bound"), CATALOGS.items())
@pytest.mark.parametrize(("band", "column"), [("J", "J"), ("H", "H"), ("Ks", "K")])
def test_errors_are_those_of_the_catalogs(name, bound, band, column):
    from astropy.table import Table

    if not (FOLDER / name).exists():
        pytest.skip(f"{name} is not beside the repository")
    rows = Table.read(FOLDER / name)
    magnitude, error = (np.ma.filled(rows[name].astype(float), np.nan) for name in (f"{column}mag", f"e_{column}mag"))
    for middle in np.arange(10.0, twomass.BANDS[band].ten_sigma + 0.5):
        near = (np.abs(magnitude - middle) < 0.1) & (error < 9)
        assert twomass.magnitude_error(middle, band) == pytest.approx(np.median(error[near]), rel=bound), middle
