"""A CUDA card against the host: the same kernels, examples, trainings and predictions.

`milkyway-cnn test --gpu` runs these on the card of this machine. In Numba's simulation of a card the kernels are tried
by tests/kernels/test_twins.py, and here the whole chain, as small as can be.
"""

import os
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn import backend

FAULT = backend.fault(backend.found())


@cache
def result(name, device, precision, size):
    """Try something in a process of its own."""
    path = Path(f"/tmp/{os.getpid()}-{name}-{device}-{precision}-{size}") if os.name == "posix" else Path(name)
    environment = dict(os.environ)
    if device == "cuda" and size == "small":
        environment |= {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, str(Path(__file__).with_name("trials.py")), name, device, precision, size, str(path)]
    try:
        subprocess.run(command, env=environment, check=True, cwd=Path(__file__).parents[2])
        return pickle.loads(path.read_bytes())
    finally:
        path.unlink(missing_ok=True)


CARD = pytest.param("large", marks=pytest.mark.gpu)
SIMULATED = pytest.param("small", marks=pytest.mark.slow)


@pytest.fixture
def size(request):
    if request.param == "large" and FAULT:
        pytest.skip(FAULT)
    return request.param


def both(name, size, precision="float32"):
    return zip(result(name, "cuda", precision, size), result(name, "cpu", "float32", size), strict=True)


@pytest.mark.parametrize("size", [CARD], indirect=True)  # the simulation: tests/kernels/test_twins.py
def test_every_twin_gives_what_the_host_gives(size):
    for there, here in both("twins", size):
        if here.dtype.kind == "f":
            np.testing.assert_allclose(there, here, rtol=2e-5, atol=2e-5)
        else:
            np.testing.assert_array_equal(there, here)


@pytest.mark.parametrize("size", [CARD], indirect=True)
def test_the_stream_gives_the_same_examples(size):
    for there, here in both("stream", size):
        assert there.dtype == here.dtype and there.shape == here.shape
        if here.ndim > 2 or here.dtype.kind != "f":
            # A card fuses products with sums: a star whose color or brightness then rounds to the other side of an
            # edge is in the next pixel. Fused on a processor, one of a million is.
            apart = np.abs(there.astype(float) - here.astype(float)).sum(dtype=float)
            assert apart <= 1e-5 * max(here.sum(dtype=float), 1)
        else:
            np.testing.assert_allclose(there, here, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("size", [CARD], indirect=True)
def test_a_training_follows_that_of_the_host(size):
    (losses, expected), (validation, known) = both("training", size)
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    assert validation == pytest.approx(known, rel=1e-3)
    assert losses[-10:].mean() < 0.1 * losses[0]


@pytest.mark.parametrize("size", [CARD], indirect=True)
@pytest.mark.parametrize("precision", ["tf32", "bfloat16", "float16"])
def test_products_of_less_precision_learn_as_well(size, precision):
    _, (validation, known) = both("training", size, precision)
    assert validation == pytest.approx(known, rel=0.02)


@pytest.mark.parametrize("size", [CARD, SIMULATED], indirect=True)
def test_the_whole_chain_gives_what_the_host_gives(size):
    for there, here in both("chain", size):
        np.testing.assert_allclose(there, here, rtol=2e-3)
