"""A sum is the same in this process, on two workers, on four, and when one of them is killed on the way."""

from __future__ import annotations

import os
import signal
import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from milkyway_cnn import cluster
from milkyway_cnn.errors import InputError
from milkyway_cnn.reduction import observe_catalog
from milkyway_cnn.sightlines import Grid
from tests.surveys.test_partitions import REGION, stars, write

GRID = Grid(*REGION, 0.5)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return write(stars(4000), tmp_path_factory.mktemp("catalog"), 6)


@pytest.fixture(scope="module")
def workers():
    """Two processes; the cluster can be scaled."""
    import distributed

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "silence_logs": "CRITICAL"}
    with distributed.LocalCluster(**options) as started:
        yield started


def test_workers_count_as_none_do(catalog, workers):
    alone, report = observe_catalog(catalog, GRID)
    assert int(alone["stars"].sum()) > 50 and report.rows == 4000
    for number in (2, 4):
        workers.scale(number)
        workers.wait_for_workers(number, timeout=60)
        observed, the_same = observe_catalog(catalog, GRID, cluster=workers.scheduler_address)
        xr.testing.assert_identical(observed, alone)
        assert the_same == report


def test_a_killed_worker_costs_time_and_no_data(workers, tmp_path):
    def squares(item: int, folder: str) -> np.ndarray:
        with Path(folder, f"{item}.{os.getpid()}").open("x"):
            pass
        if item == 7 and len(list(Path(folder).glob("7.*"))) == 1:  # the first time only
            os.kill(os.getpid(), signal.SIGKILL)
        return np.array([1, item, item**2])

    total = cluster.total(partial(squares, folder=str(tmp_path)), range(20), workers.scheduler_address)
    assert total.tolist() == [20, 190, 2470]
    assert len(list(tmp_path.glob("7.*"))) == 2


def test_errors_of_the_work_come_back_from_workers(catalog, workers):
    (catalog / "part=1").rename(catalog / "gone")
    try:
        path = catalog / "part=0" / "4.parquet"
        content = path.read_bytes()
        path.write_bytes(content[:4] + bytes(len(content) // 2) + content[4 + len(content) // 2 :])
        for where in ("", workers.scheduler_address):
            with pytest.raises(InputError, match=r"4.parquet cannot be read as parquet"):
                observe_catalog(catalog, GRID, cluster=where)
    finally:
        path.write_bytes(content)
        (catalog / "gone").rename(catalog / "part=1")


def test_bundles_hold_every_item_once(monkeypatch, workers):
    monkeypatch.setattr(cluster, "_TASKS", 3)
    assert cluster.total(lambda item: np.array([1, item]), range(10), workers.scheduler_address).tolist() == [10, 45]


def test_processes_of_this_machine_start_and_end():
    before = dict(os.environ)
    with cluster.client("1") as client:
        assert os.environ.get("NUMBA_NUM_THREADS") == before.get("NUMBA_NUM_THREADS")
        (environment,) = client.run(lambda: dict(os.environ)).values()
        (pid,) = client.run(os.getpid).values()
    assert environment["NUMBA_NUM_THREADS"] == environment["OMP_NUM_THREADS"] == "1"
    assert dict(os.environ) == before
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Stand-ins for Slurm's commands, which run a job here and at once, and the folder of what they were told."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (
        (
            "sbatch",
            f'cp "$1" {tmp_path}/job.sh; bash {tmp_path}/job.sh >/dev/null 2>&1 & echo "Submitted batch job $!"',
        ),
        ("scancel", f'echo "$@" >> {tmp_path}/canceled; kill "$@"'),
    ):
        (commands / name).write_text(f"#!/bin/bash\n{text}\n")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(commands), prepend=os.pathsep)
    return tmp_path


def test_jobs_of_slurm_work_as_well(slurm):
    path = slurm / "slurm.yaml"
    path.write_text("cores: 1\nmemory: 1GB\nwalltime: '02:00:00'\nqueue: day\njob_script_prologue: ['true']\n")
    assert cluster.total(lambda item: np.array([1, item]), range(10), str(path)).tolist() == [10, 45]
    script = (slurm / "job.sh").read_text()
    for line in ("#SBATCH -p day", "#SBATCH --cpus-per-task=1", "#SBATCH -t 02:00:00", "--nthreads 1"):
        assert line in script
    assert script.index("export NUMBA_NUM_THREADS=1\n") < script.index("\ntrue\n") < script.index("dask_worker")
    assert (slurm / "canceled").exists()


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("0", r"cluster = '0' must be 1 to 1024 processes"),
        ("many", r"cluster = 'many' is no place to work; leave it empty for this process, or give"),
        ("nowhere.yaml", r"the cluster's options in nowhere.yaml cannot be read \(.*\); give a YAML file"),
        ("tcp://127.0.0.1:9", r"no Dask scheduler answers at tcp://127.0.0.1:9"),
    ],
)
def test_no_place_to_work_is_refused(where, sentence, monkeypatch):
    monkeypatch.setattr(cluster, "_PATIENCE", 0.5)
    with pytest.raises(InputError, match=sentence), cluster.client(where):
        pass


def test_options_that_slurm_jobs_do_not_have_are_refused(slurm, monkeypatch):
    path = slurm / "slurm.yaml"
    path.write_text("cores: 4\n")
    with pytest.raises(InputError, match=r"must hold options of a Slurm job, at least 'cores: 4' and 'memory: 8GB'"):
        cluster.check(str(path))
    path.write_text(
        textwrap.dedent("""\
        cores: 4
        memory: 8GB
        queu: day
    """)
    )
    with pytest.raises(
        InputError, match=r"slurm.yaml asks for 'queu', which Slurm jobs do not have; the nearest is 'queue'"
    ):
        cluster.check(str(path))
    path.write_text("cores: 4\nmemory: 8GB\n")
    cluster.check(str(path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="there is no sbatch here; run where jobs can be submitted"):
        cluster.check(str(path))
