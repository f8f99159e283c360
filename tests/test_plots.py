"""Figures of what goes in and of learning: axes, units, and what they hold."""

import numpy as np
import pytest
import xarray as xr

from milkyway_cnn import plots
from milkyway_cnn.diagrams import AXES
from milkyway_cnn.nn import Record


@pytest.fixture
def image():
    counts = np.random.default_rng(1).poisson(2.0, (64, 64)).astype(np.uint16)
    return xr.DataArray(counts, AXES.centers(), ("magnitude", "color"))


def test_star_counts_are_per_square_degree_and_gray_where_uncovered():
    sky = ("b", "l")
    observed = xr.Dataset(
        {
            "stars": (sky, np.full((2, 3), 250)),
            "outside": (sky, np.zeros((2, 3), int)),
            "coverage": (sky, np.array([[1, 1, 1], [1, 0.5, 1]])),
            "solid_angle": ("b", np.full(2, 0.25)),
        },
        coords={"b": [-0.25, 0.25], "l": [280.25, 280.75, 281.25]},
    )
    axes, bar = plots.star_counts(observed).axes
    values = axes.images[0].get_array()
    assert np.ma.masked_invalid(values).count() == 5
    assert np.nanmax(values) == pytest.approx(1.0)  # thousand per square degree
    assert axes.get_xlim()[0] > axes.get_xlim()[1]  # longitude to the left
    assert "deg$^2$" in bar.get_ylabel()


def test_diagrams_stand_bright_side_up_beside_their_difference(image):
    figure = plots.diagrams(image, image.astype(np.float32) + 1)
    panels = figure.axes[:3]
    assert [axes.get_title() for axes in panels] == ["observed", "without dust", "difference"]
    low, high = panels[0].get_ylim()
    assert low > high
    assert panels[0].get_ylabel() == "$K_s$ (mag)"
    np.testing.assert_allclose(panels[2].collections[0].get_array(), -1.0)


def test_mock_profiles_show_bins_and_sums():
    edges = np.arange(11) * 0.5
    figure = plots.mock_profiles(np.ones((20, 10)), edges, shown=3)
    below, above = figure.axes
    assert "per bin" in below.get_ylabel()
    assert above.get_xlim() == (0.0, 5.0)


def test_training_curves_have_a_point_an_epoch():
    records = [Record(epoch, 1.0 / epoch, 1.1 / epoch, 1e-3, 100.0, 1.0, 0.0) for epoch in (1, 2, 3)]
    loss, rate = plots.training_curves(records).axes
    assert [len(line.get_xdata()) for line in (*loss.lines, *rate.lines)] == [3, 3, 3]
    assert loss.get_yscale() == "log"


def test_held_out_sums_to_the_asked_distance():
    edges = np.arange(11) * 1.0
    true = np.ones((50, 10))
    figure = plots.held_out(true, true, edges, at=(3,))
    (offsets,) = figure.axes[0].collections[0].get_offsets()
    assert figure.axes[0].get_title() == "to 3 kpc"
    np.testing.assert_allclose(offsets, [3.0, 3.0], atol=0.2)
