"""Fetching over real HTTP, from a service on the loopback interface."""

import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import requests

from milkyway_cnn import cli
from milkyway_cnn.errors import InputError, ServiceError
from milkyway_cnn.surveys import archives
from milkyway_cnn.surveys.fetch import fetch
from milkyway_cnn.surveys.read import read_catalog
from milkyway_cnn.web import Patience

REGION = (-1.5, 1.25, -1.2, 0.7)


@pytest.fixture
def naps() -> list[float]:
    """Pauses that were asked for; none is waited for."""
    return []


@pytest.fixture
def grab(server, naps: list[float], tmp_path: Path):
    """Fetch a region from the service, into stars.parquet unless another name is given."""

    def grab(region, name: str = "stars.parquet", **changes):
        patience, cache = Patience(attempts=4, sleep=naps.append), tmp_path / "cache"
        archive = server.archive(**changes)
        return fetch("2mass", region, tmp_path / name, cache=cache, archive=archive, patience=patience)

    return grab


def expected(server, region=REGION) -> set[str]:
    l_min, l_max, b_min, b_max = region
    l = server.sky.l - 360 * np.floor((server.sky.l - l_min) / 360)
    return set(server.sky.names[(l < l_max) & (server.sky.b >= b_min) & (server.sky.b < b_max)])


def names(path: Path) -> list[str]:
    return pq.read_table(path)["2MASS"].to_pylist()


def test_every_star_of_the_region_once(server, grab, naps, tmp_path: Path) -> None:
    fetched = grab(REGION)
    table = pq.read_table(fetched.path)
    assert sorted(names(fetched.path)) == sorted(expected(server))
    assert (fetched.stars, fetched.tiles, fetched.from_cache) == (len(table), 9 + 3, 0)
    assert server.count("submit") == server.count("result") == server.count("delete") == 12 and not server.jobs
    assert set(naps) == {1.0}  # between two looks at a job
    origin = json.loads(table.schema.metadata[b"milkyway_cnn"])
    assert origin["region"] == list(REGION) and origin["archive"] == server.address and "commit" in origin
    l, b = table["GLON"].to_numpy(), table["GLAT"].to_numpy()
    at = np.array([int(name.split()[1]) for name in names(fetched.path)])
    np.testing.assert_allclose(l, server.sky.l[at], atol=1e-9)
    np.testing.assert_allclose(b, server.sky.b[at], atol=1e-9)
    assert table["e_Kmag"].null_count == np.count_nonzero(at % 7 == 0)
    assert len(read_catalog(fetched.path, region=REGION, survey="2mass")) == len(table)
    assert table.schema.field("Jmag").metadata == {b"unit": b"mag"} and str(table.schema.field("Jmag").type) == "float"


SMALL = (0.2, 1.4, -0.5, 0.0)  # two tiles


def test_tiles_come_from_the_cache_also_for_another_region(server, grab, tmp_path: Path) -> None:
    first = grab((0, 2, -1, 0), "first.parquet")
    asked = len(server.log)
    second = grab((0, 2, -1, 0), "second.parquet")
    assert (second.stars, second.tiles, second.from_cache) == (first.stars, 2, 2)
    assert first.path.read_bytes() == second.path.read_bytes() and len(server.log) == asked
    third = grab((0.5, 2, -1, 0), "third.parquet")
    assert (third.tiles, third.from_cache, server.count("submit")) == (2, 1, 3)
    assert sorted(names(third.path)) == sorted(expected(server, (0.5, 2, -1, 0)))


