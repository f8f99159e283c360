"""What is tried on the host and on a card, each in a process of its own.

``python trials.py NAME DEVICE PRECISION SIZE FILE``: SIZE is "large" for a card, or "small" for Numba's simulation of
one. Results are arrays in a pickle.
"""

import os
import pickle
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1] / "kernels"), str(Path(__file__).parents[2])]


def twins(size):
    """Every kernel on small arrays."""
    import test_twins

    return [result for made in test_twins.CASES.values() for result in made()]


def stream_of(stars, pixels=64):
    from milkyway_cnn import samples, sightlines
    from milkyway_cnn.diagrams import DIAGRAMS
    from milkyway_cnn.galaxy.synthesis import synthesize

    directions = [(285.0, 0.0), (300.0, 3.0)]
    area = stars / (len(synthesize(*directions[0], 0.01, seed=1)) / 0.01)
    kind = replace(DIAGRAMS["2mass"], axes=replace(DIAGRAMS["2mass"].axes, pixels=pixels))
    return samples.Stream(directions, np.full(2, area), sightlines.distance_edges(20, 0.5), seed=3, kinds=[kind])


def stream(size):
    """Examples by their numbers, and what a network is shown of them."""
    from milkyway_cnn import backend
    from milkyway_cnn.profile_network import channels

    made = stream_of(20, 8) if size == "small" else stream_of(10_000)
    fetch = backend.current().fetch
    examples = made.examples(5, 2 if size == "small" else 512)
    shown = channels(examples.diagrams, made.bare, examples.sightline)
    names = ("diagrams", "delta_A_V", "horizon", "sightline", "outside")
    return [fetch(getattr(examples, name)) for name in names] + [fetch(shown)]


def training(size):
    """Losses of the steps of a training, and the validation loss."""
    from benchmarks.curves import TASKS

    return TASKS["tiny" if size == "small" else "spots"].train()


def chain(size):
    """Losses of a whole training from the stream, and a prediction by Monte-Carlo dropout."""
    from milkyway_cnn import nn, samples
    from milkyway_cnn import training as module

    large = size == "large"
    source = stream_of(2000, 64) if large else stream_of(10, 8)
    plan = module.Plan(
        network="small" if large else "C3x3.2/2-P2-D4-D20", dropout=0.1, batch=256 if large else 2, epochs=2,
        examples_per_epoch=4096 if large else 4,
    )  # fmt: skip
    from milkyway_cnn import backend

    place = backend.current()
    with tempfile.TemporaryDirectory() as folder, backend.use("cpu"):
        samples.store(source, "validation", 256 if large else 2, Path(folder) / "validation.zarr")
        validation = samples.load(Path(folder) / "validation.zarr")
        how = {"seed": 1, "device": place.name, "precision": place.precision}
        records = list(module.train(source, validation, plan, Path(folder) / "network", **how))
        with backend.use(place.name, place.precision):
            network = nn.Network.load(Path(folder) / "network" / "network.npz")
        drawn = network.predict(module.Inputs(validation), samples=3, seed=2)
    return np.array([[record.loss, record.validation_loss] for record in records]), drawn.mean(axis=(1, 2))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # in the simulation integers of random numbers overflow, as they should
    from milkyway_cnn import backend

    name, device, precision, size, path = sys.argv[1:]
    if device == "cuda" and os.environ.get("MILKYWAY_SANITIZER"):
        import cupy

        cupy.cuda.set_allocator(None)  # an array is then memory of its own, whose end the sanitizer knows
    with backend.use(device, precision) as chosen:
        if chosen.name != device:
            sys.exit(f"this is {chosen.name}")
        results = globals()[name](size)
    Path(path).write_bytes(pickle.dumps(results))
