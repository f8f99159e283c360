"""Every kernel for CUDA against its twin for the host: one argument list, one result, in Numba's simulator of a card.

The simulator runs kernels thread by thread in plain Python, so shapes are small. Where numba-cuda and its compiler are
installed, every kernel is compiled for the cards that are supported as well.
"""

import inspect
import os
import pickle
import pkgutil
import re
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from importlib import import_module, metadata
from pathlib import Path

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from milkyway_cnn import backend, kernels, nn
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.horizon import horizon
from milkyway_cnn.extinction.profiles import MockProfiles, ProfilePrior, cumulative
from milkyway_cnn.kernels import binning, draws, lift, variation
from milkyway_cnn.kernels._twin import KERNELS, Twin, block_each
from milkyway_cnn.kernels.channels import GRID, SurveyTables, draw_channel, expected_channel
from milkyway_cnn.kernels.examples import draw_diagrams
from milkyway_cnn.kernels.expected import blends, expected_diagram, templates
from milkyway_cnn.kernels.fields import gaussian_fields
from milkyway_cnn.kernels.roots import where_polynomial_falls_to
from milkyway_cnn.kernels.stacking import stack
from milkyway_cnn.kernels.stars import draw_counts, draw_stars
from milkyway_cnn.nn.scheme import OPERATIONS, SCHEMES, scheme
from milkyway_cnn.sightlines import distance_edges
from milkyway_cnn.training import Plan

u64 = np.uint64
sys.path.insert(0, str(Path(__file__).parent))
_SIMULATED = """
import pickle, sys, warnings
import numpy as np
warnings.simplefilter("ignore")  # integers of random numbers overflow, as they should
sys.path.insert(0, sys.argv[1])
import test_twins
from milkyway_cnn import backend
with backend.use("cuda") as card:
    assert card.name == "cuda"
    results = {name: made() for name, made in test_twins.CASES.items()}
for precision in ("bfloat16", "float16"):
    with backend.use("cuda", precision):
        results[precision] = test_twins.CASES["absolute"]()
with backend.use("cuda", "float16"):
    results["guarded"] = test_twins.guarded()
with open(sys.argv[2], "wb") as file:
    pickle.dump(results, file)
"""


def numbers():
    return draws.keys(7, 1, np.arange(200)), draws.uniforms(draws.keys(7, np.arange(5)), 2, 40)


def fields():
    out = np.empty((3, 20), np.float32)
    gaussian_fields(draws.keys(3, np.arange(3)), 1, np.array([1.0, 1.5, 2.5], np.float32), 64, out)
    return (out,)


def stars():
    counts = np.full(4, 9)  # where kernels are only compiled, it stays
    draw_counts(u64(4), np.array([3.0, 60.0, 0.0, 20.0]), counts)
    first = np.concatenate([[0], np.cumsum(counts)])
    rng = np.random.default_rng(1)
    edges = np.linspace(0.1, 2.0, 5).astype(np.float32)
    cells = (
        edges[:-1],
        edges[1:],
        rng.normal(0, 0.2, 4).astype(np.float32),
        np.array([0, 0, 5, 5]),
        np.array([5, 3, 4, 4]),
    )
    states = np.cumsum(rng.random(9)), *(rng.normal(3, 1, (9, 3)).astype(np.float32) for _ in range(2))
    found = *(np.empty(first[-1], np.float32) for _ in range(4)), *(np.empty(first[-1], np.int32) for _ in range(2))
    draw_stars(u64(5), 0, first, *cells, *states, *found)
    return counts, *found


def _survey():
    bands = np.array([[0.282, 15.8, 15.8], [0.175, 15.1, np.inf], [0.112, 14.3, 14.3]], np.float32)
    half = np.array([[16.7, 16.0, 15.2], [15.9, 15.2, 14.3]], np.float32)
    rng = np.random.default_rng(1)
    Ks = rng.uniform(9.0, 14.8, 90)
    modeled = np.stack([rng.uniform(0.1, 14.0, 90), Ks + 0.6, Ks + 0.1, Ks], axis=1).astype(np.float32)
    axes = np.array([-0.5, 2.5, 6.0, 16 / 8.8], np.float32)
    return modeled, bands, half, np.array([0.02, 0.15], np.float32), axes