def test_a_tile_that_was_damaged_on_disk_is_fetched_anew(server, grab, tmp_path: Path) -> None:
    first = grab(SMALL)
    damaged = min(tmp_path.glob("cache/*/*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    again = grab(SMALL, "again.parquet")
    assert (again.stars, again.from_cache, server.count("submit")) == (first.stars, 1, 3)
    assert first.path.read_bytes() == again.path.read_bytes()


@pytest.mark.parametrize("row_limit", ["of the query", "of the service"])
def test_overflow_is_split_until_nothing_is_cut_off(server, grab, tmp_path: Path, row_limit: str) -> None:
    asked = 60 if row_limit == "of the query" else 1000
    server.limit = 10**9 if row_limit == "of the query" else 60
    path = tmp_path / "stars.parquet"
    fetched = grab(SMALL, row_limit=asked)
    assert sorted(names(path)) == sorted(expected(server, SMALL))
    splits = len(list(tmp_path.glob("cache/*/*.split")))
    assert splits >= 2 and fetched.tiles == 2 + 3 * splits == server.count("submit") - splits
    submitted = server.count("submit")
    assert grab(SMALL, row_limit=asked).stars == fetched.stars
    assert server.count("submit") == submitted  # what overflowed once is not asked for again


def test_an_archive_that_cuts_off_any_tile_is_given_up(server, grab, tmp_path: Path) -> None:
    server.limit = 0
    l, b = server.sky.l[0], server.sky.b[0]
    region = (l - 0.001, l + 0.001, b - 0.001, b + 0.001)
    with pytest.raises(ServiceError, match=r"gives no tile however small .* try another with --archive"):
        grab(region)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("submit", 503), ("submit", "reset"), ("submit", "page"), ("run", 500), ("job", 502), ("job", "empty"),
        ("result", "empty"), ("result", "page"), ("result", "cut"), ("result", "chop"), ("result", "reset"),
        ("result", 429), ("result", "stall"), ("delete", 500),
    ],
)  # fmt: skip
def test_what_may_pass_is_asked_again(server, grab, naps, tmp_path: Path, kind: str, fault: int | str) -> None:
    server.faults[kind] = deque([fault] * (3 if kind == "job" else 2))  # a redirection looks at the job, too
    path = tmp_path / "stars.parquet"
    grab((0.2, 0.9, -0.4, 0.0))
    assert sorted(names(path)) == sorted(expected(server, (0.2, 0.9, -0.4, 0.0)))
    assert max(server.served.values()) == 1
    if kind != "delete":  # which is asked for once: a job expires by itself
        assert (7.0 if fault == 429 else 2.0) in naps


@pytest.mark.parametrize("fault", ["cut", "chop"])
@pytest.mark.parametrize("lost", [1, 9, 10, 22, 23, 40, 60, 61, 71, 72, 79, 100])
def test_a_reply_without_its_very_end_is_no_reply(server, grab, fault: str, lost: int) -> None:
    """The last words say whether rows were left out."""
    server.limit, server.lost = 20, lost
    region = (0.2, 0.6, -0.4, 0.0)
    server.faults["result"] = deque([fault])
    assert sorted(names(grab(region).path)) == sorted(expected(server, region))


def test_a_service_that_stays_away_is_one_sentence_and_the_job_goes_on(server, grab, naps, tmp_path: Path) -> None:
    server.faults["result"] = deque([503] * 4)
    path = tmp_path / "stars.parquet"
    with pytest.raises(ServiceError) as refused:
        grab(SMALL)
    assert "did not give its answer in 4 attempts (503" in str(refused.value)
    assert "it goes on from here" in str(refused.value)
    assert not path.exists() and len(list(tmp_path.glob("cache/*/*.job"))) == 1
    grab(SMALL)
    assert server.count("submit") == 2 and sorted(names(path)) == sorted(expected(server, SMALL))


def test_a_job_that_expired_is_submitted_anew(server, grab, tmp_path: Path) -> None:
    server.faults["result"] = deque([503] * 4)
    path = tmp_path / "stars.parquet"
    with pytest.raises(ServiceError):
        grab(SMALL)
    server.jobs.clear()
    grab(SMALL)
    assert server.count("submit") == 3 and sorted(names(path)) == sorted(expected(server, SMALL))


@pytest.mark.parametrize("ending", [("ABORTED", ""), ("ERROR", "canceling statement due to statement timeout")])
def test_a_query_that_takes_too_long_is_split(server, grab, tmp_path: Path, ending) -> None:
    server.endings.append(ending)
    path = tmp_path / "stars.parquet"
    fetched = grab(SMALL)
    assert fetched.tiles == 5 and sorted(names(path)) == sorted(expected(server, SMALL))


