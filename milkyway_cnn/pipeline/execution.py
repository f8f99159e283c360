"""One notebook, executed without a screen by papermill, with the settings that bit others removed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError

__all__ = ["ChapterError", "execute"]

#: Longest time for the kernel to start and for one cell to end, in seconds.
START_TIMEOUT, CELL_TIMEOUT = 120, 24 * 3600


class ChapterError(RuntimeError):
    """A notebook failed; the message names it, the cell and the last line of the error."""


def execute(notebook: Path, output: Path, values: Mapping[str, Any], progress: Path, lock: int) -> None:
    """Execute a notebook and keep the executed copy, also when it fails.

    Parameters
    ----------
    notebook, output
        source, and where the executed notebook goes; it appears there at the end, whole.
    values
        parameters to inject; plain values (str, int, float, bool) by name.
    progress
        file to which the progress bars of the notebook append their records.
    lock
        open file descriptor that the kernel inherits: a lock on it lasts until the kernel is gone, too.

    Raises
    ------
    InputError
        raised by a cell: handed on with its own sentence.
    OSError
        when the disk is full or what papermill saves cannot be written.
    ChapterError
        for every other failure of a cell or of the kernel.
    """
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError

    part = output.with_name(f".part-{output.name}")
    output.parent.mkdir(parents=True, exist_ok=True)
    log = output.with_suffix(".log")
    try:
        with _surroundings(progress), log.open("wb") as stderr:
            for attempt in (1, 2):
                try:
                    papermill.execute_notebook(
                        nbformat.read(notebook, as_version=4),
                        str(part).replace("{", "{{").replace("}", "}}"),  # papermill formats paths
                        dict(values),
                        kernel_name="python3",
                        progress_bar=False,
                        start_timeout=START_TIMEOUT,
                        execution_timeout=CELL_TIMEOUT,
                        cwd=str(notebook.parent),
                        coalesce_streams=True,
                        kernel_manager_class=_kernel_manager(lock, stderr),
                    )
                    break
                except RuntimeError as error:
                    started = "before replying" not in str(error) and "didn't respond" not in str(error)
                    if started or attempt == 2:
                        raise
    except PapermillExecutionError as error:
        part.replace(output)
        if error.ename == "InputError":
            raise InputError(error.evalue) from None
        msg = f"{notebook.stem}, cell {error.cell_index}: {error.ename}: {error.evalue} (see {output})"
        raise ChapterError(msg) from None
    finally:
        if log.exists() and not log.stat().st_size:
            log.unlink()
    part.replace(output)


@contextmanager
def _surroundings(progress: Path) -> Iterator[None]:
    """Set the environment that the kernel inherits, and put the old one back."""
    # IPC sockets lie in the runtime folder and their paths must stay below about a hundred characters
    roomy = len(tempfile.gettempdir()) > 40 and Path("/tmp").is_dir()
    runtime = tempfile.mkdtemp(prefix="milkyway-", dir="/tmp" if roomy else None)
    changes = {
        "MILKYWAY_HEADLESS": "1",
        "MILKYWAY_PROGRESS": str(progress),
        "JUPYTER_RUNTIME_DIR": runtime,
        "NUMBA_THREADING_LAYER": "omp",
    }
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        shutil.rmtree(runtime, ignore_errors=True)


def _kernel_manager(lock: int, stderr: Any) -> type:
    """Return a kernel manager without TCP ports, whose kernels inherit the lock and write their noise to a file."""
    from jupyter_client.manager import AsyncKernelManager

    class KernelManager(AsyncKernelManager):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(transport="ipc" if os.name == "posix" else "tcp", **kwargs)

        async def start_kernel(self, **kwargs: Any) -> None:  # type: ignore[override]
            await super().start_kernel(**kwargs, pass_fds=(lock,), stderr=stderr)

    return KernelManager
