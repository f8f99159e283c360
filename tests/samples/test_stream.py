"""The stream of examples: numbered, disjoint by split, the same anywhere."""

import json
from dataclasses import replace

import numpy as np
import pytest

from milkyway_cnn import samples
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.profiles import ProfilePrior
from milkyway_cnn.galaxy.models import GUMS_DR3
from milkyway_cnn.sightlines import distance_edges


@pytest.fixture(scope="module")
def stream():
    return samples.Stream(
        [(280.0, 0.0), (210.0, -19.0)],
        np.array([0.02, 0.1]),
        distance_edges(32, 0.2),
        seed=3,
        prior=ProfilePrior(empty=0.3),
    )


def test_an_example_is_the_same_in_any_batch(stream):
    together, alone = stream.examples(0, 12), stream.examples(5, 3)
    for name in ("diagrams", "bare", "delta_A_V", "horizon", "sightline", "outside"):
        np.testing.assert_array_equal(getattr(together, name)[5:8], getattr(alone, name))


def test_shapes_and_types(stream):
    made = stream.examples(0, 5)
    assert made.diagrams.shape == made.bare.shape == (5, 64, 64)
    assert made.delta_A_V.shape == (5, 32)
    assert (made.diagrams.dtype, made.bare.dtype, made.delta_A_V.dtype) == (np.uint16, np.float32, np.float32)
    np.testing.assert_array_equal(made.sightline, [0, 1, 0, 1, 0])


def test_the_number_of_an_example_decides_its_split():
    of_split = {split: samples.numbers(0, 1000 * len(part), split) for split, part in samples.SPLITS.items()}
    assert [len(numbers) for numbers in of_split.values()] == [94_000, 5_000, 1_000]
    np.testing.assert_array_equal(np.sort(np.concatenate(list(of_split.values()))), np.arange(100_000))
    np.testing.assert_array_equal(samples.numbers(7, 3, "validation"), of_split["validation"][7:10])


def test_splits_differ_and_each_sees_all_sightlines(stream):
    made = [stream.examples(0, 40, split) for split in samples.SPLITS]
    assert not np.array_equal(made[0].delta_A_V, made[1].delta_A_V)
    assert not np.array_equal(made[1].delta_A_V, made[2].delta_A_V)
    assert all(np.bincount(split.sightline).tolist() == [20, 20] for split in made)


def test_threads_do_not_change_an_example(stream):
    import numba

    threads = numba.get_num_threads()
    together = stream.examples(0, 12)
    try:
        numba.set_num_threads(1)
        alone = stream.examples(0, 12)
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(together.diagrams, alone.diagrams)
    np.testing.assert_array_equal(together.delta_A_V, alone.delta_A_V)


def test_the_horizon_draws_nearer_with_dust(stream):
    made = stream.examples(0, 2000)
    assert made.horizon.dtype == np.float32
    assert np.isin(np.rint(made.horizon / 0.2), np.arange(33)).all()
    for sightline in range(2):
        here = made.sightline == sightline
        total = made.delta_A_V[here].sum(axis=1)
        thin, thick = (np.median(made.horizon[here][part]) for part in (total < 1.0, total > 10.0))
        assert thick < thin


def test_stars_behind_the_last_bin_are_seen_through_its_dust():
    prior = ProfilePrior(contrast=(0.05, 0.1), free_share=0.0, clouds=0.0, empty=0.0, scatter=0.0)
    plain = samples.Randomization(0.0, 0.0, 0.0)
    short, long = (
        samples.Stream(
            [(285.0, 0.0)], np.array([0.05]), distance_edges(bins, 0.5), seed=3, prior=prior, randomization=plain
        )
        for bins in (8, 28)
    )
    # The same dust, whether the profile is asked to 4 or to 14 kpc.
    stars = [stream.examples(0, 600).diagrams.sum() for stream in (short, long)]
    assert stars[0] == pytest.approx(stars[1], rel=0.05)


def test_an_empty_profile_has_the_stars_of_the_bare_diagram(stream):
    made = stream.examples(0, 2000)
    empty = ~made.delta_A_V.any(axis=1)
    assert empty.mean() == pytest.approx(0.3, abs=0.04)
    for sightline in range(2):
        here = empty & (made.sightline == sightline)
        total = made.diagrams[here].sum(dtype=float) / np.count_nonzero(here)
        assert total == pytest.approx(made.bare[here][0].sum(), rel=0.03)


