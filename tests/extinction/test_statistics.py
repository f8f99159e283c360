"""Mock profiles are what the prior asks for: totals, spectrum, emptiness."""

import numpy as np
import pytest

from milkyway_cnn.extinction.profiles import MockProfiles, ProfilePrior
from milkyway_cnn.extinction.statistics import profile_statistics
from milkyway_cnn.sightlines import distance_edges


@pytest.mark.parametrize("slope", [(1.0, 1.0), (5 / 3, 5 / 3), (1.0, 2.5)])
def test_profiles_have_the_asked_totals_and_spectrum(slope):
    mock = MockProfiles([(290.0, 0.0)], distance_edges(), ProfilePrior(slope=slope, empty=0.05))
    found = profile_statistics(mock, seed=4, count=6000)
    assert found.attrs["ks"] < 1.95 / np.sqrt(6000) + 0.01  # 0.1 % of honest samples are farther; 1 % for cut clouds
    assert found.attrs["empty"] == pytest.approx(0.05, abs=0.01)
    assert np.log(found["spectrum"] / found["asked_spectrum"]).std() < 0.05
    assert float(found["spectrum"].sum() / found["asked_spectrum"].sum()) == pytest.approx(1.0, abs=0.05)
    assert (found["mean"] > 0.0).all()
