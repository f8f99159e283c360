"""A run: chapters executed in order in one folder, begun again where it was left."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import __version__, provenance
from ..errors import InputError
from ..storage import replacing
from .chapters import Chapter
from .execution import execute
from .parameters import INPUT_FILES, Parameters

try:
    import fcntl
except ImportError:  # Windows has no such lock
    fcntl = None  # type: ignore[assignment]

__all__ = ["run"]

#: Seconds that a new process waits for the kernel of a killed one to notice.
PATIENCE = 10.0


def run(parameters: Parameters, folder: Path, chapters: Sequence[Chapter], say: Callable[[str], None] = print) -> None:
    """Execute what is not done yet.

    Parameters
    ----------
    parameters
        of the run; each chapter gets those that its parameters cell names.
    folder
        of the run, made if need be.
    chapters
        in order.
    say
        takes one line for each chapter.

    Raises
    ------
    InputError
        when the folder cannot be used, or another process is at work in it, or a chapter refuses its input.
    ChapterError
        when a chapter fails.
    """
    with _locked(folder) as lock:
        state = _State(folder)
        chain = hashlib.sha256(__version__.encode()).hexdigest()
        files = {name: getattr(parameters, name) for name in INPUT_FILES}
        fingerprints = {name: _digest(Path(path)) for name, path in files.items() if path}
        for chapter in chapters:
            values = {name: getattr(parameters, name) for name in chapter.defaults if name != "run"}
            identity = {name: fingerprints.get(name, value) for name, value in values.items()}
            chain = hashlib.sha256(json.dumps([chain, chapter.digest, identity]).encode()).hexdigest()
            if state.holds(chapter, chain):
                say(f"{chapter.name}: kept")
                continue
            before = state.listing()
            state.begin(chapter, chain)
            start = time.perf_counter()
            execute(
                chapter.path,
                folder / "notebooks" / chapter.path.name,
                {"run": str(folder), **values},
                folder / "progress.jsonl",
                lock,
            )
            state.finish(chapter, chain, time.perf_counter() - start, before)
            say(f"{chapter.name}: done in {time.perf_counter() - start:.1f} s")


class _State:
    """What ``run.json`` says of the stages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.stages = json.loads((folder / "run.json").read_text())["stages"]
        except FileNotFoundError:
            self.stages = {}

    def listing(self) -> dict[str, tuple[int, int]]:
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder)): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}

    def holds(self, chapter: Chapter, chain: str) -> bool:
        stage = self.stages.get(chapter.name, {})
        same = stage.get("state") == "done" and stage["hash"] == chain
        return same and all(_digest(self.folder / name) == digest for name, digest in stage["outputs"].items())

    def begin(self, chapter: Chapter, chain: str) -> None:
        self.stages[chapter.name] = {"state": "running", "hash": chain}
        self.write()

    def finish(self, chapter: Chapter, chain: str, seconds: float, before: dict[str, Any]) -> None:
        new = [name for name, stamp in self.listing().items() if before.get(name) != stamp]
        new = [name for name in new if name not in ("run.json", "progress.jsonl")]
        outputs = {name: _digest(self.folder / name) for name in new}
        self.stages[chapter.name] = {"state": "done", "hash": chain, "seconds": seconds, "outputs": outputs}
        self.write()

    def write(self) -> None:
        with replacing(self.folder / "run.json") as part:
            part.write_text(json.dumps({"provenance": provenance.record(), "stages": self.stages}, indent=1))


def _digest(path: Path) -> str:
    """Return the hash of a file's content, empty when it is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Make the folder and hold it for this process and its kernels."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    except OSError as error:
        msg = f"the output folder {folder} cannot be written ({error.strerror}); choose another with --output"
        raise InputError(msg) from None
    try:
        deadline = time.monotonic() + PATIENCE
        while fcntl:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    msg = f"another run is at work in {folder}; wait for its end or choose another with --output"
                    raise InputError(msg) from None
                time.sleep(0.2)
        yield lock
    finally:
        os.close(lock)
