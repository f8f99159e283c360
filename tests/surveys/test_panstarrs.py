from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys import panstarrs
from milkyway_cnn.surveys.survey import background_limited


@pytest.mark.parametrize("band", panstarrs.BANDS)
def test_error_and_completeness_have_their_anchors(band):
    known = panstarrs.BANDS[band]
    assert panstarrs.magnitude_error(known.saturation, band) == pytest.approx(known.floor, rel=0.01)
    assert panstarrs.magnitude_error(known.ten_sigma, band) == pytest.approx(0.109, rel=0.01)
    assert panstarrs.completeness(known.half, band) == pytest.approx(0.5)
    assert panstarrs.completeness(known.half - 1.0, band, 1_500_000.0) == pytest.approx(0.5)
    assert panstarrs.completeness(np.array([known.saturation - 0.1, known.saturation]), band) == pytest.approx([0, 1])


def test_unknown_band_is_refused():
    with pytest.raises(InputError, match="Pan-STARRS1 has no band 'G'; choose from g, r, i, z, y"):
        panstarrs.magnitude_error(15.0, "G")


CATALOG = Path(__file__).parents[2].parent / "shared/data/gaia/brutus_Orion_l204.7_b-19.2_ps1_2mass_gaia.h5"
#: Error that was added to all of this catalog (mag), and magnitudes well inside the limit of a single exposure.
ADDED = 0.0204
RANGES = {"g": (19, 22), "r": (19, 21), "i": (19, 21), "z": (18, 20), "y": (18, 19)}


@pytest.mark.skipif(not CATALOG.exists(), reason=f"{CATALOG.name} is not beside the repository")
def test_errors_are_those_of_the_catalog():
    h5py = pytest.importorskip("h5py")
    with h5py.File(CATALOG) as file:
        rows = file["photometry/pixel 0-0"][:]
    for index, (band, (bright, faint)) in enumerate(RANGES.items()):
        magnitude, error = rows["mag"][:, index], rows["err"][:, index]
        for middle in range(bright, faint + 1):
            near = np.abs(magnitude - middle) < 0.25
            noise = background_limited(middle, panstarrs.BANDS[band].ten_sigma, ADDED)
            assert noise == pytest.approx(np.median(error[near]), rel=0.12), (band, middle)