def diagrams():
    modeled, bands, half, noise, axes = _survey()
    n, rng = 3, np.random.default_rng(2)
    counts, outside = np.empty((n, 16, 16), np.uint16), np.empty(n, np.int32)
    draw_diagrams(
        modeled, np.array([0, 40]), np.array([40, 50]), np.array([0, 1, 1]), draws.keys(5, np.arange(n)),
        np.array([150.0, 20.0, 100.0]), np.array([0.0, 0.3, 0.2], np.float32), np.zeros(n, np.float32),
        np.cumsum(rng.exponential(0.05, (n, 33)), axis=1).astype(np.float32), 2.5, (bands, half, noise), axes, counts,
        outside,
    )  # fmt: skip
    return counts, outside


def bare():
    modeled, bands, half, noise, axes = _survey()
    first, last, lowest = np.array([0, 30, 60]), np.array([[30] * 3, [60, 50, 30], [90] * 3]), np.array([0, 2, 1])
    survey, rng = (bands, half[0], noise), np.random.default_rng(3)
    images = templates(modeled, first, last, lowest, u64(4), 0.5, survey, axes, 16)
    blended = blends(rng.normal(size=(3, 3, 3)).astype(np.float32), images)
    return expected_diagram(modeled, u64(1), 3, survey, axes, 16), images, *blended


def general():
    """Two bands and the parallax, as of any survey."""
    rng, grid = np.random.default_rng(2), GRID
    half = np.array([[17.0, 17.5], [16.0, 16.5]])
    extinction = rng.normal(0, [0.02] * 4 + [0.005] * 3 + [0.001] * 3, (2, 10))
    extinction[:, 0] += (0.8, 0.5)
    arrays = (
        extinction,
        [17.0, np.inf],
        [0.01 + 0.001 * grid, 0.02 + 0.002 * grid],
        1 / (1 + np.exp(np.clip((grid - half[..., None]) / 0.3, -50, 50))),
        [0.02 + 0.01 * grid, -0.03 - 0.001 * grid],
        [[0, 0, 1], [1, 0, 0]],
        [-1.9, 16 / 5.0, 8.0, 16 / 9.0, 0.3],
    )
    tables = SurveyTables(*(np.array(array, np.float32) for array in arrays))
    modeled = np.column_stack([rng.uniform(0.1, 14, 90), rng.uniform(0, 2.5, 90), rng.uniform(9, 17.2, (90, 2))])
    modeled, n = modeled.astype(np.float32), 3
    counts, outside = np.empty((n, 16, 16), np.uint16), np.empty(n, np.int32)
    draw_channel(
        modeled, np.array([0, 40]), np.array([40, 50]), np.array([0, 1, 1]), draws.keys(5, np.arange(n)),
        np.array([90.0, 20.0, 60.0]), np.array([0.0, 0.3, 0.2], np.float32), np.zeros(n, np.float32),
        np.cumsum(rng.exponential(0.05, (n, 33)), axis=1).astype(np.float32), 2.5, tables, counts, outside,
    )  # fmt: skip
    tables = tables._replace(completeness=tables.completeness[:1])
    return counts, outside, expected_channel(modeled, u64(1), 2, tables, 16)


def counted():
    """Stars of a catalog into cells and their diagrams, and roots of polynomials."""
    rng, axes, n = np.random.default_rng(4), np.array([-0.5, 4.0, 6.0, 1.0], np.float32), 60
    color, magnitude = rng.uniform(-1, 2, n).astype(np.float32), rng.uniform(5, 15, n).astype(np.float32)
    color[3], accepted = np.nan, rng.random(n) < 0.8
    l, b = rng.choice([-0.2, 0.0, 0.7, 359.9, 1.3, np.nan], n), rng.choice([-1.0, 0.0, 0.5, 0.9, 3.0], n)
    added = [np.zeros((4, 8, 8), np.uint32), *np.zeros((2, 4), np.int64), np.zeros((2, 2, 3, 3), bool)]
    binning.count_stars(l, b, np.array([359.5, 0.0, 1.0]), accepted, color, magnitude, axes, *added)
    of_cells = [np.ones((3, 8, 8), np.uint32), *np.ones((2, 3), np.int64), np.zeros((3, 4), bool)]
    cell, part = rng.integers(-1, 3, n).astype(np.int32), rng.integers(0, 4, n).astype(np.int32)
    binning.count_sorted_stars(cell, part, accepted, color, magnitude, axes, *of_cells)
    falling = np.stack([rng.uniform(5, 9, 7), *(-rng.uniform(0.1, 1, (4, 7)))])
    where = where_polynomial_falls_to(rng.uniform(0, 8, 7), falling, (0.2, 1.5))
    return *added, *of_cells, binning.pixels_of_stars(color, magnitude, axes, 8), where


