"""The fused example kernel against a star-by-star loop in plain Python, and its statistics."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.kernels import draws
from milkyway_cnn.kernels.examples import draw_diagrams
from milkyway_cnn.kernels.expected import expected_diagram

PIXELS = 64
AXES = np.array([-0.5, 10.0, 6.0, PIXELS / 8.8], np.float32)
BANDS = np.array([[0.282, 15.8, 15.8], [0.175, 15.1, np.inf], [0.112, 14.3, 14.3]], np.float32)
NOISE = np.array([0.02, 0.15], np.float32)
HALF = np.array([[16.7, 16.0, 15.2], [15.9, 15.2, 14.3]], np.float32)
BINS_PER_KPC = 10.0


def _u64(value):
    return np.uint64(value)


@pytest.fixture
def stars():
    rng = np.random.default_rng(1)
    n = 300
    Ks = rng.uniform(9.0, 14.8, n)
    color = rng.normal(0.6, 0.2, n)
    return np.stack([rng.uniform(0.1, 14.0, n), Ks + color, Ks + 0.2 * color, Ks], axis=1).astype(np.float32)


def _draw(stars, keys, mean, scatter, shift, cumulative):
    n = len(keys)
    first, number = np.array([0, 100]), np.array([100, 200])
    counts, outside = np.empty((n, PIXELS, PIXELS), np.uint16), np.empty(n, np.int32)
    draw_diagrams(
        stars, first, number, np.arange(n) % 2, keys, mean, scatter, shift, cumulative, BINS_PER_KPC,
        (BANDS, HALF, NOISE), AXES, counts, outside,
    )  # fmt: skip
    return counts, outside


def _one_by_one(stars, s, key, mean, scatter, shift, cumulative):
    """What the kernel does, one star at a time."""
    first, number = ((0, 100), (100, 200))[s]
    counts, outside = np.zeros((PIXELS, PIXELS), np.uint16), 0
    star_keys, run_keys = (_u64(draws.fork(key, _u64(branch))) for branch in (1, 2))
    for i in range(draws.poisson(mean, _u64(draws.fork(key, _u64(0))))):
        begin = i // 64 * 64
        k = ((int(draws.bits(run_keys, _u64(begin))) >> 32) * number >> 32) + i - begin
        word = _u64(draws.bits(star_keys, _u64(i)))
        distance, J, H, Ks = map(float, stars[first + k % number])
        A_V = np.interp(distance, np.arange(cumulative.size) / BINS_PER_KPC, cumulative)
        if scatter:
            A_V *= np.exp(scatter * draws.rough_normal(word, 2) - scatter**2 / 2)
        J, H, Ks = J + 0.282 * A_V + shift, H + 0.175 * A_V, Ks + 0.112 * A_V
        seen = np.prod([1 / (1 + np.exp((m - h) / 0.15)) for m, h in zip((J, H, Ks), HALF[s], strict=True)])
        if draws.part(word, 3) > seen:
            continue
        J += draws.rough_normal(word, 0) * np.hypot(0.02, 0.109 * 10 ** (0.4 * (J - 15.8)))
        Ks += draws.rough_normal(word, 1) * np.hypot(0.02, 0.109 * 10 ** (0.4 * (Ks - 14.3)))
        if J >= 15.8 or Ks >= 14.3:
            continue
        x, y = np.floor((J - Ks + 0.5) * 10), np.floor((Ks - 6.0) * PIXELS / 8.8)
        if 0 <= x < PIXELS and 0 <= y < PIXELS:
            counts[int(y), int(x)] += 1
        else:
            outside += 1
    return counts, outside


@pytest.mark.parametrize("scatter", [0.0, 0.4])
def test_the_kernel_does_what_a_plain_loop_does(stars, scatter):
    n = 6
    keys = draws.keys(5, np.arange(n))
    mean = np.array([20.0, 500.0, 3.0, 100.0, 0.0, 250.0])
    shift = np.linspace(-0.05, 0.05, n, dtype=np.float32)
    cumulative = np.cumsum(np.random.default_rng(2).exponential(0.05, (n, 129)), axis=1).astype(np.float32)
    counts, outside = _draw(stars, keys, mean, np.full(n, scatter, np.float32), shift, cumulative)
    for i in range(n):
        expected, lost = _one_by_one(stars, i % 2, keys[i], mean[i], scatter, shift[i], cumulative[i])
        # A star on the edge of a pixel may fall to either side in single precision.
        assert np.abs(counts[i].astype(int) - expected).sum() <= 2
        assert outside[i] == lost


def test_an_example_does_not_depend_on_its_batch(stars):
    n = 8
    keys = draws.keys(5, np.arange(n))
    arguments = [np.full(n, 200.0), np.full(n, 0.2, np.float32), np.zeros(n, np.float32), np.ones((n, 129), np.float32)]
    together, _ = _draw(stars, keys, *arguments)
    alone, _ = _draw(stars, keys[2:4], *(a[2:4] for a in arguments))
    np.testing.assert_array_equal(together[2:4], alone)


_ELSEWHERE = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import test_examples
np.save(sys.argv[2], test_examples.diagrams_of_any_host())
"""


