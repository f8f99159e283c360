"""A run: the chapters executed in order in one folder, begun again where it was left."""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path

from .. import progress, provenance
from ..errors import InputError
from ..storage import writable
from .ahead import compiling
from .chapters import TRAINING, Chapter
from .execution import ChapterError, execute
from .inputs import contents, held, located
from .kernel import Kernels
from .parameters import PLACES, Parameters
from .record import Record

__all__ = ["run"]


def run(
    parameters: Parameters,
    folder: Path,
    chapters: Sequence[Chapter],
    *,
    name: str,
    command: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> None:
    """Execute the stages that are not done yet, and write the report.

    A stage is kept when its notebook, the modules that this imports, the parameters that it names, the content of the
    input files among them, the versions of the libraries and what the stages before it made are what they were, and
    when what it made is still there. When one is not kept, it and those after it are removed and made again.

    Parameters
    ----------
    parameters
        of the run; a chapter gets those that its parameters cell names.
    folder
        of the run, made if need be.
    chapters
        in order.
    name, command
        of the run, and the words that started it, for its record and report.
    say
        takes one line for each chapter.

    Raises
    ------
    InputError
        when an input or the folder cannot be used, a chapter refuses its input, or the disk is full.
    ChapterError
        when a chapter fails.
    """
    folder = folder.absolute()
    parameters = located(parameters)
    if Path(parameters.trained_network).is_relative_to(folder):
        msg = f"trained_network = {parameters.trained_network} is the run's own; choose another folder with --output"
        raise InputError(msg)
    with writable(folder), held(folder) as lock:
        header = {
            "name": name,
            "command": shlex.join(command),
            "parameters": parameters.model_dump(),
            "inputs": contents(parameters),
            "provenance": provenance.record(),
        }
        # Where those of the mock profiles come first, they compile no later than a process beside them.
        beside = compiling(parameters) if TRAINING[0] in [chapter.name for chapter in chapters[1:]] else nullcontext()
        with beside, Kernels(folder / "notebooks", folder / "progress.jsonl", lock) as kernels:
            _execute(parameters, chapters, Record(folder, header), kernels, say)


def _execute(
    parameters: Parameters, chapters: Sequence[Chapter], record: Record, kernels: Kernels, say: Callable[[str], None]
) -> None:
    read = record.header["inputs"]
    past: object = record.header["provenance"] | {"commit": ""}  # the chapters' own sources say more
    record.discard(set(record.stages) - {chapter.name for chapter in chapters})
    for position, chapter in enumerate(chapters):
        values = {name: getattr(parameters, name) for name in chapter.defaults if name != "run"}
        matter = {name: read.get(name, value) for name, value in values.items() if name not in PLACES}
        depends = [past, chapter.digest, matter]
        identity = hashlib.sha256(json.dumps(depends).encode()).hexdigest()
        if record.kept(chapter, identity):
            say(f"{chapter.name}: kept")
        else:
            record.discard([later.name for later in chapters[position:]], but=identity)
            record.begin(chapter, identity)
            start = time.perf_counter()
            try:
                with progress.watching(kernels.progress, chapter.name):
                    kernel = partial(kernels.take, chapter, *chapters[position + 1 : position + 2])
                    values["run"] = str(record.folder)
                    output = record.executed(chapter.name)
                    execute(chapter.path, output, values, kernels.progress, kernels.lock, kernel)
                record.finish(chapter, time.perf_counter() - start)
            except (ChapterError, InputError) as error:
                with suppress(OSError):  # of a full disk; the error that counts is the chapter's
                    record.fail(chapter, str(error))
                raise
            say(f"{chapter.name}: done in {time.perf_counter() - start:.1f} s")
        past = [identity, record.stages[chapter.name]["outputs"]]
    report = record.folder / "report.html"
    if not report.exists():
        from .report import write_report  # nbconvert is slow to come

        record.write()
        write_report(record.folder)
    say(f"report: {report}")
