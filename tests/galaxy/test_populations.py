from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.galaxy.models import BESANCON_2003
from milkyway_cnn.galaxy.populations import states

THIN, (THICK,), SPHEROID = BESANCON_2003.thin, BESANCON_2003.thick, BESANCON_2003.spheroid

# Disc stars per pc^3 and magnitude (1e-5) from M_Ks = -4 to 5 at the left edges of the bins: an independent
# synthesis of the same model, whose clump was half a bin brighter, so that two bins are taken together.
LUMINOSITY_FUNCTION = {-3: (7.1 + 9.9) / 2, -1: 8.4, 0: 30.8, 1: 111, 2: 262, 3: 552, 4: 756, 5: 994}
# Teff (K) and V-Ks of dwarfs (Pecaut & Mamajek); giants bright enough in any case.
V_KS = np.array(
    [
        (3560, 4.23),
        (3850, 3.65),
        (4090, 3.39),
        (4440, 2.88),
        (5290, 1.95),
        (5770, 1.56),
        (5930, 1.44),
        (6550, 1.08),
        (7220, 0.73),
        (8100, 0.40),
        (9700, 0.04),
        (12300, -0.25),
        (20600, -0.60),
    ]
).T


def histogram(parts, edges):
    return sum(np.histogram(s.magnitudes[:, 2], edges, weights=s.number)[0] for s in parts)


def test_luminosity_function_of_the_disc():
    disc = [states(component) for component in THIN]
    found = histogram(disc, np.arange(-3, 7)) * 1e5
    found = {-3: found[:2].mean(), **dict(zip(range(-1, 6), found[2:], strict=True))}
    for left, expected in LUMINOSITY_FUNCTION.items():
        assert found[left] == pytest.approx(expected, rel=0.12), left


@pytest.mark.parametrize(("components", "published"), [(THIN, 0.0154), ((THICK,), 1.03e-3), ((SPHEROID,), 7.94e-6)])
def test_local_density_of_stars_brighter_than_m_v_8(components, published):
    found = 0.0
    for component in components:
        s = states(component)
        m_v = s.magnitudes[:, 2] + np.interp(10**s.log_teff, *V_KS)
        found += s.number[m_v < 8].sum()
    assert found == pytest.approx(published, rel=0.10)


def test_young_stars_alone_are_blue_and_luminous():
    young, old = states(THIN[0]), states(THIN[6])
    assert (young.log_teff[young.number > 0]).max() > np.log10(20_000)
    luminous_dwarfs = (old.log_g > 3.8) & (old.magnitudes[:, 2] < 1)
    assert not luminous_dwarfs.any()


def test_red_clump():
    clump = []
    for component in THIN[2:]:
        s = states(component)
        helium = (s.phase == 3) & (s.initial_mass < 2.2)
        clump.append((s.number[helium], s.magnitudes[helium]))
    number = np.concatenate([n for n, _ in clump])
    magnitudes = np.concatenate([m for _, m in clump])
    mean = np.average(magnitudes, axis=0, weights=number)
    assert mean[2] == pytest.approx(-1.606, abs=0.05)
    assert 0.60 < mean[0] - mean[2] < 0.66
    assert 0.40 < mean[0] - mean[1] < 0.56


def test_binaries_keep_the_mass_and_redden_dwarfs():
    single, double = states(THIN[4]), states(THIN[4], 0.4)
    assert double.number.sum() < single.number.sum()

    def color(s):
        dwarf = (s.log_g > 4) & (s.magnitudes[:, 2] > 3) & (s.magnitudes[:, 2] < 3.5)
        return np.average(s.magnitudes[dwarf, 0] - s.magnitudes[dwarf, 2], weights=s.number[dwarf])

    assert 0.005 < color(double) - color(single) < 0.06


def test_giants_of_higher_metallicity_are_redder():
    s = states(THIN[6])
    giant = (s.phase == 2) & (s.magnitudes[:, 2] < 0) & (s.magnitudes[:, 2] > -4)
    slope = np.average(s.slopes[giant, 0] - s.slopes[giant, 2], weights=s.number[giant])
    assert 0.05 < slope < 0.3
