"""Star counts that the Besancon model itself prints, against a plain sum over distances, components and states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from milkyway_cnn.extinction.diffuse import diffuse_dust
from milkyway_cnn.galaxy.density import Warp, density
from milkyway_cnn.galaxy.models import BESANCON_2003
from milkyway_cnn.galaxy.populations import states
from milkyway_cnn.galaxy.synthesis import expected_counts
from milkyway_cnn.sightlines import SQUARE_DEGREE, galactocentric

FLAT = replace(BESANCON_2003, warp=Warp(north=0.0, south=0.0))

# Teff (K) and V-Ks of dwarfs (Pecaut & Mamajek), taken for giants too.
V_KS = np.array(
    [
        (2570, 8.68),
        (2810, 7.10),
        (3060, 5.95),
        (3210, 5.25),
        (3430, 4.60),
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
        (31400, -0.96),
    ]
).T


def count(l, b, solid_angle, seen, *, dust=1.0, step=0.05, farthest=50.0):
    """Stars for which `seen(J, V, K)` behind the diffuse dust; A_J, A_K = 0.282, 0.108 A_V as in the model."""
    edges = np.arange(0.0, farthest + step / 2, step)
    middle = 0.5 * (edges[1:] + edges[:-1])
    x, y, z = galactocentric(l, b, middle)
    A_V = dust * (np.cumsum(diffuse_dust(x, y, z)) - 0.5 * diffuse_dust(x, y, z)) * step
    volume = 1e9 * solid_angle * SQUARE_DEGREE * np.diff(edges**3) / 3.0 * density(FLAT, x, y, z)
    total = 0.0
    for component, stars_per in zip(FLAT.components, volume, strict=True):
        s = states(component)
        j, _, k = s.magnitudes.T.astype(float)
        v = k + np.interp(10**s.log_teff, *V_KS)
        for number, modulus, a in zip(stars_per, 5 * np.log10(middle) + 10, A_V, strict=True):
            if number > 0:
                visible = seen(j + modulus + 0.282 * a, v + modulus + a, k + modulus + 0.108 * a)
                total += number * s.number[visible].sum()
    return total


def test_expected_counts_equal_the_plain_sum():
    plain = count(285, 2, 1.0, lambda j, v, k: (j < 15.8) & (k < 14.3), dust=0.0, farthest=25.0)
    assert expected_counts(285, 2, model=FLAT) == pytest.approx(plain, rel=0.01)


def test_towards_the_inner_disc():
    assert count(30, 0, 0.020, lambda j, v, k: k < 19) == pytest.approx(121_604, rel=0.10)


def test_towards_the_bulge():
    def seen(j, v, k):
        return (v > 8) & (v < 25) & (k > 5) & (k < 19)

    assert count(10.62, -0.38, 0.111, seen) == pytest.approx(709_932, rel=0.10)
