from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.galaxy.evolution import PHASES, tracks

MAIN_SEQUENCE, HELIUM = (list(PHASES).index(phase) for phase in ("main sequence", "core helium burning"))

# Z, mass, start and end of core helium burning (Myr), luminosity and effective temperature in its middle: computed
# with the original code (COSMIC 4.3.3, zsun = 0.02, Reimers 0.5, hot winds of Vink et al. 2001), which takes 5798 K
# for the Sun.
HELIUM_BURNING = [
    (0.02, 1.0, 12326, 12459, 66.8, 4887),
    (0.02, 1.2, 6378, 6509, 76.7, 4687),
    (0.02, 1.5, 2963, 3094, 79.3, 4660),
    (0.02, 2.0, 1197, 1489, 50.5, 4945),
    (0.02, 2.5, 629, 794, 80.5, 4927),
    (0.02, 3.0, 382, 473, 142, 4859),
    (0.02, 5.0, 104.8, 120, 1299, 4595),
    (0.02, 10.0, 24.7, 27.6, 17890, 7989),
    (0.004, 1.0, 8150, 8268, 85.5, 5120),
    (0.004, 2.0, 930, 1149, 67.5, 5379),
]


@pytest.mark.parametrize(("z", "mass", "start", "end", "luminosity", "teff"), HELIUM_BURNING)
def test_core_helium_burning_is_the_published_one(z, mass, start, end, luminosity, teff):
    t = tracks(z, np.array([mass]))
    points = np.flatnonzero(t.phase == HELIUM)
    middle = points[points.size // 2]
    assert t.time[0, points[[0, -1]]] == pytest.approx([start, end], rel=2e-3)
    assert 10 ** t.log_luminosity[0, middle] == pytest.approx(luminosity, rel=0.01)
    assert 10 ** t.log_teff[0, middle] * 5798 / 5772 == pytest.approx(teff, rel=0.01)


def test_a_massive_star_ends_its_main_sequence_as_published():
    t = tracks(0.02, np.array([10.0]))
    end = np.flatnonzero(t.phase == MAIN_SEQUENCE)[-1]
    assert t.time[0, end] == pytest.approx(24.6, rel=3e-3)
    assert 10 ** t.log_luminosity[0, end] == pytest.approx(16240, rel=0.01)
    assert 10 ** t.log_teff[0, end] * 5798 / 5772 == pytest.approx(21503, rel=0.01)
    assert 9.7 < t.mass[0, end] < 9.85


def test_stars_of_less_than_4000_suns_keep_their_mass_until_they_are_giants():
    t = tracks(0.02, np.geomspace(0.08, 20, 150))
    early = t.phase < list(PHASES).index("giant branch")
    luminous = 10 ** t.log_luminosity[:, early].max(axis=1) > 4000
    lost = t.initial_mass - t.mass[:, early][:, -1]
    np.testing.assert_array_equal(lost > 0, luminous)


def test_tip_of_the_giant_branch():
    t = tracks(0.02, np.array([1.0, 1.2, 1.5]))
    tip = t.log_luminosity[:, np.flatnonzero(t.phase == HELIUM)[0] - 1]
    np.testing.assert_allclose(10**tip, 2700, rtol=0.03)


@pytest.mark.parametrize("z", [1e-4, 0.004, 0.02, 0.03])
def test_tracks_are_whole(z):
    t = tracks(z, np.geomspace(0.08, 20, 150))
    assert t.phase.size == t.time.shape[1] == sum(PHASES.values())
    for name in ("time", "log_luminosity", "log_teff", "mass"):
        assert np.isfinite(getattr(t, name)).all()
    assert (np.diff(t.time, axis=1) >= 0).all()
    evolved = t.initial_mass > 0.6
    assert (np.diff(t.mass[evolved], axis=1) <= 1e-12).all()


def test_heavier_stars_live_shorter():
    t = tracks(0.02, np.geomspace(0.8, 20, 100))
    assert (np.diff(t.time[:, -1]) < 0).all()
