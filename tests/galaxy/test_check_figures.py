"""The figures of a model are drawn, and show what they were given."""

from __future__ import annotations

import numpy as np

from milkyway_cnn.galaxy import check_figures
from milkyway_cnn.galaxy.anchors import Anchor
from milkyway_cnn.galaxy.models import BESANCON_2003, EMBEDDED
from milkyway_cnn.galaxy.synthesis import synthesize

MODELS = {"embedded": EMBEDDED, "Besancon 2003": BESANCON_2003}


def drawn(figure):
    assert len(figure._repr_png_()) > 5000
    return figure.axes


def test_counts_by_direction():
    plane, off = drawn(check_figures.counts_by_direction(MODELS, (0.0, 20.0), step=60.0))
    assert [line.get_label() for line in plane.lines] == list(MODELS)
    assert plane.lines[0].get_ydata().min() > off.lines[0].get_ydata().max()


def test_luminosity_functions():
    thin, thick, spheroid = drawn(check_figures.luminosity_functions(MODELS))
    tops = [max(np.nanmax(step.get_data().values) for step in axes.patches) for axes in (thin, thick, spheroid)]
    assert tops[0] > 10 * tops[1] > 100 * tops[2]


def test_anchors_are_colored_by_whether_they_hold():
    (axes,) = drawn(check_figures.against_anchors([Anchor("a", 1.0, 0.1, 1.05), Anchor("b", 2.0, 0.01, 2.1)]))
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [point.get_color() for point in points] == [check_figures.FIRST, check_figures.SECOND]


def test_hertzsprung_russell():
    stars = synthesize(285, 0, 0.02, seed=1)
    (axes,) = drawn(check_figures.hertzsprung_russell(stars))
    assert sum(line.get_xdata().size for line in axes.lines) == len(stars)


def test_ridge_is_the_median_where_there_are_enough():
    magnitude = np.repeat([0.5, 1.5], (20, 5))
    log_teff = np.concatenate((np.linspace(3.6, 3.8, 20), np.full(5, 3.5)))
    found = check_figures.ridge(log_teff, magnitude, np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(found, [3.7, np.nan])


def test_against_stars():
    generator = np.random.default_rng(1)
    Ks = generator.uniform(9.0, 14.0, 5000)
    counts, colors = drawn(check_figures.against_stars((Ks[:500] + 0.5, Ks[:500]), (Ks + 0.6, Ks), 10.0))
    ratio = counts.lines[0].get_ydata()
    assert ratio.size == 10
    assert np.median(ratio) == np.clip(np.median(ratio), 0.8, 1.2)
    np.testing.assert_allclose(colors.lines[0].get_ydata(), 0.5)
