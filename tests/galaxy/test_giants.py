from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.galaxy.giants import CoreGrowth, Giants


@pytest.mark.parametrize("z", [4e-4, 0.004, 0.02])
def test_low_and_intermediate_masses_join(z):
    c = Giants(z)
    m = c.m_hef * np.array([1 - 1e-6, 1 + 1e-6])
    core = CoreGrowth(c, m).core_mass(c.l_hei(m))
    for quantity in (c.l_hei(m), c.l_bagb(m), c.t_he(m, core)):
        assert quantity[0] == pytest.approx(quantity[1], rel=1e-3)
    assert c.l_zahb(m[:1], core[:1])[0] == pytest.approx((c.l_he_ratio(m) * c.l_hei(m))[1], rel=1e-2)


def test_giants_grow_as_their_rate_says():
    c, m = Giants(0.02), np.array([1.0, 2.2, 5.0])
    growth = CoreGrowth(c, m)
    core = growth.core_mass(np.array([300.0, 300.0, 3000.0]))
    np.testing.assert_allclose(growth.core_mass(growth.luminosity(core)), core, rtol=1e-12)
    step = 1e-5
    slope = step / growth.duration(growth.hydrogen, core, core + step)
    np.testing.assert_allclose(slope, growth.hydrogen * growth.luminosity(core), rtol=1e-3)
