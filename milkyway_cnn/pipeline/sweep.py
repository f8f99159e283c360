"""A sweep: the same run over a grid of parameters, side by side, with one table and one page at the end.

A sweep is a small YAML file::

    base: demo                      # a set of parameters, or a YAML file of them
    epochs: 5                       # parameters that all members have
    grid:                           # every combination of these is a member
      network: [small, C5x5.8-P2-D512-D128]
      learning_rate: [0.001, 0.002]

Each member is a run of its own, in a folder of its own and by a command of its own, so that one that failed can be run
again alone, and what is done already is kept.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import cluster, progress
from ..errors import InputError
from ..storage import replacing, writable
from .chapters import NOTEBOOKS
from .compare import write_comparison
from .execution import ChapterError
from .parameters import validated
from .runs import opened, table
from .settings import load

__all__ = ["Member", "Sweep", "read", "submit_array"]

#: More members than this are taken for a mistake.
MOST = 1000


@dataclass(frozen=True)
class Member:
    """One of the runs: its name, and the parameters that are its own."""

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Sweep:
    """The runs of a grid.

    Parameters
    ----------
    name
        Of the file.
    common
        Parameters of all members, name -> value.
    members
        In the order of the grid, the last name of which runs fastest.
    words
        Further words of each member's command.
    """

    name: str
    common: Mapping[str, Any]
    members: tuple[Member, ...]
    words: tuple[str, ...] = ()

    def run(self, folder: Path, where: str = "", *, say: Callable[[str], None] = print) -> None:
        """Run the members that are not done, and write ``sweep.txt``, the table, and ``comparison.html``.

        Parameters
        ----------
        folder
            Of the sweep; a member's lies in it under its name.
        where
            As in `milkyway_cnn.cluster`: one after the other in this process where it is empty. A member on a cluster
            uses one thread.

        Raises
        ------
        InputError
            when the place cannot be used, or the folder not be written.
        ChapterError
            when members failed, with their number, names and the command that runs one again. The table and the page
            are there all the same.
        """
        cluster.check(where)
        self.prepare(folder)
        failed = {}
        with cluster.client(where) as workers, progress.bar("sweep", total=len(self.members), unit="runs") as bar:
            commands = {self._command(folder, member): member for member in self.members}
            for command, said in _ended(list(commands), workers):
                member = commands[command]
                bar.update(1)
                if said:
                    failed[member.name] = said
                say(f"{member.name}: {said or 'done'}")
        self.finish(folder, say)
        if failed:
            first, sentence = next(iter(failed.items()))
            msg = (
                f"{len(failed)} of {len(self.members)} runs failed, {', '.join(failed)}; the first said: {sentence} "
                f"(to run it alone: milkyway-cnn run {shlex.quote(str(folder / 'members' / first))}.yaml "
                f"--output {shlex.join([str(folder / first), *self.words])})"
            )
            raise ChapterError(msg)

    def run_member(self, number: int, folder: Path) -> int:
        """Run the member of this number, from 0, and return its exit status."""
        if not 0 <= number < len(self.members):
            msg = f"there is no member {number}; the {len(self.members)} of {self.name} are numbered from 0"
            raise InputError(msg)
        self.prepare(folder)
        return subprocess.call(self._command(folder, self.members[number]))

    def prepare(self, folder: Path) -> None:
        """Write the parameters of each member, ``members/NAME.yaml``, where they are not there yet."""
        import yaml

        with writable(folder):
            for member in self.members:
                text = yaml.safe_dump({**self.common, **member.values}, sort_keys=False)
                path = folder / "members" / f"{member.name}.yaml"
                if not path.is_file() or path.read_text(encoding="utf-8") != text:
                    with replacing(path) as part:
                        part.write_text(text, encoding="utf-8")

    def finish(self, folder: Path, say: Callable[[str], None] = print) -> None:
        """Write the table and the page of the members that have begun."""
        there = [folder / member.name for member in self.members if (folder / member.name / "run.json").is_file()]
        if not there:
            return
        runs = [opened(path) for path in there]
        lines = table(runs, folder).pformat(max_lines=-1, max_width=-1)
        with replacing(folder / "sweep.txt") as part:
            part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        say("\n".join(lines))
        if len(runs) > 1:
            write_comparison(runs, folder / "comparison.html", f"Sweep {self.name}")
            say(f"page: {folder / 'comparison.html'}")

    def _command(self, folder: Path, member: Member) -> tuple[str, ...]:
        file = folder / "members" / f"{member.name}.yaml"
        words = ("run", str(file), "--output", str(folder / member.name), *self.words)
        return (sys.executable, "-m", "milkyway_cnn.cli", *words)


def read(path: Path, changes: Mapping[str, Any] | None = None) -> Sweep:
    """Read the file of a sweep, and check the parameters of every member.

    Parameters
    ----------
    changes
        Parameters in place of the file's.

    Raises
    ------
    InputError
        when the file cannot be read, has no grid, or one of its members has parameters that cannot be.
    """
    values = load(str(path), NOTEBOOKS / "parameters")
    grid = values.pop("grid", None)
    if not isinstance(grid, dict) or not grid or not all(isinstance(v, list) and v for v in grid.values()):
        msg = f"{path} needs a grid, as in 'grid: {{learning_rate: [0.001, 0.002]}}': names with lists of values"
        raise InputError(msg)
    size = 1
    for choices in grid.values():
        size *= len(choices)
    if size > MOST:
        msg = f"the grid of {path} has {size} members, and a sweep takes at most {MOST}; leave some values out"
        raise InputError(msg)
    base = values.pop("base", None)
    common = (load(str(base), NOTEBOOKS / "parameters") if base else {}) | values | dict(changes or {})
    twice = sorted(set(grid) & set(values))
    if twice:
        msg = f"{path} gives {twice[0]} both for all members and in the grid; leave one of them out"
        raise InputError(msg)
    members = []
    for place, choice in enumerate(itertools.product(*grid.values())):
        own = dict(zip(grid, choice, strict=True))
        validated({**common, **own})
        members.append(Member(_name(place, own), own))
    return Sweep(path.stem, common, tuple(members))


def submit_array(sweep: Sweep, folder: Path, options: Path, command: Sequence[str]) -> str:
    """Submit the members as one array of Slurm jobs, and return what sbatch says.

    Parameters
    ----------
    options
        YAML file as `milkyway_cnn.cluster` reads it; ``jobs`` is how many run at once.
    command
        The words of the sweep, to which ``--member N`` is added in each job.

    Notes
    -----
    The script stays in the folder as ``array.sh``. The same sweep without ``--array``, given when the jobs have ended,
    keeps what is done and writes table and page.
    """
    sweep.prepare(folder)
    header = cluster.job_header(options, sweep.name)
    lines = [
        "#!/bin/bash",
        *header.lines,
        f"#SBATCH --array=0-{len(sweep.members) - 1}%{header.jobs}",
        f"#SBATCH --output={folder}/members/%a.log",
        *header.prologue,
        f'{shlex.join(command)} --member "$SLURM_ARRAY_TASK_ID"',
    ]
    script = folder / "array.sh"
    with replacing(script) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run(["sbatch", str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"sbatch refused {script}: {done.stderr.strip() or done.returncode}"
        raise InputError(msg)
    return f"{done.stdout.strip()}: {len(sweep.members)} runs; once they have ended: {shlex.join(command)}"


def _name(place: int, values: Mapping[str, Any]) -> str:
    """Name of a member that any file system takes: its place and its own values."""
    words = "_".join(f"{name}={json.dumps(value)}" for name, value in values.items())
    return f"{place:03}_{re.sub(r'[^A-Za-z0-9_.=+-]+', '-', words).replace('-_', '_').strip('-')}"[:120]


def _ended(commands: Sequence[tuple[str, ...]], workers: Any) -> Any:
    """Yield each command with what it said of its failure, empty for none, as they end."""
    if workers is None:
        for command in commands:
            yield command, _call(command)
        return
    from distributed import as_completed

    futures = {workers.submit(_call, command, pure=False): command for command in commands}
    for future in as_completed(list(futures)):
        yield futures[future], future.result()


def _call(command: tuple[str, ...]) -> str:
    """Run a command to its end and return its last words where it failed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if not done.returncode:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit status {done.returncode}"]
    return lines[-1].removeprefix("milkyway-cnn: ")
