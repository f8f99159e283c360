from __future__ import annotations

import numpy as np

from milkyway_cnn.galaxy.figures import color_diagrams, mean_dwarfs
from milkyway_cnn.galaxy.synthesis import synthesize


def test_diagrams_show_the_stars_and_what_is_drawn_over_them():
    stars = synthesize(285, 1, 0.2, seed=1)
    figure = color_diagrams(stars)
    assert len(figure.axes) == 8
    for axes in figure.axes:
        assert axes.get_xlabel().endswith("(mag)")
        counts = axes.collections[0].get_array()
        assert 0.8 * len(stars) < counts.sum() <= len(stars)
    drawn = [len(axes.lines) for axes in figure.axes]
    assert drawn == [0, 0, 0, 1, 1, 0, 0, 0]
    brightest = figure.axes[0].get_ylim()[1]
    assert brightest < 0  # bright stars are up


def test_absolute_magnitudes_are_drawn_where_they_are_said_to_be():
    figure = color_diagrams(synthesize(285, 1, 0.02, seed=1), {"mine": mean_dwarfs() | {"absolute": np.array(1)}})
    assert [len(axes.lines) for axes in figure.axes[:2]] == [1, 1]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mine"]
