"""Numbers that the Besancon model itself prints, against a plain sum over distances, components and states."""

from __future__ import annotations

import pytest

from milkyway_cnn.galaxy.anchors import FLAT, anchors, count
from milkyway_cnn.galaxy.synthesis import expected_counts


def test_expected_counts_equal_the_plain_sum():
    plain = count(285, 2, 1.0, lambda j, v, k: (j < 15.8) & (k < 14.3), dust=0.0, farthest=25.0)
    assert expected_counts(285, 2, model=FLAT) == pytest.approx(plain, rel=0.01)


def test_anchors():
    found = anchors()
    assert [anchor.published for anchor in found] == [0.0154, 1.03e-3, 7.94e-6, 121_604, 709_932, 13.651, 11.8]
    for anchor in found:
        assert anchor.ours == pytest.approx(anchor.published, rel=anchor.tolerance), anchor.name
        assert anchor.holds
