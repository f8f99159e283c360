"""What decides about an example is the same to the last bit, whatever process compiled it.

Numba's cache holds code that was optimized once more than that which runs in the process that compiled it: where sums
may be reordered and products fused, the examples of a process that finds the cache filled are others.
"""

import json
import os
import subprocess
import sys
from importlib import import_module

import pytest
from numba.core.dispatcher import Dispatcher

MODULES = (
    "_elementary", "channels", "draws", "examples", "fields", "photometry", "profiles", "reddening", "roots", "stars",
    "variation",
)  # fmt: skip
SCRIPT = """
import hashlib, json
import numpy as np
from milkyway_cnn import samples
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.sightlines import distance_edges

stars = synthesize(280.0, 0.0, 0.2, seed=3)
stream = samples.Stream([(280.0, 0.0), (210.0, -19.0)], np.array([0.01, 0.05]), distance_edges(32, 0.2), seed=3)
made = stream.examples(0, 400)
arrays = {name: getattr(stars, name) for name in ("distance", "J", "H", "Ks")} | vars(made) | {"bare": stream.bare}
print(json.dumps({name: hashlib.sha256(np.ascontiguousarray(array)).hexdigest() for name, array in arrays.items()}))
"""


@pytest.mark.parametrize("name", MODULES)
def test_nothing_may_be_rounded_otherwise(name):
    module = import_module(f"milkyway_cnn.kernels.{name}")
    kernels = [kernel for kernel in vars(module).values() if isinstance(kernel, Dispatcher)]
    assert kernels
    for kernel in kernels:
        options = kernel.targetoptions
        assert (options["fastmath"], options["error_model"]) == (False, "numpy"), kernel.py_func.__qualname__


@pytest.mark.slow
@pytest.mark.timeout(1800)  # of a machine with much else to do
def test_examples_are_the_same_just_compiled_and_found_in_the_cache_by_one_thread(tmp_path):
    def digests(**settings):
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)} | settings
        words = [sys.executable, "-W", "ignore", "-c", SCRIPT]
        return json.loads(subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout)

    compiled = digests()
    assert len(compiled) == 11
    assert digests(NUMBA_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1") == compiled
