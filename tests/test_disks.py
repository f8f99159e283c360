"""A full disk, a read-only place and a NaN end in one sentence, with the last good checkpoint on disk.

The disks are real where mounting is permitted; elsewhere the system's own errors are raised where files are written.
"""

import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
import zarr.storage._local

from milkyway_cnn import cli, samples, training
from milkyway_cnn.errors import InputError
from milkyway_cnn.nn import Network, file
from milkyway_cnn.pipeline import chapters
from milkyway_cnn.sightlines import distance_edges

PLAN = training.Plan(network="C5x5.2/4-P2-D32-D16", batch=16, examples_per_epoch=64, epochs=4)
SMALL = ["--set", "bins=16", "--set", "cell=0.1", "--set", "l_max=285", "--set", "b_max=0.1"]
FULL, READ_ONLY = os.strerror(errno.ENOSPC), os.strerror(errno.EROFS)


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mount is not permitted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 64 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place))
    except FileNotFoundError:
        pytest.skip("there is no command mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@contextmanager
def _full(disk: Path) -> Iterator[str]:
    """Fill the disk to its last page."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as f:
        while True:
            try:
                f.write(bytes(2**20))
            except OSError:
                break
    yield FULL
    ballast.unlink()


@contextmanager
def _read_only(disk: Path) -> Iterator[str]:
    _mount("-o", "remount,ro", str(disk))
    yield READ_ONLY
    _mount("-o", "remount,rw", str(disk))


@contextmanager
def _folder_read_only(folder: Path) -> Iterator[str]:
    """Forbid writing in one folder, for the disk itself can only be made so while nobody writes there."""
    _mount("--bind", str(folder), str(folder))
    _mount("-o", "remount,bind,ro", str(folder))
    yield READ_ONLY
    subprocess.run(["umount", str(folder)], check=True)


STATES = pytest.mark.parametrize("state", [_full, _read_only], ids=["full", "read-only"])


@pytest.fixture(scope="module")
def stream() -> samples.Stream:
    return samples.Stream([(215.0, -19.0), (220.0, -19.0)], np.array([0.05, 0.05]), distance_edges(16, 0.2), seed=1)


@pytest.fixture(scope="module")
def validation(stream, tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "validation.zarr"
    samples.store(stream, "validation", 16, path)
    return samples.load(path)


@STATES
def test_a_sample_is_completed_when_there_is_room_again(state: Callable, disk: Path, stream, tmp_path, monkeypatch):
    samples.store(stream, "test", 40, tmp_path / "whole.zarr", chunk=8)
    path, make = disk / "test.zarr", samples.parts.make
    with monkeypatch.context() as patch:
        patch.setattr(samples.parts, "make", lambda n, **where: make(n, **where) if n < 3 else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            samples.store(stream, "test", 40, path, chunk=8)
    with state(disk) as reason, pytest.raises(InputError) as caught:
        samples.store(stream, "test", 40, path, chunk=8)
    assert f"cannot be written ({reason}); once that is mended, the same command goes on" in str(caught.value)
    assert not path.exists()
    samples.store(stream, "test", 40, path, chunk=8)
    assert samples.checksum(path) == samples.checksum(tmp_path / "whole.zarr") and samples.damaged(path) == []


@STATES
def test_the_command_line_says_so_too(state: Callable, disk: Path, monkeypatch, capfd):
    monkeypatch.chdir(disk)
    command = ["sample", "smoke", "--examples", "8", *SMALL]
    with state(disk) as reason:
        assert cli.main(command) == 2
    out, err = capfd.readouterr()
    assert out == "" and "Traceback" not in err
    assert f"cannot be written ({reason}); once that is mended" in err.splitlines()[-1]
    assert cli.main(command) == 0


@STATES
def test_a_training_keeps_its_last_checkpoint(state: Callable, disk: Path, stream, validation, tmp_path):
    whole = list(training.train(stream, validation, PLAN, tmp_path / "whole", seed=2))
    folder = disk / "network"
    records = training.train(stream, validation, PLAN, folder, seed=2)
    next(records)
    with state(disk) as reason, pytest.raises(InputError) as caught:
        list(records)
    assert str(folder) in str(caught.value) and f"cannot be written ({reason})" in str(caught.value)
    assert len(file.read(folder / "checkpoint.npz")[0]["history"]) >= 1
    resumed = list(training.train(stream, validation, PLAN, folder, seed=2))
    assert [record.loss for record in resumed] == [record.loss for record in whole]
    weights = [file.read(place / "network.npz")[1] for place in (folder, tmp_path / "whole")]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[1])


def test_reading_from_a_read_only_sample_needs_no_room(disk: Path, stream, validation, tmp_path):
    samples.store(stream, "training", 64, disk / "training.zarr")
    with _read_only(disk):
        assert samples.damaged(disk / "training.zarr") == []
        samples.store(stream, "training", 64, disk / "training.zarr")
        sample = samples.load(disk / "training.zarr")
        assert len(list(training.train(sample, validation, PLAN, tmp_path / "network", seed=2))) == PLAN.epochs


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_without_a_disk_of_its_own(code: int, stream, validation, tmp_path, monkeypatch):
    records = training.train(stream, validation, PLAN, tmp_path / "network", seed=2)
    next(records)

    def refused(*words, **more):
        raise OSError(code, os.strerror(code), str(tmp_path / "there"))

    with monkeypatch.context() as patch:
        patch.setattr(zarr.storage._local, "_put", refused)
        with pytest.raises(InputError, match="there cannot be written"):
            samples.store(stream, "test", 8, tmp_path / "test.zarr")
        with pytest.raises(InputError, match="there cannot be written"):
            list(records)
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", refused)
        with pytest.raises(InputError, match=r"checkpoint.npz cannot be written|network.npz cannot be written"):
            list(training.train(stream, validation, PLAN, tmp_path / "network", seed=2))
    assert len(list(training.train(stream, validation, PLAN, tmp_path / "network", seed=2))) == PLAN.epochs
    samples.store(stream, "test", 8, tmp_path / "test.zarr")


def test_a_nan_keeps_the_last_checkpoint(stream, validation, tmp_path, monkeypatch):
    records = training.train(stream, validation, PLAN, tmp_path, seed=2)
    next(records)
    draw = samples.Stream.examples

    def broken(self, first, count, split="training"):
        made = draw(self, first, count, split)
        made.delta_A_V[3] = np.nan
        return made

    with monkeypatch.context() as patch:
        patch.setattr(samples.Stream, "examples", broken)
        with pytest.raises(InputError, match=r"the loss is nan in epoch 2 .* last good weights are in .*network.npz"):
            list(records)
    assert np.isfinite(Network.load(tmp_path / "network.npz").predict(training.Inputs(validation))).all()
    assert len(file.read(tmp_path / "checkpoint.npz")[0]["history"]) == 1
    assert len(list(training.train(stream, validation, PLAN, tmp_path, seed=2))) == PLAN.epochs


@pytest.fixture(scope="module")
def held_out(stream, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("held_out")
    for split in ("validation", "test"):
        samples.store(stream, split, 16, folder / f"{split}.zarr")
    return folder


@pytest.fixture
def train(held_out, monkeypatch, capfd) -> Callable[..., str]:
    """Give a function that trains by ``milkyway-cnn run`` in a folder, and returns the sentence at its end."""
    chapter = chapters.read(chapters.NOTEBOOKS / "06_training.ipynb")
    monkeypatch.setattr(chapters, "planned", lambda parameters, **which: [chapter])

    def train(folder: Path, **changes: object) -> str:
        shutil.copytree(held_out, folder / "sample")
        (folder / "run.json").write_text("{}")  # of a run whose chapters before this one are done
        chosen = {"bins": 16, "network": PLAN.network, "batch": 16, "examples_per_epoch": 64, "epochs": 4000} | changes
        settings = [word for name, value in chosen.items() for word in ("--set", f"{name}={value}")]
        assert cli.main(["run", "smoke", "--output", str(folder), *settings]) == 2
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        # Before it may stand lines of the progress bar.
        *before, sentence = err.splitlines()
        assert sentence.startswith("milkyway-cnn: ") and not any(line.startswith("milkyway-cnn") for line in before)
        return sentence

    return train


def _last_checkpoint(folder: Path) -> int:
    """Read checkpoint and network of a run, see that they can be used, and return the epochs that are done."""
    for name in ("checkpoint.npz", "network.npz"):
        description, arrays = file.read(folder / "network" / name)
        assert all(np.isfinite(values).all() for values in arrays.values())
    assert (folder / "network" / "history.zarr").is_dir()
    return len(description["history"])


@pytest.mark.slow
@pytest.mark.parametrize("state", [_full, _folder_read_only], ids=["full", "read-only"])
def test_a_run_ends_in_one_sentence_with_its_last_checkpoint(state: Callable, disk: Path, train):
    folder = disk / "run"
    ended = threading.Event()
    with ExitStack() as stack:

        def spoil() -> None:
            while not (folder / "network" / "history.zarr").exists():
                if ended.wait(0.01):
                    return
            stack.enter_context(state(disk if state is _full else folder / "network"))

        thread = threading.Thread(target=spoil)
        thread.start()
        try:
            sentence = train(folder)
        finally:
            ended.set()
            thread.join()
        assert _last_checkpoint(folder) >= 1
    reason = FULL if state is _full else READ_ONLY
    assert (
        f"cannot be written ({reason}); " in sentence
    )  # the network and what stands beside it name different ways out


def test_a_run_that_diverges_ends_in_one_sentence_with_its_last_checkpoint(train, tmp_path):
    # A linear network: with this rate every step multiplies its error.
    wild = {"network": "D16", "optimizer": "sgd", "learning_rate": 0.1, "final_learning_rate": 0.1, "epochs": 8}
    sentence = train(tmp_path / "run", **wild, schedule="exponential", clip=0.0, counts_scale=10.0)
    assert "choose a lower learning rate or clip gradients; the last good weights are in" in sentence
    assert 1 <= _last_checkpoint(tmp_path / "run") < 8
