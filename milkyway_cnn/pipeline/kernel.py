"""The kernels of chapters: processes of Jupyter, of which one gets ready while the one before is at work."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from .chapters import Chapter

__all__ = ["Kernel", "Kernels"]

#: What a chapter is to know of where it is executed.
_SURROUNDINGS = {"MILKYWAY_HEADLESS": "1", "NUMBA_THREADING_LAYER": "omp"}


class Kernel:
    """A kernel without TCP ports, which executes one notebook and ends with the block that it is made for.

    It starts at once; until it is asked to execute a cell, it imports.

    Parameters
    ----------
    folder
        Where it works.
    log
        File that gets its noise, removed at the end where there is none.
    progress
        File to which progress bars append their records.
    lock
        Open file descriptor that it inherits, so that a lock on it lasts until the kernel is gone, too.
    imports
        Statements that it executes first, in a namespace that is thrown away.
    """

    def __init__(self, folder: Path, log: Path, progress: Path, lock: int, imports: str = "") -> None:
        from jupyter_client.manager import AsyncKernelManager
        from jupyter_core.utils import run_sync

        class Manager(AsyncKernelManager):
            """A manager that knows its client, for both to end together."""

            def client(self, **options: Any) -> Any:
                self.made = super().client(**options)
                return self.made

        log.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            opened.callback(_remove_empty, log)
            noise, sockets = opened.enter_context(log.open("wb")), opened.enter_context(_short_folder())
            ipc = {"transport": "ipc", "ip": f"{sockets}/ipc", "connection_file": f"{sockets}/kernel.json"}
            self.manager = Manager(**(ipc if os.name == "posix" else {}))
            run_sync(self.manager.start_kernel)(
                cwd=str(folder),
                env={**os.environ, **_SURROUNDINGS, "MILKYWAY_PROGRESS": str(progress)},
                extra_arguments=[f"--IPKernelApp.exec_lines=exec({imports!r}, {{}})"] if imports else [],
                pass_fds=(lock,) if os.name == "posix" else (),
                stdout=noise,
                stderr=noise,
            )
            self._opened = opened.pop_all()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        from jupyter_core.utils import run_sync

        with self._opened:
            # All is written by then; waiting for a farewell costs a second a chapter.
            run_sync(self.manager.shutdown_kernel)(now=True)
            if client := getattr(self.manager, "made", None):
                client.stop_channels()


class Kernels:
    """The kernels of a run, one for each chapter: while one is at work, the next imports what its chapter needs.

    Parameters
    ----------
    logs
        Folder for their noise.
    progress, lock
        As of `Kernel`.
    """

    def __init__(self, logs: Path, progress: Path, lock: int) -> None:
        self.logs, self.progress, self.lock = logs, progress, lock
        self._ready: Kernel | None = None

    def take(self, chapter: Chapter, following: Chapter | None = None) -> Kernel:
        """Give the kernel of a chapter, and let that of the following one, which is taken next, get ready."""
        taken = self._ready or self._started(chapter)
        self._ready = self._started(following) if following else None
        return taken

    def _started(self, chapter: Chapter) -> Kernel:
        log = self.logs / f"{chapter.name}.log"
        return Kernel(chapter.path.parent, log, self.progress, self.lock, chapter.imports)

    def __enter__(self) -> Kernels:
        return self

    def __exit__(self, *_: object) -> None:
        if self._ready:
            with self._ready:
                pass


def _remove_empty(file: Path) -> None:
    if file.exists() and not file.stat().st_size:
        file.unlink()


@contextmanager
def _short_folder() -> Iterator[str]:
    """Make a folder for sockets, whose paths must stay below about a hundred characters."""
    long = len(tempfile.gettempdir()) > 60 and Path("/tmp").is_dir()
    with tempfile.TemporaryDirectory(prefix="milkyway-", dir="/tmp" if long else None) as folder:
        yield folder