@pytest.mark.parametrize("kind", ["2mass", "gaia-parallax"])
def test_the_mean_of_diagrams_behind_no_dust_is_the_bare_one(kind):
    made = samples.Stream(
        [(280.0, 0.0), (210.0, -19.0)], np.array([0.02, 0.1]), distance_edges(32, 0.2), seed=3, kinds=[kind],
        prior=ProfilePrior(empty=1.0), randomization=samples.Randomization(0.0, 0.0, 0.0),
    )  # fmt: skip
    n = 6000
    drawn = made.examples(0, n)
    assert not drawn.delta_A_V.any()
    for sightline in range(2):
        mean = drawn.diagrams[drawn.sightline == sightline].mean(axis=0)
        bare = made.bare[sightline]
        assert mean.sum() == pytest.approx(bare.sum(), rel=0.005)
        # In every pixel within its chance: of the examples, and of the bare diagram, whose stars are those of 20 areas
        # with 4 draws of their errors.
        filled = bare > 0.3
        deviation = (mean - bare)[filled] / np.sqrt(bare[filled] * (2 / n + 1 / 80))
        assert np.mean(deviation**2) < 1.0 and np.abs(deviation).max() < 5.0


def test_more_dust_leaves_fewer_stars(stream):
    made = stream.examples(0, 2000)
    stars = made.diagrams.sum(axis=(1, 2), dtype=float)
    for sightline in range(2):
        here = made.sightline == sightline
        assert np.corrcoef(stars[here], made.delta_A_V[here].sum(axis=1))[0, 1] < -0.5


@pytest.mark.parametrize("kind", ["2mass", "2mass-HKs"])
def test_what_the_model_may_be_wrong_about_varies(kind):
    def stream_of(law="G23", **ranges):
        vary = samples.Randomization(0.0, 0.0, 0.0, **ranges)
        options = {"seed": 3, "prior": ProfilePrior(empty=0.0), "kinds": [kind], "law": law, "randomization": vary}
        return samples.Stream([(280.0, 0.0)], np.array([0.1]), distance_edges(32, 0.2), **options)

    plain = stream_of().examples(0, 300)
    stars = plain.diagrams.sum(axis=(1, 2), dtype=float)
    for ranges in ({"magnitude": 0.3}, {"depth": 1.0}, {"R_V": 0.8}):
        varied = stream_of(**ranges).examples(0, 300)
        np.testing.assert_array_equal(varied.delta_A_V, plain.delta_A_V)
        # The same stars are drawn: those found in one and not in the other are the range's doing.
        gained = varied.diagrams.sum(axis=(1, 2), dtype=float) - stars
        assert (gained < 0).sum() > 60
        assert (gained > 0).sum() > 60 or "depth" in ranges  # all stars of the cut are found as it is
        one = stream_of(**ranges).examples(7, 2)
        np.testing.assert_array_equal(one.diagrams, varied.diagrams[7:9])
        assert abs(gained.mean()) < 0.1 * stars.mean()
    if kind == "2mass":
        with pytest.raises(InputError, match="R_V"):
            stream_of("RL85", R_V=0.5)


def test_the_law_dims_the_stars_and_is_written_down(stream):
    other = samples.Stream(stream.sightlines, stream.solid_angle, stream.edges, seed=3, prior=stream.prior, law="F04")
    gray, default = other.examples(0, 200), stream.examples(0, 200)
    np.testing.assert_array_equal(gray.delta_A_V, default.delta_A_V)
    # F04 takes 12 % less in J from the same A_V than the default.
    assert gray.diagrams.sum(dtype=int) > default.diagrams.sum(dtype=int)
    again = samples.Stream.of(other.describe())
    assert (again.law, again.R_V) == ("F04", 3.1)
    np.testing.assert_array_equal(again.examples(0, 3).diagrams, gray.diagrams[:3])


def test_an_output_of_the_besancon_model_stands_in_for_the_galaxy(stream, besancon_output):
    made = samples.Stream(
        [(280.0, 0.0)], np.array([0.02]), distance_edges(32, 0.2), seed=3, galaxy=str(besancon_output)
    )
    assert made.bare.sum() == pytest.approx(2 * stream.bare[0].sum(), rel=0.1)  # it holds twice as many stars
    again = samples.Stream.of(json.loads(json.dumps(made.describe())))
    np.testing.assert_array_equal(again.examples(0, 4).diagrams, made.examples(0, 4).diagrams)


def test_an_output_elsewhere_is_one_sentence(besancon_output):
    with pytest.raises(InputError, match="no output of the Besancon model lies within 10 deg of l=250, b=0"):
        samples.Stream([(250.0, 0.0)], np.array([0.02]), distance_edges(32, 0.2), seed=3, galaxy=str(besancon_output))


def test_a_stream_writes_its_galaxy_down_whole(stream):
    assert stream.describe()["galaxy"]["name"] == "embedded"
    changed = replace(GUMS_DR3, r_sun=8.0)
    sightline = [(280.0, 0.0)], np.array([0.02]), distance_edges(32, 0.2)
    other = samples.Stream(*sightline, seed=3, galaxy=changed)
    description = json.loads(json.dumps(other.describe()))
    assert description["galaxy"]["r_sun"] == 8.0
    again = samples.Stream.of(description)
    assert again.galaxy == changed
    np.testing.assert_array_equal(again.bare, other.bare)
    assert other.bare.sum() > 1.05 * stream.bare[0].sum()
