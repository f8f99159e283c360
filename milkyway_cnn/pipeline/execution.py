"""One notebook, executed without a screen by papermill, with the settings that bit others removed."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from .kernel import Kernel

__all__ = ["ChapterError", "execute"]

#: Longest time for the kernel to start, and for one cell to end, in seconds.
START_TIMEOUT, CELL_TIMEOUT = 600, 7 * 24 * 3600


class ChapterError(RuntimeError):
    """A notebook failed; the message names it, the cell, the last line of the error and where to read on."""


def execute(
    notebook: Path,
    output: Path,
    values: Mapping[str, Any],
    progress: Path,
    lock: int,
    kernel: Callable[[], Kernel] | None = None,
) -> None:
    """Execute a notebook and keep the executed copy, also when it fails.

    Parameters
    ----------
    notebook, output
        source, and where the executed notebook goes; it appears there at the end, whole.
    values
        parameters to inject, plain values by name; the notebook's parameters cell names them all.
    progress
        file to which the progress bars of the notebook append their records.
    lock
        open file descriptor that the kernel inherits, so that a lock on it lasts until the kernel is gone, too.
    kernel
        what gives one for this notebook, see `Kernels.take`; by default a new one starts.

    Raises
    ------
    InputError
        raised by a cell: handed on with its own sentence.
    OSError
        when the disk is full.
    ChapterError
        for every other failure of a cell or of the kernel.
    """
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    part, log = output.with_name(f".part-{output.name}"), output.with_suffix(".log")
    try:
        try:
            with kernel() if kernel else Kernel(notebook.parent, log, progress, lock) as first:
                _papermill(notebook, part, values, first)
        except RuntimeError as error:
            if not _never_started(error):
                raise
            with Kernel(notebook.parent, log, progress, lock) as second:  # one that did not start gets another chance
                _papermill(notebook, part, values, second)
    except PapermillExecutionError as error:
        part.replace(output)
        if error.ename == "InputError":
            raise InputError(error.evalue) from None
        _refuse_full_disk(output, "".join(error.traceback))
        reason = f"{error.ename}: {error.evalue}".strip().splitlines()[0]
        raise _failure(output, f"In [{error.exec_count}]", reason) from None
    except (DeadKernelError, CellTimeoutError) as error:
        part.replace(output)
        _refuse_full_disk(output)
        cells = [cell for cell in json.loads(output.read_text())["cells"] if cell["cell_type"] == "code"]
        begun = [cell for cell in cells if cell["metadata"]["papermill"]["start_time"]]
        died = "the kernel died, as it does when memory runs out or compiled code crashes"
        reason = died if isinstance(error, DeadKernelError) else f"no end after {CELL_TIMEOUT} s"
        raise _failure(output, f"In [{len(begun)}]", reason) from None
    except RuntimeError as error:
        if not _never_started(error):
            raise
        msg = f"{notebook.stem} failed: the kernel did not start, twice ({error}; its own words are in {log})"
        raise ChapterError(msg) from None
    else:
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _refuse_full_disk(output: Path, story: str = "") -> None:
    """Raise OSError where the disk is full, whatever error a library made of that."""
    full = os.strerror(errno.ENOSPC)
    if full in story or os.strerror(errno.EDQUOT) in story or shutil.disk_usage(output.parent).free < 2**20:
        raise OSError(errno.ENOSPC, full, str(output.parent)) from None


def _never_started(error: RuntimeError) -> bool:
    return any(words in str(error) for words in ("before replying", "didn't respond"))


def _failure(output: Path, cell: str, reason: str) -> ChapterError:
    return ChapterError(f"{output.stem} failed in {cell}: {reason} (the whole story is in {output})")


def _papermill(notebook: Path, part: Path, values: Mapping[str, Any], kernel: Kernel) -> None:
    import nbformat
    import papermill
    from papermill.log import logger

    logger.addHandler(logging.NullHandler())  # what it has to say is in the error, and in the executed notebook
    papermill.execute_notebook(
        nbformat.read(notebook, as_version=4),
        str(part).replace("{", "{{").replace("}", "}}"),  # papermill formats paths
        dict(values),
        kernel_name="python3",
        language="python",
        progress_bar=False,
        start_timeout=START_TIMEOUT,
        execution_timeout=CELL_TIMEOUT,
        iopub_timeout=60,  # for the last outputs of a cell; the 4 s of the default are too few on a busy machine
        coalesce_streams=True,
        km=kernel.manager,
    )