def diagrams_of_any_host():
    rng = np.random.default_rng(1)
    Ks = rng.uniform(9.0, 14.8, 300)
    modeled = np.stack([rng.uniform(0.1, 14.0, 300), Ks + 0.6, Ks + 0.1, Ks], axis=1).astype(np.float32)
    profiles = np.cumsum(rng.exponential(0.05, (20, 129)), axis=1).astype(np.float32)
    arguments = np.full(20, 2000.0), np.full(20, 0.3, np.float32), np.zeros(20, np.float32), profiles
    return _draw(modeled, draws.keys(5, np.arange(20)), *arguments)[0]


@pytest.mark.slow
def test_a_processor_without_vectors_draws_the_same_stars(tmp_path):
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    here, path = Path(__file__).parent, tmp_path / "diagrams.npy"
    command = [sys.executable, "-c", _ELSEWHERE, str(here), str(path)]
    subprocess.run(command, env={**os.environ, **plain}, check=True, cwd=here.parents[1])
    np.testing.assert_array_equal(np.load(path), diagrams_of_any_host())


def test_dust_dims_and_reddens(stars):
    n = 400
    keys = draws.keys(3, np.arange(n))
    level = np.zeros((n, 129), np.float32)
    level[n // 2 :] = 3.0
    counts, _ = _draw(stars, keys, np.full(n, 300.0), np.zeros(n, np.float32), np.zeros(n, np.float32), level)
    bare, dusty = counts[: n // 2].sum(axis=0, dtype=int), counts[n // 2 :].sum(axis=0, dtype=int)
    assert dusty.sum() < bare.sum()
    color = np.arange(PIXELS) / 10 - 0.45
    reddening = np.average(color, weights=dusty.sum(axis=0)) - np.average(color, weights=bare.sum(axis=0))
    assert reddening == pytest.approx(3.0 * (0.282 - 0.112), abs=0.03)


def test_the_expected_diagram_is_the_mean_of_drawn_ones_without_dust(stars):
    expected = expected_diagram(stars[:100], _u64(1), 400, (BANDS, HALF[0], NOISE), AXES, PIXELS)
    n = 4000
    counts, _ = _draw(
        stars,
        draws.keys(9, np.arange(0, n)),
        np.full(n, 100.0),
        *np.zeros((2, n), np.float32),
        np.zeros((n, 129), np.float32),
    )
    drawn = counts[::2].mean(axis=0)  # the even ones belong to the first sightline
    assert drawn.sum() == pytest.approx(expected.sum(), rel=0.01)
    assert np.abs(drawn - expected).sum() < 0.12 * expected.sum()


def test_a_misfit_is_refused_before_work(stars):
    with pytest.raises(ValueError, match="one number of examples"):
        _draw(
            stars,
            draws.keys(5, np.arange(2)),
            np.ones(3),
            *np.zeros((2, 2), np.float32),
            np.zeros((2, 129), np.float32),
        )
