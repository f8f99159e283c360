"""Tracks and photometry against PARSEC isochrones of the same age and metallicity; skipped where these are absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.galaxy.evolution import PHASES, tracks
from milkyway_cnn.galaxy.photometry import absolute_magnitudes, log_gravity

FOLDER = Path(__file__).parents[2].parent / "shared/data/isochrones"
GIANT_BRANCH, MAIN_SEQUENCE = (list(PHASES).index(phase) for phase in ("giant branch", "main sequence"))

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="isochrones are not beside the repository")


def ours(age):
    """Phase, M_Ks and J-Ks of the solar-metallicity isochrone of this age (Myr)."""
    t = tracks(0.02, np.geomspace(0.4, 5.0, 4000))
    rows = []
    for star in range(t.initial_mass.size):
        point = np.searchsorted(t.time[star], age) - 1
        if point + 1 < t.phase.size:
            part = (age - t.time[star, point]) / (t.time[star, point + 1] - t.time[star, point])
            values = [
                a[star, point] + part * (a[star, point + 1] - a[star, point])
                for a in (t.log_luminosity, t.log_teff, t.mass)
            ]
            rows.append((t.phase[point], *values))
    phase, log_l, log_teff, mass = np.array(rows).T
    J, _, Ks = absolute_magnitudes(log_l, 10**log_teff, log_gravity(mass, log_l, log_teff), 0.0)
    return phase, Ks, J - Ks


def parsec(name):
    """Age (Myr), label of the phase, M_Ks and J-Ks of a file."""
    rows = np.loadtxt(FOLDER / f"parsec_cmd39_{name}_twomass.dat")
    return 10 ** rows[0, 2] / 1e6, rows[:, 9], rows[:, -1], rows[:, -3] - rows[:, -1]


@pytest.mark.parametrize("name", ["thin4", "thin5", "thin6", "thin7"])
def test_giant_branch_and_main_sequence(name):
    age, label, real_ks, real_color = parsec(name)
    phase, ks, color = ours(age)
    for ours_is, theirs_is, magnitudes, tolerance in (
        (GIANT_BRANCH, 3, np.arange(-4.0, 1.1), 0.05),
        (MAIN_SEQUENCE, 1, np.arange(3.0, 5.1, 0.5), 0.05),
    ):
        ridges = []
        for chosen, m, c in ((phase == ours_is, ks, color), (label == theirs_is, real_ks, real_color)):
            order = np.argsort(m[chosen])
            ridges.append(np.interp(magnitudes, m[chosen][order], c[chosen][order]))
        np.testing.assert_allclose(*ridges, atol=tolerance)
