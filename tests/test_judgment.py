"""What is common among differences whose law is known, and what is not."""

import numpy as np
import pytest

from milkyway_cnn.judgment import Judgment


def differences(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two that hang together, the more stars the smaller, and the larger the more dust."""
    rng = np.random.default_rng(seed)
    stars, A_V = rng.uniform(200, 20_000, count), rng.gamma(2.0, 2.0, count)
    both = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], count)
    spread = (0.1 * (stars / 1000) ** -0.5 * np.sqrt(1 + A_V))[:, None]
    return np.log1p(A_V)[:, None] * [0.5, -0.1] + both * spread, stars, A_V


def test_one_in_a_hundred_is_doubted_with_few_stars_and_with_many():
    judgment = Judgment.of(*differences(8000, 1))
    found, stars, A_V = differences(20_000, 2)
    beyond = judgment(found, stars, A_V) > 1
    for some in (stars < 2000, stars > 15_000, A_V < 2, A_V > 8):
        assert beyond[some].mean() == pytest.approx(0.01, abs=0.01)
    off = found + np.array([0.3, -0.3])
    assert (judgment(off, stars, A_V) > 1)[stars > 15_000].mean() > 0.8