def test_a_refused_query_is_one_sentence(server, grab, tmp_path: Path) -> None:
    server.endings.append(("ERROR", "table II/246/out is not known\nat line 1"))
    with pytest.raises(ServiceError, match=r"refused a query \(.*II/246/out is not known\); the query was: SELECT"):
        grab(SMALL)
    assert not server.jobs and not list(tmp_path.glob("cache/*/*.job"))


def test_a_service_without_jobs_answers_synchronously(server, grab, naps, tmp_path: Path) -> None:
    server.has_jobs = False
    server.faults["sync"] = deque([503, "cut"])
    path = tmp_path / "stars.parquet"
    grab(SMALL, row_limit=100)
    assert sorted(names(path)) == sorted(expected(server, SMALL)) and server.count("sync") > 4
    assert naps == [1.0, 2.0]
    columns = ("RAJ2000", "DEJ2000", "no_such_column")
    with pytest.raises(ServiceError, match=r"refused a query .*no_such_column is not known"):
        grab(SMALL, columns=columns)


@pytest.mark.parametrize("form", ["tabledata", "binary", "binary2", "gzip"])
def test_every_serialization_gives_the_same_table(server, grab, monkeypatch, tmp_path: Path, form: str) -> None:
    region = (0.2, 0.6, -0.4, 0.0)
    table = pq.read_table(grab(region).path)
    plain = server.serialize

    def serialize(rows: list[str], overflow: bool) -> bytes:
        if form == "gzip":
            return gzip.compress(plain(rows, overflow))
        from astropy.io import votable

        written = io.BytesIO()
        votable.parse(io.BytesIO(plain(rows, overflow))).to_xml(written, tabledata_format=form)
        return written.getvalue()

    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setattr(server, "serialize", serialize)
    server.encoding = "gzip" if form == "gzip" else ""
    assert pq.read_table(grab(region).path).equals(table)
    shutil.rmtree(tmp_path / "cache")
    assert pq.read_table(grab(region, row_limit=20).path).sort_by("2MASS").equals(table.sort_by("2MASS"))


def test_a_field_without_stars_is_an_empty_table(server, grab, tmp_path: Path) -> None:
    path = tmp_path / "stars.parquet"
    region = (100, 100.5, 10, 10.5)
    assert grab(region).stars == 0
    assert "e_Kmag" in pq.read_schema(path).names


#: A process of its own, whose archive is the one on the loopback interface; pauses are short.
PROCESS = """
import dataclasses, sys
from milkyway_cnn import cli, web
from milkyway_cnn.surveys import archives
archive = archives.Archive("loopback", sys.argv[1], '"II/246/out"', tuple(sys.argv[2].split()), 1.0, row_limit=150)
archives.ARCHIVES["2mass"] = (archive,)
web.Patience.__init__.__defaults__ = (6, 0.01, 0.1, web.time.sleep)
sys.exit(cli.main(sys.argv[3:]))
"""


def test_killed_and_given_again_nothing_is_fetched_twice_and_nothing_lost(server, tmp_path: Path) -> None:
    server.pause = 0.2
    path = tmp_path / "stars.parquet"
    words = ["fetch", "2mass", "--region", "-1,1,-1,0.5", "--output", str(path), "--cache", str(tmp_path / "cache")]
    command = [sys.executable, "-c", PROCESS, server.address, " ".join(server.archive().columns), *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    while server.count("result") < 6:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)  # it waits for the sixth result, whose job has run
    process.communicate()
    files = {kind: set(tmp_path.glob(f"cache/*/*.{kind}")) for kind in ("parquet", "job", "split")}
    assert len(files["parquet"] | files["split"]) == 5 and len(files["job"]) == 1 and not path.exists()
    written = {file: file.stat().st_mtime_ns for file in files["parquet"]}

    out = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    assert sorted(names(path)) == sorted(expected(server, (-1, 1, -1, 0.5)))
    assert f"{len(names(path)):,} stars from" in out and f"{len(written)} of them kept from before" in out
    tiles, splits = (len(list(tmp_path.glob(f"cache/*/*.{kind}"))) for kind in ("parquet", "split"))
    assert server.count("submit") == tiles + splits  # no query was computed twice
    assert server.count("result") == tiles + splits + 1  # only the answer that the kill cut off was read again
    assert {file: file.stat().st_mtime_ns for file in written} == written and not server.jobs


