"""The bound on what diagrams can tell: it runs, and holds what can be said of it without a formula."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import floor
from benchmarks.readme import RESULTS, stored
from milkyway_cnn.extinction.clouds import Clouds

EDGES = np.linspace(0.0, 12.8, 129)


@pytest.fixture(scope="module")
def cell():
    return floor.bound(285.0, 1.0, 0.25, EDGES, 0.5 * EDGES, cells=12)


def test_less_is_known_where_colors_are_not(cell):
    known, unsure = (np.array(cell["errors"][name]) for name in floor.COLORS)
    assert (known > 0.0).all() and (known < unsure).all() and (unsure < 0.2).all()
    assert cell["A_V"] == pytest.approx([1.0, 2.0, 3.0, 4.0])


def test_colors_that_are_off_move_all_A_V_alike(cell):
    # By themselves they spread A_V by 0.0058 / 0.17 mag, and no more than that can be lost.
    known, unsure = (np.array(cell["errors"][name]) * cell["A_V"] / 0.6745 for name in floor.COLORS)
    assert (np.sqrt(unsure**2 - known**2) < 1.3 * 0.0058 / 0.17).all()


def test_more_sky_tells_more(cell):
    wide = floor.bound(285.0, 1.0, 1.0, EDGES, 0.5 * EDGES, cells=3)
    assert (np.array(wide["errors"]["known"]) < np.array(cell["errors"]["known"])).all()


def test_the_prior_is_that_of_the_clouds():
    nodes = np.linspace(0.0, 12.5, 101)
    covariance = floor.clouds_covariance(nodes, 1.5)
    assert np.linalg.eigvalsh(covariance).min() > 0
    density = np.log(Clouds(3, shape=(400, 64, 64)).density)[:, ::8, ::8].reshape(100, 4, -1).mean(axis=1)
    found = np.array([np.mean(density[: 100 - n] * density[n:]) - density.mean() ** 2 for n in range(6)])
    np.testing.assert_allclose(covariance[0, :6] / covariance[0, 0], found / found[0], atol=0.08)


def test_the_table_is_of_the_stored_result():
    assert stored("benchmarks.floor") == floor.table(json.loads((RESULTS / "floor.json").read_text()))
