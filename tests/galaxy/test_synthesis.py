from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.diffuse import diffuse_dust
from milkyway_cnn.extinction.law import A_J, A_KS
from milkyway_cnn.galaxy.density import Warp
from milkyway_cnn.galaxy.models import BESANCON_2003
from milkyway_cnn.galaxy.synthesis import expected_counts, synthesize, synthesize_chunks
from milkyway_cnn.sightlines import galactocentric

FLAT = replace(BESANCON_2003, warp=Warp(north=0.0, south=0.0))

# Stars per square degree with J < 15.8 and Ks < 14.3 behind 0.7 mag / kpc of diffuse dust, and without dust: an
# independent synthesis of the same model without a warp.
COUNTS = {
    (257, 0): (14_796, 17_314),
    (270, 0): (20_806, 24_780),
    (280, 0): (27_704, 34_372),
    (280, 2.5): (17_623, 19_381),
    (280, 5): (10_765, 11_409),
    (280, -5): (11_688, 12_595),
    (290, 0): (36_296, 50_124),
    (303, 0): (51_626, 85_776),
}


def diffuse_extinction(l, b, distance):
    """A_V (mag) of the diffuse dust in front of `distance` (kpc), by the trapezoid rule."""
    edges = np.arange(0.0, 25.01, 0.02)
    gradient = diffuse_dust(*galactocentric(l, b, edges))
    total = np.concatenate(([0.0], np.cumsum(0.5 * (gradient[1:] + gradient[:-1]) * 0.02)))
    return np.interp(distance, edges, total)


@pytest.mark.parametrize(("direction", "published"), COUNTS.items())
def test_counts_of_the_carina_field(direction, published):
    stars = synthesize(*direction, 1.0, seed=1, model=FLAT)
    A_V = diffuse_extinction(*direction, stars.distance)
    dusty = ((stars.J + A_J * A_V < 15.8) & (stars.Ks + A_KS * A_V < 14.3)).sum()
    assert dusty == pytest.approx(published[0], rel=0.10)
    assert expected_counts(*direction, model=FLAT) == pytest.approx(published[1], rel=0.08)


def test_deep_counts_towards_the_inner_galaxy():
    # The Besancon model itself counts 121,604 stars of K < 19 in 0.02 square degrees at (30, 0), with A_K = 0.108 A_V.
    stars = synthesize(30, 0, 0.02, seed=1, faintest_J=99.0, faintest_Ks=19.0, model=FLAT)
    behind = stars.Ks + 0.108 * diffuse_extinction(30, 0, stars.distance) < 19
    assert behind.sum() == pytest.approx(121_604, rel=0.10)


def test_draws_agree_with_the_integral():
    stars = synthesize(285, -1, 2.0, seed=5)
    bright = ((stars.J < 15.8) & (stars.Ks < 14.3)).sum()
    assert bright == pytest.approx(2 * expected_counts(285, -1), rel=0.015)
    assert (stars.J < 16.2).all()
    assert (stars.Ks < 14.7).all()
    assert stars.distance.max() <= 25.0


def test_same_seed_same_stars_on_any_number_of_threads():
    threads = numba.get_num_threads()
    many = synthesize(285, 0, 0.2, seed=3)
    numba.set_num_threads(1)
    try:
        one = synthesize(285, 0, 0.2, seed=3)
    finally:
        numba.set_num_threads(threads)
    for name in ("distance", "J", "H", "Ks", "component"):
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name))


@pytest.mark.parametrize("chunk", [1_000, 4_097, 10_000_000])
def test_same_seed_same_stars_in_any_chunks(chunk):
    whole = synthesize(285, 0, 0.2, seed=3)
    parts = list(synthesize_chunks(285, 0, 0.2, seed=3, chunk=chunk))
    assert max(map(len, parts)) <= chunk
    for name in ("distance", "J", "H", "Ks", "component"):
        np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))


def test_a_direction_without_stars_gives_none():
    assert len(synthesize(0, 90, 1e-7, seed=1)) == 0


def test_other_seeds_and_directions_give_other_stars():
    stars = synthesize(285, 0, 0.05, seed=3)
    for other in (synthesize(285, 0, 0.05, seed=4), synthesize(285, 0.5, 0.05, seed=3)):
        assert len(other) != len(stars) or not np.array_equal(other.J, stars.J)


def test_arrays_are_ready_for_kernels_and_the_table_has_units():
    stars = synthesize(257, 3, 0.05, seed=1)
    for name in ("distance", "J", "H", "Ks"):
        array = getattr(stars, name)
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
    assert stars.component.dtype == np.uint8
    assert set(np.unique(stars.component)) <= set(range(1, 11))
    table = stars.table()
    assert len(table) == len(stars)
    assert str(table["distance"].unit) == "kpc"
    assert str(table["Ks"].unit) == "mag"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((280, 91, 0.25), "b=91 deg is not on the sky"),
        ((float("nan"), 0, 0.25), "l=nan"),
        ((280, 0, 0.0), "must be positive"),
        ((280, 0, -0.25), r"solid_angle \(=-0.25\) must be positive"),
        ((280, 0, 50_000.0), "at most the sky's"),
    ],
)
def test_bad_input_is_one_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        synthesize(*arguments, seed=1)


def test_no_chunk_is_one_sentence():
    with pytest.raises(InputError, match="must be at least 1 star"):
        next(synthesize_chunks(280, 0, 0.25, seed=1, chunk=0))
