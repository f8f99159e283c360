"""Channels of any survey: against the kernel of 2MASS, against stars observed one by one, and in a stream."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from milkyway_cnn import diagrams, profile_network, samples, validation
from milkyway_cnn.channels import Draws, channel
from milkyway_cnn.errors import InputError
from milkyway_cnn.expected import bare_of
from milkyway_cnn.extinction.profiles import ProfilePrior
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.kernels import draws
from milkyway_cnn.sightlines import Grid, distance_edges
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.diagrams import DIAGRAMS, DiagramAxes
from milkyway_cnn.surveys.observe import observe
from milkyway_cnn.surveys.read import read_catalog
from milkyway_cnn.surveys.registry import SURVEYS

DIRECTION, AREA = [(210.0, -19.0)], np.array([0.1])
EDGES = distance_edges(32, 0.2)
DUST = np.full(32, 0.05, np.float32)


def drawn(made, n=600, delta_A_V=DUST) -> tuple[np.ndarray, np.ndarray]:
    counts, outside = np.empty((n, 64, 64), np.uint16), np.empty(n, np.int32)
    zeros, ones, others = np.zeros(n, np.float32), np.ones(n, np.float32), np.zeros((n, 3), np.float32)
    cumulative = np.tile(np.concatenate([[0], np.cumsum(delta_A_V)]).astype(np.float32), (n, 1))
    what = Draws(np.zeros(n, int), draws.keys(1, np.arange(n)), ones, zeros, zeros, cumulative, 5.0, others)
    made.draw(what, counts, outside)
    return counts, outside


def test_the_general_kernel_draws_what_that_of_2mass_draws():
    own = channel(DIAGRAMS["2mass"], DIRECTION, AREA, EDGES, seed=1)
    general = channel(replace(DIAGRAMS["2mass"], name="by the general kernel"), DIRECTION, AREA, EDGES, seed=1)
    assert general.bare.sum() == pytest.approx(own.bare.sum(), rel=0.02)
    (counts, _), (others, _) = drawn(own), drawn(general)
    assert float(others.sum()) == pytest.approx(float(counts.sum()), rel=0.01)
    assert np.corrcoef(counts.sum(axis=0).ravel(), others.sum(axis=0).ravel())[0, 1] > 0.99


@pytest.mark.parametrize("name", ["2mass-HKs", "gaia-parallax", "gaia-color", "panstarrs-gi", "H-Ks/J"])
def test_a_channel_holds_what_the_survey_sees(name):
    kind = diagrams.diagram_named(name)
    made = channel(kind, DIRECTION, AREA, EDGES, seed=1)
    counts, outside = drawn(made)
    empty, _ = drawn(made, delta_A_V=0 * DUST)
    assert empty.sum() / 600 == pytest.approx(made.bare.sum(), rel=0.02)

    area = 1.0
    faintest = {band: limit + 0.4 for band, limit in kind.faintest}
    stars = synthesize(*DIRECTION[0], area, seed=7, faintest=faintest)
    A_V = stars.behind(EDGES, DUST)
    bands = [column for column in kind.columns if column != "parallax"]
    seen = observe(
        {band: stars.reddened(band, A_V) for band in bands},
        SURVEYS[kind.noise],
        seed=1,
        parallax=stars.parallax() if "parallax" in kind.columns else None,
    )
    here = np.zeros(len(stars))
    observed = diagrams.observe_cells(Catalog(here + 0.5, here + 0.5, seen), Grid(0, 1, 0, 1, 1), [kind])
    expected = float(observed["stars"].sum()) * AREA[0] / area
    # The stars of one square degree are some thousands: 5 standard deviations of both draws.
    spread = 5 * np.sqrt(expected * AREA[0] / area + expected**2 / made._parents.number[0])
    assert counts.sum() / 600 == pytest.approx(expected, abs=spread)
    mean = counts.mean(axis=0)
    image = observed["diagram"].values[0, 0].astype(float)
    for axis, tolerance in ((0, 2.0), (1, 2.0)):
        centers = [(profile.sum(axis=axis) @ np.arange(64)) / profile.sum() for profile in (mean, image)]
        assert centers[0] == pytest.approx(centers[1], abs=tolerance)
    assert outside.mean() < 0.1 * expected


def test_the_bare_diagram_of_a_direction_is_per_square_degree():
    small, large = (bare_of(DIAGRAMS["gaia-color"], 210.0, -19.0, area, seed=3).sum() for area in (0.5, 2.0))
    assert small == pytest.approx(large, rel=0.1)


@pytest.fixture(scope="module")
def stream():
    directions, areas = [(280.0, 0.0), (210.0, -19.0)], np.array([0.02, 0.1])
    options = {"seed": 3, "prior": ProfilePrior(empty=0.3)}
    make = lambda kinds: samples.Stream(directions, areas, EDGES, kinds=kinds, **options)  # noqa: E731
    return make(["2mass"]), make(["2mass", "gaia-parallax"])


def test_a_further_channel_leaves_the_first_as_it_is(stream, tmp_path):
    alone, both = stream
    one, two = alone.examples(0, 20), both.examples(0, 20)
    assert two.diagrams.shape == two.bare.shape == (20, 2, 64, 64) and two.outside.shape == (20, 2)
    np.testing.assert_array_equal(two.diagrams[:, 0], one.diagrams)
    np.testing.assert_array_equal(two.bare[:, 0], one.bare)
    np.testing.assert_array_equal(two.delta_A_V, one.delta_A_V)
    np.testing.assert_array_equal(both.examples(7, 3).diagrams, two.diagrams[7:10])
    images = profile_network.channels(two.diagrams, two.bare)
    assert images.shape == (20, 4, 64, 64)
    np.testing.assert_array_equal(images[:, 1], two.diagrams[:, 1])
    np.testing.assert_array_equal(images[:, 3], two.bare[:, 1])
    again = samples.Stream.of(json.loads(json.dumps(both.describe())))
    np.testing.assert_array_equal(again.examples(0, 5).diagrams, two.diagrams[:5])
    samples.store(both, "test", 20, tmp_path / "test.zarr")
    stored = samples.load(tmp_path / "test.zarr")
    assert stored["diagram"].dims == ("example", "channel", "magnitude", "color")
    assert diagrams.of_channel(stored["diagram"], "gaia-parallax")["color"].attrs["units"] == "mas"


def test_diagrams_of_other_sizes_are_no_channels():
    small = replace(DIAGRAMS["2mass"], axes=DiagramAxes(pixels=32))
    with pytest.raises(InputError, match="must have as many pixels, not 2mass 32, gaia-color 64"):
        samples.Stream([(280.0, 0.0)], np.array([0.02]), EDGES, seed=1, kinds=[small, "gaia-color"])


def test_a_mock_survey_is_a_catalog_like_any(tmp_path):
    grid = Grid(284.0, 284.5, -0.5, 0.5, 0.5)
    kind = DIAGRAMS["gaia-parallax"]
    path = validation.mock_catalog(tmp_path, kind)
    validation.observe_mock_survey(kind, grid, path, seed=2)
    first = path.read_bytes()
    validation.observe_mock_survey(kind, grid, path, seed=2)
    assert path.read_bytes() == first
    stars = read_catalog(path)
    assert stars.surveys == ("gaia",) and (grid.cell_index(stars.l, stars.b) >= 0).all()
    counts = diagrams.observe_cells(stars, grid, [kind])
    assert (counts["stars"] > 1000).all() and (counts["coverage"] == 1).all()
    # Without dust there would be more.
    bare = bare_of(kind, 284.25, 0.25, 0.25, seed=9).sum() * grid.solid_angle[1]
    assert 0.05 * bare < float(counts["stars"][1, 0]) < 0.8 * bare
    assert validation.mock_catalog(tmp_path, DIAGRAMS["2mass"]).name == "stars.fits"
    assert validation.mock_catalog(tmp_path, diagrams.diagram_named("H-Ks/J")).name == "H-Ks_against_J.fits"