def profiles():
    """Whole mock profiles, clouds on arms and anywhere, and what is seen and learned of them."""
    prior = ProfilePrior(clouds=3.0, cloud_arms=0.5, empty=0.2, free_share=0.5)
    mock, n = MockProfiles([(290.0, 0.0), (210.0, -19.0)], distance_edges(16, 0.5), prior), 12
    number, sightline = np.empty((2, n), np.int64)
    variation.numbered(90, range(94), 2, number, sightline)
    made = mock.draw(draws.keys(3, number), sightline)
    A_V = cumulative(made)
    visible = np.random.default_rng(5).uniform(0, 3, (2, made.shape[1], 40)).astype(np.float32)
    u = draws.uniforms(draws.keys(8, number), 1, 3)
    brightening, scatter, shift = np.empty((3, n), np.float32)
    others, mean, table = np.empty((n, 3), np.float32), np.empty(n), np.empty((n, 4), np.float32)
    variation.vary(u, u[:, ::-1].copy(), (0, 2), (0.1, 0.02, 0.4, 0.3, 0.5, 0.8), brightening, scatter, shift, others)
    ratios = np.linspace(0.9, 1.1, 34, dtype=np.float32).reshape(17, 2)
    variation.nuisance(np.array([90.0, 40.0]), sightline, brightening, others, ratios, 0.8, mean, table)
    reach = horizon(A_V, visible, sightline, mock.all_edges, brightening=brightening)
    delta = np.ascontiguousarray(made[:, :16])
    goals = [Plan(horizon=policy).goal(delta, reach, distance_edges(16, 0.5)) for policy in variation.POLICIES]
    return number, sightline, made, A_V, brightening, scatter, shift, others, mean, table, reach, *sum(goals, ())


def channels():
    rng = np.random.default_rng(1)
    out = np.empty((3, 2, 4, 4), np.float32)
    stack(rng.integers(0, 9, (3, 1, 4, 4), np.uint16), rng.random((2, 1, 4, 4), np.float32), np.array([1, 0, 1]), out)
    return (out,)


#: Steps of `guarded`, and those of them whose gradients are beyond the largest float16.
STEPS, BEYOND, GROWING = 9, (2, 3, 8), 3


def guarded():
    """Weights and loss scale after each step of trainings, some of whose gradients are too large for float16."""
    there, made = backend.current().name == "cuda", []
    if there:
        lift.GOOD_STEPS = GROWING  # as the simulation reads it when it runs
    for optimizer in (nn.SGD(0.9), nn.AdamW()):
        net, x = nn.Network("D4-D3", (5,), seed=2), np.random.default_rng(0).random((STEPS, 3, 5), np.float32)
        for step in range(STEPS):
            if there or step not in BEYOND:  # without float16 they are left out here
                share = 1e30 if step in BEYOND else 1.0
                net.step(x[step], x[step, :, 1:4], share, loss=nn.SquaredError(), optimizer=optimizer, rate=0.05)
            state = [np.zeros(2)] if net.loss_scale is None else [net.place.fetch(net.loss_scale.state)]
            parameters = [np.array(net.place.fetch(parameter.value)).ravel() for parameter in net.parameters]
            made.append((*state, np.concatenate(parameters)))
        if net.loss_scale is not None:
            with tempfile.TemporaryDirectory() as folder:
                net.save(Path(folder) / "net", optimizer=optimizer)
                again = nn.Network("D4-D3", (5,), seed=3)
                again.restore(Path(folder) / "net", optimizer)
            np.testing.assert_array_equal(net.place.fetch(again.loss_scale.state), state[0])
    return made


