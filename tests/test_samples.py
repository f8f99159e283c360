"""The stream of examples: numbered, disjoint by split, the same anywhere, and stored as it is."""

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
    for name in ("diagrams", "bare", "delta_A_V", "sightline", "outside"):
        np.testing.assert_array_equal(getattr(together, name)[5:8], getattr(alone, name))


def test_shapes_and_types(stream):
    made = stream.examples(0, 5)
    assert made.diagrams.shape == made.bare.shape == (5, 64, 64)
    assert made.delta_A_V.shape == (5, 32)
    assert (made.diagrams.dtype, made.bare.dtype, made.delta_A_V.dtype) == (np.uint16, np.float32, np.float32)
    np.testing.assert_array_equal(made.sightline, [0, 1, 0, 1, 0])


def test_splits_and_seeds_differ(stream):
    profiles = [stream.examples(0, 40, split).delta_A_V for split in samples.SPLITS]
    assert not np.array_equal(profiles[0], profiles[1])
    assert not np.array_equal(profiles[1], profiles[2])


def test_an_empty_profile_has_the_stars_of_the_bare_diagram(stream):
    made = stream.examples(0, 2000)
    empty = ~made.delta_A_V.any(axis=1)
    assert empty.mean() == pytest.approx(0.3, abs=0.04)
    for sightline in range(2):
        here = empty & (made.sightline == sightline)
        total = made.diagrams[here].sum(dtype=float) / np.count_nonzero(here)
        assert total == pytest.approx(made.bare[here][0].sum(), rel=0.03)


def test_more_dust_leaves_fewer_stars(stream):
    made = stream.examples(0, 2000)
    stars = made.diagrams.sum(axis=(1, 2), dtype=float)
    for sightline in range(2):
        here = made.sightline == sightline
        assert np.corrcoef(stars[here], made.delta_A_V[here].sum(axis=1))[0, 1] < -0.5


def test_a_stored_sample_is_the_stream_and_knows_it(stream, tmp_path):
    made = []
    samples.store(stream, "validation", 10, tmp_path / "validation.zarr", made.append)
    stored = samples.load(tmp_path / "validation.zarr")
    expected = stream.examples(0, 10, "validation")
    np.testing.assert_array_equal(stored["diagram"], expected.diagrams)
    np.testing.assert_array_equal(stored["delta_A_V"], expected.delta_A_V)
    np.testing.assert_array_equal(stored["bare"].values[stored["sightline"].values], expected.bare)
    assert sum(made) == 10

    again = samples.Stream.of(json.loads(stored.attrs["stream"]))
    np.testing.assert_array_equal(again.examples(4, 2, "test").diagrams, stream.examples(4, 2, "test").diagrams)


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
