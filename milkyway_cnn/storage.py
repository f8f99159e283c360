"""Files and folders that are there whole or not at all, and locks that end with their process."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from milkyway_cnn.errors import InputError

try:
    import fcntl
except ImportError:  # Windows has no such lock
    fcntl = None  # type: ignore[assignment]

__all__ = ["completing", "locked", "remove", "replacing", "user_cache", "writable"]


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
    part = _beside(path)
    remove(part)
    try:
        yield part
        _put_in_place(part, Path(path))
    except BaseException:
        remove(part)
        raise


@contextmanager
def completing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a large file or folder as `replacing` does, but go on from what a writer before left.

    Yields
    ------
    Path
        where to write. What a block that raised, or a process that died, had written is still there, and it is the
        caller's to tell whether it belongs to this work.
    """
    part = _beside(path)
    yield part
    _put_in_place(part, Path(path))


@contextmanager
def writable(path: str | os.PathLike[str]) -> Iterator[None]:
    """Refuse in one sentence a place that is full, read-only or another user's, when the block finds it so.

    Raises
    ------
    InputError
        For an error of the system that says so.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        place = error.filename or path
        msg = f"{place} cannot be written ({error.strerror}); once that is mended, the same command goes on from here"
        raise InputError(msg) from None


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


def remove(path: Path) -> None:
    """Remove a file or a folder with all in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _beside(path: str | os.PathLike[str]) -> Path:
    """Return where to write what will stand at a path, in the same folder, which is made if need be."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        remove(path.with_name(f".old-{path.name}"))  # left by a process that died
    return path.with_name(f".part-{path.name}")


def _put_in_place(part: Path, path: Path) -> None:
    """Flush what was written and let it take the place of what stood there."""
    for written in [part, *part.rglob("*")]:
        if written.is_file():
            with written.open("rb") as file:
                os.fsync(file.fileno())
    old = path.with_name(f".old-{path.name}")
    if path.is_dir():  # a folder cannot be replaced in one step: moved aside first, it is never half there
        remove(old)
        path.rename(old)
    part.replace(path)
    remove(old)