CASES = {
    made.__name__: made
    for made in (
        numbers, fields, stars, diagrams, bare, general, counted, profiles, channels, *import_module("networks").CASES
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated") / "results"
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    here = Path(__file__).parent
    subprocess.run(
        [sys.executable, "-c", _SIMULATED, str(here), str(path)], env=environment, check=True, cwd=here.parents[1]
    )
    return pickle.loads(path.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_simulated_card_gives_what_the_host_gives(simulated, name):
    for there, here in zip(simulated[name], CASES[name](), strict=True):
        assert there.dtype == here.dtype
        if here.dtype == np.float32:
            np.testing.assert_allclose(there, here, rtol=2e-5, atol=2e-5)
        else:
            np.testing.assert_array_equal(there, here)


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "error"), [("bfloat16", 2**-8), ("float16", 2**-11)])
def test_products_of_16_bits_are_those_of_float32_to_their_rounding(simulated, precision, error):
    losses, exact = simulated[precision][0], simulated["absolute"][0]
    assert 0.0 < np.abs(losses / exact - 1.0).max() < 2 * error


@pytest.mark.slow
def test_gradients_beyond_float16_leave_a_step_out_and_halve_the_loss_scale(simulated):
    made = simulated["guarded"]
    for begin in (0, STEPS):
        scale, good, before = 8.0, 0, None  # the power of two below 3 examples x 3 outputs
        for step, (state, weights) in enumerate(made[begin : begin + STEPS]):
            if step in BEYOND:
                scale, good = scale / 2, 0
                np.testing.assert_array_equal(weights, before)
            else:
                assert before is None or not np.array_equal(weights, before)
                scale, good = (2 * scale, 0) if good + 1 == GROWING else (scale, good + 1)
            np.testing.assert_array_equal(state, [scale, good])
            before = weights
    # As if there had been no such steps: the velocity, too, is as it was.
    np.testing.assert_allclose(made[STEPS - 1][1], guarded()[STEPS - 1][1], atol=2e-3)


#: Loops of the host that have no twin, and why.
ALONE = {
    "_deal": "layout of the host's convolution; that of a card is convolution_cuda, under the same contract",
    "_pack": "the same",
    "_forward": "the same",
    "_backward": "the same",
    "_alone": "the host's product; that of a card is cuBLAS's",
    "_shared": "the same",
    "_look_up": "a table that saves processors a logarithm, which costs a card less than the table; see _scale_cuda",
    "_draw_diagram_cpu": "what _draw_diagrams_cpu does for one example, compiled by itself for its vectors",
    "_template": "the same of _templates_cpu",
    "_blend": "the same of _blends_cpu",
}


def test_no_loop_of_the_host_lacks_its_twin():
    modules = [import_module(f"milkyway_cnn.kernels.{found.name}") for found in pkgutil.iter_modules(kernels.__path__)]
    twins = {id(kernel.host) for kernel in KERNELS if isinstance(kernel, Twin)}
    loops = {
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Dispatcher) and value.py_func.__module__ == module.__name__
        if not value.targetoptions.get("forceinline") and id(value) not in twins
    }
    assert loops == set(ALONE)


def test_operations_of_a_card_alone_have_the_arguments_of_the_hosts():
    here, there = (SCHEMES[name]() for name in ("cpu", "cuda"))
    for name in OPERATIONS:
        assert inspect.signature(getattr(here, name)) == inspect.signature(getattr(there, name)), name


def _plain(function):
    return getattr(function, "py_func", function)


def test_twins_have_one_argument_list_and_one_stem():
    scheme("cpu")  # imports all modules
    twins = [kernel for kernel in KERNELS if isinstance(kernel, Twin)]
    assert len(twins) >= 48
    for twin in twins:
        assert inspect.signature(_plain(twin.host)) == inspect.signature(twin.card)
        assert _plain(twin.host).__name__.removesuffix("_cpu") == twin.card.__name__.removesuffix("_cuda")
        assert _plain(twin.host).__module__ == twin.card.__module__


def test_a_diagram_too_large_for_a_block_is_one_sentence():
    with pytest.raises(InputError, match="65,544 bytes of a card's shared memory of 49,152; choose fewer pixels"):
        block_each(3, shared=4 * (2 + 128**2))


def test_nothing_of_cuda_is_imported_with_the_kernels():
    code = "import sys, milkyway_cnn.samples, milkyway_cnn.training; assert 'numba.cuda' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


