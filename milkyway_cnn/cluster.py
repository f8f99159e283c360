"""Where work runs: in this process, in processes of this machine, on Slurm, or under a running Dask scheduler.

One word says where, and a sum over many items is the same wherever it runs::

    counts = cluster.total(count_file, files, "4", stage="stars")

======================  ============================================================================
``""``                  this process
``"4"``                 four processes of this machine
``"tcp://host:8786"``   the workers of a Dask scheduler
``"slurm.yaml"``        jobs of Slurm, as many as ``jobs`` in this file says [1]
======================  ============================================================================

All other lines of ``slurm.yaml`` are options of `dask_jobqueue.SLURMCluster`: ``cores`` and ``memory`` of a job, which
must be there, ``queue``, ``walltime``, ``account`` and so on. A job runs as many processes as it has cores, unless
``processes`` says otherwise.
"""

from __future__ import annotations

import difflib
import inspect
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from milkyway_cnn import progress
from milkyway_cnn.errors import InputError

if TYPE_CHECKING:
    from dask_jobqueue import SLURMCluster
    from distributed import Client

__all__ = ["JobHeader", "check", "client", "job_header", "total"]

Item = TypeVar("Item")
#: Items are bundled into no more tasks than this, so that sums of a thousand partitions do not all travel; a worker
#: that dies takes the unfinished bundle with it, which another does again.
_TASKS = 256
#: Dask's dashboard takes any free port, for this machine alone.
_DASHBOARD = "127.0.0.1:0"
#: Seconds that a scheduler may take to answer.
_PATIENCE = 10.0
#: Each worker process uses one thread; Dask itself says so to BLAS and OpenMP, but not to Numba.
_ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
}


def check(where: str) -> None:
    """Refuse in one sentence a word that says no place to work.

    Raises
    ------
    InputError
        When it is neither empty, nor a number of processes from 1 up, nor an address, nor a readable YAML file of
        options that Slurm clusters have; or when Dask is not installed and needed.
    """
    if not where or "://" in where:
        pass
    elif where.isdecimal():
        if not 1 <= int(where) <= 1024:
            msg = f"cluster = {where!r} must be 1 to 1024 processes"
            raise InputError(msg)
    elif where.endswith((".yaml", ".yml")):
        _slurm_options(Path(where))
    else:
        msg = (
            f"cluster = {where!r} is no place to work; leave it empty for this process, or give a number of processes, "
            "the address of a Dask scheduler (tcp://...), or a YAML file of Slurm's options"
        )
        raise InputError(msg)
    if where:
        _distributed()


@contextmanager
def client(where: str) -> Iterator[Client | None]:
    """Connect to the workers of a place, and let go of those that were started for it at the end.

    Yields
    ------
    distributed.Client or None
        None for this process.

    Raises
    ------
    InputError
        As `check`, or when a scheduler does not answer.
    """
    check(where)
    if not where:
        yield None
        return
    import dask

    distributed = _distributed()
    with ExitStack() as stack:
        # To workers alone: what Dask sets before it spawns them it sets in this process too, where Numba refuses it.
        environment = dask.config.get("distributed.nanny.environ", {}) | _ONE_THREAD
        stack.enter_context(dask.config.set({"distributed.nanny.environ": environment}))
        stack.callback(_restore, dict(os.environ))
        if "://" in where:
            try:
                connected = distributed.Client(where, timeout=_PATIENCE)
            except (OSError, TimeoutError, ValueError) as error:
                msg = f"no Dask scheduler answers at {where} ({error}); start one there, or give another address"
                raise InputError(msg) from None
        elif where.isdecimal():
            workers = {"n_workers": int(where), "threads_per_worker": 1, "dashboard_address": _DASHBOARD}
            connected = distributed.Client(stack.enter_context(distributed.LocalCluster(**workers)))
        else:
            connected = distributed.Client(stack.enter_context(_slurm(Path(where))))
        yield stack.enter_context(connected)


