from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.extinction.arms import ARMS, arm_weight
from milkyway_cnn.sightlines import galactocentric


def ridge(arm, first, last):
    """Points of a spiral, drawn from its definition: x towards the Sun, phi = 90 deg there."""
    phi = np.radians(np.linspace(first, last, 20_001))
    radius = arm.scale * np.exp(arm.slope * phi)
    return radius * np.sin(phi), radius * np.cos(phi)


@pytest.mark.parametrize("arm", ARMS[:4], ids=lambda arm: arm.name)
def test_the_weight_is_one_on_every_turn_of_an_arm(arm):
    x, y = ridge(arm, 400, 1000)
    weight = arm_weight(x, y)
    assert weight.min() > 1 - 1e-6
    assert np.median(weight) < 1.1  # arms rarely overlap


def test_the_carina_tangent_lies_where_it_was_published():
    x, y = ridge(ARMS[0], 720 + 95, 720 + 200)
    distance = np.hypot(8.5 - x, y)
    l = np.degrees(np.arctan2(y, 8.5 - x)) % 360
    nearest = np.argmin(l)
    assert l[nearest] == pytest.approx(284.35, abs=0.05)
    assert distance[nearest] == pytest.approx(4.1, abs=0.1)


@pytest.mark.parametrize(("l", "near", "far"), [(287, 2.65, 6.4), (290, 2.2, 7.8), (295, 1.8, 9.7), (300, 1.5, 11.5)])
def test_the_carina_arm_is_crossed_twice(l, near, far):
    distance = np.arange(0.8, 13, 0.01)
    x, y, _ = galactocentric(l, 0.0, distance)
    weight = arm_weight(x, y)
    for crossing in (near, far):
        around = np.abs(distance - crossing) < 0.5
        peak = distance[around][np.argmax(weight[around])]
        assert peak == pytest.approx(crossing, abs=0.1)
        assert weight[around].max() > 0.99


def test_the_local_arm_ends():
    x, y = ridge(ARMS[4], 87, 87.1)
    assert arm_weight(x, y).min() > 0.99
    x, y = ridge(ARMS[4], 200, 270)
    without = arm_weight(x, y)
    assert without.min() < 0.01