_SUMS = "sums over many numbers, of which a block has one at its end"
_NUMBER = "the number of stars of an example, once a thread"
_ANGLE = "sine and cosine of the library, for angles larger than any here"
#: Kernels that compute with float64, and why; in all others it would have crept in.
DOUBLE = {
    "_spectra_cuda": _ANGLE,
    "_synthesize_cuda": _ANGLE,
    "_draw_counts_cuda": _NUMBER,
    "_draw_diagrams_cuda": _NUMBER,
    "_draw_channel_cuda": _NUMBER,
    "_nuisance_cuda": _NUMBER,
    "_expected_diagram_cuda": "the root of the number of pixels, once a thread",
    "_expected_channel_cuda": "the same",
    "_draw_stars_cuda": "a state among so many that float32 cannot number them",
    "_profiles_cuda": "the integral of a Gaussian at some edges of a cloud, of which differences are taken",
    "_count_stars_cuda": "positions on the sky",
    "_bisect_cuda": "roots in float64",
    "_squared_error_cuda": "the loss of an example",
    "_absolute_error_cuda": "the same",
    "_gaussian_nll_cuda": "the same",
    "_cross_entropy_cuda": "the same",
    "_group_normalize_cuda": _SUMS,
    "_group_normalize_backward_cuda": _SUMS,
    "_batch_statistics_cuda": _SUMS,
    "_batch_normalize_backward_cuda": _SUMS,
    "_accumulate_cuda": _SUMS,
    "_square_sum_cuda": _SUMS,
    "_clipping_cuda": _SUMS,
}

_COMPILED = """
import sys
from types import SimpleNamespace
from numba.cuda import dispatcher
capability = int(sys.argv[1]), int(sys.argv[2])
dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)  # there is no card here
sys.path.insert(0, sys.argv[3])
import test_twins
test_twins.compile_all(capability)
"""


def compile_all(capability):
    """Compile every kernel with the types that it has in `CASES`, which launch nothing here."""
    from numba import typeof, types

    from milkyway_cnn import backend
    from milkyway_cnn.backend.device import Device

    cuda, compiled = import_module("numba.cuda"), set()

    def of_a_card(kind):
        if isinstance(kind, types.BaseTuple):
            return types.Tuple([of_a_card(part) for part in kind])
        return (
            types.Array(kind.dtype, kind.ndim, kind.layout) if isinstance(kind, types.Array) else types.unliteral(kind)
        )

    class Compiling(Device):
        """Memory of the host, whose numbers are arbitrary, and kernels that are compiled instead of launched."""

        active = staticmethod(nullcontext)
        send = fetch = staticmethod(np.asarray)
        zeros = _empty = staticmethod(np.zeros)

        def holds(self, array):
            return isinstance(array, np.ndarray)

        def release(self):
            pass

        def fill(self, there, values):
            there[...] = values

        def later(self, array):
            return lambda: array

        def repeat(self, kept, key, step):
            return step()

        def _product(self, *arguments):
            pass

        def launch(self, kernel, grid, arguments):
            kinds = tuple(of_a_card(typeof(argument)) for argument in arguments)
            if (kernel, kinds) not in compiled:
                ptx, _ = cuda.compile_ptx(kernel.py_func, kinds, cc=capability)
                assert f".target sm_{capability[0]}{capability[1]}" in ptx
                name = kernel.py_func.__name__
                found = re.findall(r"^.*\.f64.*$", ptx, re.M)
                assert not found or name in DOUBLE, f"{name} computes with float64: {found[:3]}"
                compiled.add((kernel, kinds))

    with backend.entered(Compiling("float32")):
        for made in CASES.values():
            made()
    for precision in ("bfloat16", "float16"):
        with backend.entered(Compiling(precision)):
            CASES["absolute"]()
            guarded()
    assert {kernel for kernel, _ in compiled} == {kernel.kernel for kernel in KERNELS}


def _compiler():
    try:
        return metadata.version("numba-cuda") and metadata.version("nvidia-cuda-nvrtc-cu12")
    except metadata.PackageNotFoundError:
        return None


@pytest.mark.slow
@pytest.mark.skipif(_compiler() is None, reason="numba-cuda[cu12] is not installed")
@pytest.mark.parametrize("capability", ["7 0", "8 0", "9 0"])
def test_every_kernel_compiles_for_the_card(capability):
    here = Path(__file__).parent
    command = [sys.executable, "-c", _COMPILED, *capability.split(), str(here)]
    subprocess.run(command, check=True, cwd=here.parents[1])