def total(
    function: Callable[[Item], Any],
    items: Sequence[Item],
    where: str = "",
    *,
    stage: str = "partitions",
    unit: str = "partitions",
) -> Any:
    """Sum what a function returns for each of many items, with no more than a few results in memory.

    Where the values add up to the same in any order, as integers do, the sum is the same wherever it is made. An item
    whose worker dies is done again by another; each counts once.

    Parameters
    ----------
    function
        Of an item; what it returns must support ``+=``. Workers import it by its name.
    items
        At least one.
    where
        The place, as in the table above.
    stage, unit
        Name of the progress bar, and what it counts.

    Raises
    ------
    InputError
        As `client`; and whatever `function` raises.
    """
    with client(where) as workers:
        size = 1 if workers is None else -(-len(items) // _TASKS)
        bundles = [items[first : first + size] for first in range(0, len(items), size)]
        result = None
        with progress.bar(stage, total=len(items), unit=unit) as bar:
            for done, part in _results(function, bundles, workers):
                if result is None:
                    result = part
                else:
                    result += part
                bar.update(done)
    return result


def _results(function: Callable, bundles: list[Sequence], workers: Client | None) -> Iterator[tuple[int, Any]]:
    """Yield length and sum of each bundle, as they are done."""
    if workers is None:
        yield from ((len(bundle), _bundled(function, bundle)) for bundle in bundles)
        return
    from distributed import as_completed

    lengths = {workers.submit(_bundled, function, bundle, pure=False): len(bundle) for bundle in bundles}
    for future in as_completed(list(lengths)):
        # Asked for one at a time: results wait with the workers, not here. One lost on the way is made again.
        yield lengths.pop(future), future.result()


def _bundled(function: Callable, bundle: Sequence) -> Any:
    result = function(bundle[0])
    for item in bundle[1:]:
        result += function(item)
    return result


def _restore(environment: dict[str, str]) -> None:
    """Undo what Dask changed in the environment, which processes that start later would inherit."""
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


def _slurm(path: Path) -> SLURMCluster:
    from dask_jobqueue import SLURMCluster

    options = _slurm_options(path)
    jobs = options.pop("jobs", 1)
    exports = [f"export {name}={value}" for name, value in _ONE_THREAD.items()]
    options["job_script_prologue"] = exports + options.get("job_script_prologue", [])
    defaults = {"processes": options["cores"], "scheduler_options": {"dashboard_address": _DASHBOARD}}
    cluster = SLURMCluster(**defaults | options)
    cluster.scale(jobs=jobs)
    return cluster


class JobHeader(NamedTuple):
    """How an array of jobs asks for what each needs."""

    lines: list[str]  # ``#SBATCH ...``
    prologue: list[str]  # lines of shell before the work
    jobs: int  # how many may run at once


def job_header(path: Path, name: str) -> JobHeader:
    """Write the header of a script for Slurm from the file of options that a cluster takes.

    Raises
    ------
    InputError
        As `check`.
    """
    options = _slurm_options(path)
    _distributed()
    from dask_jobqueue.slurm import SLURMJob

    jobs, prologue = options.pop("jobs", 1), options.pop("job_script_prologue", [])
    nowhere = "tcp://127.0.0.1:0"  # of a scheduler, which an array does not have
    header = SLURMJob(nowhere, name, **{"job_name": name} | options).job_header or ""
    return JobHeader(header.splitlines(), prologue, jobs)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        msg = "work on a cluster needs Dask; install it with: pip install 'milkyway-cnn[hpc]'"
        raise InputError(msg) from None
    return distributed


def _slurm_options(path: Path) -> dict[str, Any]:
    import yaml

    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        msg = f"the cluster's options in {path} cannot be read ({str(error).splitlines()[0]}); give a YAML file"
        raise InputError(msg) from None
    if not isinstance(options, dict) or not {"cores", "memory"} <= options.keys():
        msg = f"{path} must hold options of a Slurm job, at least 'cores: 4' and 'memory: 8GB'"
        raise InputError(msg)
    if shutil.which("sbatch") is None:
        msg = f"{path} asks for jobs of Slurm, but there is no sbatch here; run where jobs can be submitted"
        raise InputError(msg)
    try:
        from dask_jobqueue.core import Job, JobQueueCluster
        from dask_jobqueue.slurm import SLURMJob
    except ImportError:
        msg = "jobs of Slurm are asked for by dask-jobqueue; install it with: pip install 'milkyway-cnn[hpc]'"
        raise InputError(msg) from None
    known = {"jobs"}.union(*(inspect.signature(part).parameters for part in (SLURMJob, Job, JobQueueCluster)))
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            msg = f"{path} asks for {name!r}, which Slurm jobs do not have; the nearest is {near!r}"
            raise InputError(msg)
    return options
