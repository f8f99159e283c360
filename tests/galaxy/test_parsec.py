"""Stars of one age and metallicity against PARSEC isochrones; skipped where these are absent.

The giants' pace was not fitted to those of 0.6, 1.5 and 2.5 Gyr, nor the clump by mass to those of 0.6 and 1.5 Gyr
(`milkyway_cnn.galaxy.corrections`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.galaxy.density import ThinDisc
from milkyway_cnn.galaxy.evolution import PHASES
from milkyway_cnn.galaxy.populations import states

FOLDER = Path(__file__).parents[2].parent / "shared/data/isochrones"
#: Our phases and PARSEC's labels of the same; helium burns in three, the last two along a blue loop.
MAIN_SEQUENCE, GIANT_BRANCH, HELIUM = (
    ([list(PHASES).index(phase)], labels)
    for phase, labels in (("main sequence", [1]), ("giant branch", [3]), ("core helium burning", [4, 5, 6]))
)

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="isochrones are not beside the repository")


@pytest.fixture(scope="module")
def both():
    """Of each file: phases, M_Ks, J-Ks and numbers of our stars, and labels and the same of PARSEC's."""
    found = {}
    for name in ("thin2", "thin3", "thin4", "thin5", "thin6", "thin7", "bar", "thick"):
        rows = np.loadtxt(FOLDER / f"parsec_cmd39_{name}_twomass.dat")
        age, metallicity = 10 ** rows[0, 2] / 1e9, rows[0, 1]
        component = ThinDisc(
            ages=(0.9 * age, 1.1 * age),
            metallicity=metallicity,
            metallicity_spread=1e-6,
            mass_density=1.0,
            axis_ratio=1.0,
        )
        s = states(component)
        ours = s.phase, s.magnitudes[:, 2], s.magnitudes[:, 0] - s.magnitudes[:, 2], s.number
        mass = rows[:, 3]
        number = np.where(mass < 1, mass**-1.6, mass**-3.0) * np.gradient(mass)
        found[name] = ours, (rows[:, 9], rows[:, -1], rows[:, -3] - rows[:, -1], number)
    return found


def means(phase, magnitude, color, number, chosen, window):
    """Mean M_Ks and J-Ks of the stars of a phase within a window of M_Ks."""
    inside = np.isin(phase, chosen) & (magnitude > window[0]) & (magnitude < window[1])
    return [np.average(a[inside], weights=number[inside]) for a in (magnitude, color)]


@pytest.mark.parametrize("name", ["thin2", "thin3", "thin4", "thin5", "thin6", "thin7", "bar", "thick"])
def test_mean_of_the_giant_branch(both, name):
    (magnitude, color), (parsec_magnitude, parsec_color) = (
        means(*sample, chosen, (-4.0, 1.0)) for sample, chosen in zip(both[name], GIANT_BRANCH, strict=True)
    )
    assert color == pytest.approx(parsec_color, abs=0.1)
    assert magnitude == pytest.approx(parsec_magnitude, abs=0.1)


@pytest.mark.parametrize("name", ["thin2", "thin3", "thin4", "thin5", "thin6", "thin7", "bar", "thick"])
def test_mean_of_the_red_clump(both, name):
    (magnitude, color), (parsec_magnitude, parsec_color) = (
        means(*sample, chosen, (-9.0, 9.0)) for sample, chosen in zip(both[name], HELIUM, strict=True)
    )
    assert color == pytest.approx(parsec_color, abs=0.05)
    assert magnitude == pytest.approx(parsec_magnitude, abs=0.05)


@pytest.mark.parametrize("name", ["thin3", "thin4", "thin5", "thin6", "thin7"])
@pytest.mark.parametrize(
    ("phases", "magnitudes"),
    [(GIANT_BRANCH, np.arange(-4.0, 0.1)), (MAIN_SEQUENCE, np.arange(3.25, 5.1, 0.5))],
    ids=["giant branch", "main sequence"],
)
def test_colors_along_the_branches(both, name, phases, magnitudes):
    ridges = []
    for (phase, magnitude, color, _), chosen in zip(both[name], phases, strict=True):
        there = np.isin(phase, chosen)
        order = np.argsort(magnitude[there])
        ridges.append(np.interp(magnitudes, magnitude[there][order], color[there][order]))
    np.testing.assert_allclose(*ridges, atol=0.05)