@pytest.mark.parametrize("when", ["before", "after"])
def test_stopped_at_any_request_it_goes_on_to_the_same_file(server, grab, monkeypatch, tmp_path, when: str) -> None:
    region, sent = (0.2, 0.9, -0.4, 0.0), requests.Session.request
    sending = {"number": 0, "stop": 0}

    def request(*words, **options):
        sending["number"] += 1
        stopped = sending["number"] == sending["stop"]
        if stopped and when == "before":
            raise KeyboardInterrupt
        reply = sent(*words, **options)
        if stopped:
            reply.close()
            raise KeyboardInterrupt
        return reply

    monkeypatch.setattr(requests.Session, "request", request)
    whole = grab(region, "whole.parquet", row_limit=60).path.read_bytes()
    needed = sending["number"]
    for stop in range(1, needed + 1, 2):
        shutil.rmtree(tmp_path / "cache")
        server.log.clear()
        sending |= {"number": 0, "stop": stop}
        with pytest.raises(KeyboardInterrupt):
            grab(region, row_limit=60)
        fetched = grab(region, row_limit=60)
        assert fetched.path.read_bytes() == whole
        queries = fetched.tiles + len(list(tmp_path.glob("cache/*/*.split")))
        assert server.count("result") <= queries + 1 and server.count("run") <= queries + 1
        # A job whose address was lost with the answer never ran.
        assert all(job["phase"] == "PENDING" for job in server.jobs.values())


def test_two_at_once_are_kept_apart(server, grab, tmp_path: Path) -> None:
    from milkyway_cnn.storage import locked

    (tmp_path / "cache/2mass-loopback").mkdir(parents=True)
    with (
        locked(tmp_path / "cache/2mass-loopback/.lock"),
        pytest.raises(InputError, match="another fetch is at work in"),
    ):
        grab(SMALL)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fetch", "3mass", "--region", "1,2,0,1"], "there is no survey '3mass' to fetch; it must be one of 2mass"),
        (["fetch", "2mass", "--region", "1,2,0"], "region '1,2,0' must be l_min,l_max,b_min,b_max in degrees"),
        (["fetch", "2mass", "--region", "2,1,0,1"], "l must grow by at most 360"),
        (["fetch", "2mass", "--region", "1,2,0,91"], "b from at least -90 to at most 90"),
        (["fetch", "2mass", "--region", "1,2,0,1", "--archive", "esa"], "must be one of vizier, irsa"),
        (["fetch", "2mass", "--region", "1,2,0,1", "--output", "a.fits"], "must be a parquet file"),
        (["fetch", "2mass", "--region", "1,2,0,1", "--output", "mine.parquet"], "is there and was not fetched"),
        (["fetch", "gaia", "--region", "0,360,-90,90"], "more than the 20,000 that archives should be asked"),
        (["fetch", "2mass"], "Missing option '--region'"),
    ],
)
def test_bad_words_are_one_sentence_and_status_2(monkeypatch, tmp_path, capsys, words, sentence) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.parquet").write_bytes(b"mine")
    assert cli.main(words) == 2
    out, err = capsys.readouterr()
    assert sentence in err and "Traceback" not in err and out == ""
    assert Path("mine.parquet").read_bytes() == b"mine"


def test_a_dead_service_is_one_sentence_and_status_1(server, monkeypatch, tmp_path: Path, capsys) -> None:
    monkeypatch.setattr(time, "sleep", lambda pause: None)
    monkeypatch.setitem(archives.ARCHIVES, "2mass", (server.archive(tile=3.0),))
    monkeypatch.setattr(Patience.__init__, "__defaults__", (3, 0.0, 0.0, lambda pause: None))
    server.faults["submit"] = deque([503] * 3)
    words = ["fetch", "2mass", "--region", "0,1,0,1", "--output", str(tmp_path / "s.parquet"), "--cache", str(tmp_path)]
    assert cli.main(words) == 1
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("milkyway-cnn: the archive loopback") and err.endswith("it goes on from here")
