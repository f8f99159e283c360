"""Templates star by star, and their blends, against plain NumPy."""

import numpy as np
import pytest

from milkyway_cnn.kernels import draws
from milkyway_cnn.kernels.expected import blends, templates

PIXELS = 64
AXES = np.array([-0.5, 10.0, 6.0, PIXELS / 8.8], np.float32)
BANDS = np.array([[0.282, 15.8, 15.8], [0.175, 15.1, np.inf], [0.112, 14.3, 14.3]], np.float32)
NOISE, HALF = np.array([0.02, 0.15], np.float32), np.array([16.7, 16.0, 15.2], np.float32)


@pytest.fixture
def stars():
    rng = np.random.default_rng(1)
    Ks, color = rng.uniform(9.0, 14.8, 300), rng.normal(0.6, 0.2, 300)
    distance = np.sort(rng.uniform(0.1, 14.0, 300))
    return np.stack([distance, Ks + color, Ks + 0.2 * color, Ks], axis=1).astype(np.float32)


def _star_by_star(stars, key, A_V):
    image = np.zeros(PIXELS**2)
    for k, (_, J, H, Ks) in stars.items():
        word = np.uint64(draws.bits(key, np.uint64(k)))
        J, H, Ks = J + 0.282 * A_V, H + 0.175 * A_V, Ks + 0.112 * A_V
        seen = np.prod([1 / (1 + np.exp((m - h) / 0.15)) for m, h in zip((J, H, Ks), HALF, strict=True)])
        found = draws.part(word, 3) < seen
        J += draws.rough_normal(word, 0) * np.hypot(0.02, 0.109 * 10 ** (0.4 * (J - 15.8)))
        Ks += draws.rough_normal(word, 1) * np.hypot(0.02, 0.109 * 10 ** (0.4 * (Ks - 14.3)))
        x, y = np.floor((J - Ks + 0.5) * 10), np.floor((Ks - 6.0) * PIXELS / 8.8)
        if found and J < 15.8 and Ks < 14.3 and 0 <= x < PIXELS and 0 <= y < PIXELS:
            image[int(y) * PIXELS + int(x)] += 1
    return image


def test_templates_count_each_star_as_a_plain_loop_does(stars):
    first, lowest = np.array([0, 70, 70, 210]), np.array([0, 3, 2, 1])
    last = np.array([[70] * 5, [70] * 5, [210, 210, 180, 170, 70], [300] * 5])
    images = templates(stars, first, last, lowest, np.uint64(7), 0.5, (BANDS, HALF, NOISE), AXES, PIXELS)
    assert images.shape == (4, 5, PIXELS**2) and not images[1].any()
    for n, level in np.ndindex(4, 5):
        key = np.uint64(draws.fork(np.uint64(7), np.uint64(lowest[n] + level)))
        own = {k: map(float, stars[k]) for k in range(first[n], last[n, level])}
        expected = _star_by_star(own, key, 0.5 * (lowest[n] + level))
        # A star on the edge of a pixel may fall to either side in single precision.
        assert np.abs(images[n, level] - expected).sum() <= 2


def test_blends_are_sums():
    rng = np.random.default_rng(2)
    share, images = rng.normal(size=(6, 3, 9)).astype(np.float32), rng.poisson(3.0, (6, 9, 50)).astype(np.float32)
    share[:, :, 4:7] = 0.0
    sums, slopes = blends(share, images)
    expected = np.einsum("ncl,nlp->ncp", share, images)
    np.testing.assert_allclose(slopes, expected[:, 1], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(sums, expected[:, (0, 2)].sum(axis=0), rtol=1e-4, atol=1e-4)
