"""Networks that are trained when they are first asked for, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from milkyway_cnn import __version__, progress, samples, training
from milkyway_cnn.nn import Network
from milkyway_cnn.storage import locked, user_cache

__all__ = ["trained_file", "trained_network"]

#: Examples by which the training is watched.
_VALIDATION = 512


def trained_network(
    stream: samples.Stream, plan: training.Plan, *, seed: int = 1, cache: str | Path | None = None
) -> Network:
    """Return the network that `plan` makes of `stream`; see `trained_file`."""
    return Network.load(trained_file(stream, plan, seed=seed, cache=cache))


def trained_file(
    stream: samples.Stream, plan: training.Plan, *, seed: int = 1, cache: str | Path | None = None
) -> Path:
    """Return the file of the network that `plan` makes of `stream`, from the cache where it has been trained before.

    A training that was interrupted goes on where it was.

    Parameters
    ----------
    stream, plan, seed
        All that decides which network it is.
    cache
        Folder of such networks; by default in the user's cache.
    """
    matter = json.dumps([stream.describe(), asdict(plan), seed, __version__], sort_keys=True)
    folders = Path(cache) if cache else user_cache() / "networks"
    folder = folders / hashlib.sha256(matter.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock", patience=3600.0):
        if not (folder / "done").exists():
            samples.store(stream, "validation", _VALIDATION, folder / "validation.zarr")
            steps = plan.epochs * (plan.examples_per_epoch // plan.batch)
            with progress.bar("training", total=steps * plan.batch) as bar:
                for _ in training.train(
                    stream,
                    samples.load(folder / "validation.zarr"),
                    plan,
                    folder,
                    seed=seed,
                    on_batch=lambda epoch, examples, loss: bar.update(examples, epoch=epoch, loss=loss),
                ):
                    pass
            (folder / "done").touch()
    return folder / "network.npz"
