import numpy as np
import pytest

from milkyway_cnn.kernels.stacking import stack


def test_each_example_has_its_counts_and_then_what_is_expected():
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 2**16, (5, 2, 4, 4), np.uint16)
    expected, which = rng.random((3, 2, 4, 4), np.float32), np.array([2, 0, 1, 1, 2])
    out = np.empty((5, 4, 4, 4), np.float32)
    stack(counts, expected, which, out)
    np.testing.assert_array_equal(out, np.concatenate([counts, expected[which]], axis=1))


@pytest.mark.parametrize("which", [np.array([0, 1]), np.array([0, 1, 3]), np.array([0, 1, -1])])
def test_a_misfit_is_refused(which):
    with pytest.raises(ValueError, match="do not fit"):
        stack(np.ones((3, 1, 4, 4), np.uint16), np.ones((3, 1, 4, 4), np.float32), which, np.empty((3, 2, 4, 4)))
