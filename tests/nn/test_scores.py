"""Scores against scikit-learn's definitions, written out."""

from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.nn.scores import confusion, regression


def test_confusion():
    truth = np.eye(3)[[0, 0, 1, 2, 2, 2]]
    predicted = np.eye(3)[[0, 1, 1, 2, 0, 2]] * 0.9
    assert confusion(predicted, truth).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_regression():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((5000, 2))
    truth[:, 1] = 3.0
    predicted = (truth + 0.5 + 0.2 * rng.standard_normal((5000, 2))).astype(np.float32)
    scores = regression(predicted, truth)
    np.testing.assert_allclose(scores.bias, 0.5, atol=0.01)
    np.testing.assert_allclose(scores.rms, np.hypot(0.5, 0.2), atol=0.01)
    np.testing.assert_allclose(regression(predicted - 0.5, truth).mad, 0.2, atol=0.01)
    assert scores.correlation[0] == pytest.approx(np.corrcoef(predicted[:, 0], truth[:, 0])[0, 1])
    assert np.isnan(scores.correlation[1])
