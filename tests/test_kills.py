"""Killed at random moments, twenty times over, storing and training end as if nobody had disturbed them."""

import faulthandler
import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from milkyway_cnn import samples, training
from milkyway_cnn.nn import file
from milkyway_cnn.sightlines import distance_edges

KILLS = 20
#: Seconds after which a process that has not ended says on stderr where all of its threads are, and ends. It needs some
#: ten on a machine of its own; one that waits for ever must fail the test, not hold up those who run it.
PATIENCE = 300.0
PLAN = training.Plan(network="C5x5.2/4-P2-D32-D16", batch=16, examples_per_epoch=64, epochs=40, dropout=0.2)


def _stream() -> samples.Stream:
    return samples.Stream([(215.0, -19.0), (220.0, -19.0)], np.array([0.05, 0.05]), distance_edges(16, 0.2), seed=1)


def _store(folder: Path, begun: Any) -> None:
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    stream = _stream()
    begun.send(True)
    samples.store(stream, "training", 1000, folder / "training.zarr", chunk=8)


def _train(folder: Path, begun: Any) -> None:
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    stream, validation = _stream(), samples.load(folder.parent / "validation.zarr")
    begun.send(True)
    list(training.train(stream, validation, PLAN, folder, seed=2))


def _sample(folder: Path) -> dict[str, bytes]:
    """All files, hidden ones too: a leftover would be seen."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _training(folder: Path) -> dict[str, Any]:
    """Weights and moments as bytes, and the history, all but the time that it took."""
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.npz", "history.zarr", "network.npz"]
    found: dict[str, Any] = {}
    for name in ("checkpoint.npz", "network.npz"):
        description, arrays = file.read(folder / name)
        records = [(r["epoch"], r["loss"], r["validation_loss"], r["rate"]) for r in description.pop("history")]
        found[name] = description, records, {key: values.tobytes() for key, values in arrays.items()}
    with xr.open_zarr(folder / "history.zarr", consolidated=False, chunks=None) as history:
        found["history"] = history.drop_vars(["seconds", "examples_per_second", "waiting"], errors="ignore").to_dict()
    return found


@pytest.fixture(scope="module")
def start() -> Iterator[Callable]:
    """Start a function of a folder in a process of its own, and wait until it has begun its work.

    The processes are forked from a server that has the package imported and nothing of it at work, not even threads of
    BLAS, which would have to be stopped before each fork.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["milkyway_cnn.training", "xarray", "zarr"])
    settings = pytest.MonkeyPatch()
    settings.setenv("MILKYWAY_HEADLESS", "1")
    settings.setenv("OPENBLAS_NUM_THREADS", "1")
    started = []

    def start(work: Callable, folder: Path) -> Any:
        folder.mkdir(exist_ok=True)
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(folder, sender), daemon=True)  # nothing waits for it at the end
        process.start()
        started.append(process)
        sender.close()
        if not receiver.poll(PATIENCE):
            pytest.fail(f"{process.name} had not begun after {PATIENCE:.0f} s")
        assert receiver.recv()  # EOFError when it died before
        return process

    yield start
    for process in started:
        process.kill()
    settings.undo()


def _end(process: Any) -> None:
    """Wait for the end of a process, and fail the test when there is none."""
    process.join(PATIENCE + 30.0)
    if process.exitcode is None:
        pytest.fail(f"{process.name} neither ended nor gave up within {PATIENCE + 30.0:.0f} s")


@pytest.mark.slow
@pytest.mark.timeout(1800)  # of a machine with much else to do
@pytest.mark.parametrize(("work", "result"), [(_store, _sample), (_train, _training)], ids=["storing", "training"])
def test_killed_twenty_times_it_ends_as_undisturbed(work, result, start, tmp_path):
    samples.store(_stream(), "validation", 16, tmp_path / "validation.zarr")
    process, begin = start(work, tmp_path / "whole"), time.monotonic()
    _end(process)
    assert process.exitcode == 0
    undisturbed = time.monotonic() - begin
    whole = result(tmp_path / "whole")
    folder, random, kills = tmp_path / "killed", np.random.default_rng(7), 0
    while True:
        process = start(work, folder)
        process.join(random.uniform(0.0, undisturbed / 6.0) if kills < KILLS else PATIENCE)
        if process.exitcode is None and kills < KILLS:
            process.kill()
            _end(process)
            kills += 1
            continue
        _end(process)
        assert process.exitcode == 0
        assert result(folder) == whole
        if kills == KILLS:
            break
        shutil.rmtree(folder)  # done before the last kill: once more from the start
