"""Files and folders that are there whole or not at all, and locks that end with their process."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such lock
    fcntl = None  # type: ignore[assignment]

__all__ = ["locked", "replacing", "user_cache"]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file, or a folder such as a zarr store, beside its place and rename it into place at the end.

    Yields
    ------
    Path
        where to write: the same folder (made if need be) and the same suffix, not yet existing.

    Notes
    -----
    When the block ends without an exception, what it wrote is flushed to the disk and takes the place of what
    stood at `path`; when it raises, or the process dies, `path` is as it was before. A leftover of a process
    that died is overwritten by the next one, so a path has one writer at a time (the lock of a run sees to it).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part, old = path.with_name(f".part-{path.name}"), path.with_name(f".old-{path.name}")
    _remove(part)
    try:
        yield part
        for written in [part, *part.rglob("*")]:
            if written.is_file():
                with written.open("rb") as file:
                    os.fsync(file.fileno())
        if path.is_dir():  # a folder cannot be replaced in one step: moved aside first, it is never half there
            _remove(old)
            path.rename(old)
        part.replace(path)
    except BaseException:
        _remove(part)
        raise
    _remove(old)


@contextmanager
def locked(path: str | os.PathLike[str], patience: float = 0.0) -> Iterator[int | None]:
    """Hold a lock file for this process and for those that inherit the descriptor.

    Parameters
    ----------
    path
        The file, made if need be.
    patience
        Seconds to wait for another process to let go.

    Yields
    ------
    int or None
        File descriptor of the lock, which the system lets go of when the last process that has it is gone; None
        when another process held it to the end of the patience.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    end = time.monotonic() + patience
    try:
        while fcntl:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    yield None
                    return
                time.sleep(0.2)
        yield lock
    finally:
        os.close(lock)


def user_cache() -> Path:
    """Return the folder of this package in the user's cache."""
    import platformdirs

    return platformdirs.user_cache_path("milkyway-cnn", appauthor=False)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
