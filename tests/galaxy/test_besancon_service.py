"""The Besancon model's service over real HTTP: one on the loopback interface that speaks UWS and wants an account."""

import base64
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from milkyway_cnn import cli
from milkyway_cnn.errors import InputError, ServiceError
from milkyway_cnn.galaxy.besancon import BesanconModel, read_besancon
from milkyway_cnn.galaxy.besancon_fetch import Direction, delete_besancon, fetch_besancon, parse_direction
from milkyway_cnn.galaxy.besancon_service import Account, BesanconService, Gone, account
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.web import Patience, session

USER, PASSWORD = "astronomer", "a secret that is nowhere to be found"
REAL = Path(__file__).parents[2].parent / "shared/data/bgm/rubin_dp0_besancon_ugrzK_09f183d.txt"

FIELD = Direction(284, -0.5, 0.25)
HEAD = "# V J-K H-K V-K Mv CL Typ Teff logg Pop Age Mass Mbol [M/H] longitude latitude Dist Av\n"
ROW = " {V:.3f} 0.700 0.100 3.000 6.39 5 7.35 5012. 4.59 4 2.5 0.77 6.193 -0.165 {l:.6f} {b:.6f} {d:.4f} {Av}\n"


class Service(ThreadingHTTPServer):
    """The service. `faults` holds what the next requests of a kind meet: an HTTP status, empty, page, cut, reset."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.jobs: dict[str, dict] = {}
        self.numbers = itertools.count(17)
        self.log: list[str] = []
        self.faults: dict[str, deque] = {}
        self.ending, self.message = "COMPLETED", ""
        self.looks = 1
        self.extinction = "0.000"
        self.result_host = ""
        self.pause = 0.0

    def handle_error(self, *words) -> None:
        """A client that is gone is no news."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/ws"

    def catalog(self, parameters: dict[str, str]) -> str:
        l, b = float(parameters["Coor1_min"]), float(parameters["Coor2_min"])
        faintest = float(parameters["band_max"].split(",")[7])
        draw = np.random.default_rng(1)
        rows = [
            ROW.format(V=V + 3, l=l, b=b, d=d, Av=self.extinction)
            for V, d in zip(draw.uniform(10, faintest, 500), draw.uniform(0.1, 9, 500), strict=True)
        ]
        return HEAD + "".join(rows)


class Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *words) -> None:
        pass

    def handle_any(self) -> None:
        self.form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        parts = urlsplit(self.path).path.strip("/").split("/")
        kind = f"{self.command} {parts[-1] if not parts[-1].isdigit() else 'job'}"
        self.server.log.append(kind)
        words = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        waiting = self.server.faults.get(kind)
        fault = waiting.popleft() if waiting else None
        if self.headers.get("Authorization") != f"Basic {words}":
            self.reply(401, "who are you?", {"WWW-Authenticate": 'Basic realm="BGM"'})
        elif isinstance(fault, int):
            self.reply(fault, "not now")
        elif fault == "empty":
            self.reply(202, "")
        elif fault == "page":
            self.reply(200, "<!DOCTYPE html><html><body>maintenance<br></body></html>")
        elif fault == "reset":
            self.close_connection = True
            self.connection.close()
        else:
            self.answer(parts[1:], fault == "cut")

    do_GET = do_POST = do_DELETE = handle_any

    def answer(self, parts: list[str], cut: bool) -> None:
        jobs = self.server.jobs
        if parts == ["jobs"] and self.command == "POST":
            number = str(next(self.server.numbers))
            jobs[number] = {"phase": "PENDING", "parameters": {}, "looks": self.server.looks}
            self.describe(number)
        elif parts == ["jobs"]:
            lines = "".join(
                f'<uws:jobref id="{number}"><uws:phase>{job["phase"]}</uws:phase></uws:jobref>'
                for number, job in jobs.items()
            )
            self.reply(200, f'<uws:jobs xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0">{lines}</uws:jobs>')
        elif len(parts) < 2 or parts[1] not in jobs:
            self.reply(404, "no such job")
        elif self.command == "DELETE":
            del jobs[parts[1]]
            self.reply(200, '<uws:jobs xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0"/>')
        elif parts[2:] == ["parameters"]:
            jobs[parts[1]]["parameters"] |= {name: values[0] for name, values in self.form.items()}
            self.describe(parts[1])
        elif parts[2:] == ["phase"]:
            assert self.form == {"PHASE": ["RUN"]}
            jobs[parts[1]]["phase"] = "QUEUED"
            self.describe(parts[1])
        elif parts[2:] == ["results", "output"]:
            time.sleep(self.server.pause)
            text = self.server.catalog(jobs[parts[1]]["parameters"])
            self.close_connection = cut
            self.reply(200, text[: len(text) * 2 // 3] if cut else text, whole=not cut)
        else:
            job = jobs[parts[1]]
            if job["phase"] in ("QUEUED", "EXECUTING"):
                job["looks"] -= 1
                job["phase"] = "EXECUTING" if job["looks"] >= 0 else self.server.ending
            self.describe(parts[1])

    def describe(self, number: str) -> None:
        job = self.server.jobs[number]
        place = self.server.result_host or f"http://127.0.0.1:{self.server.server_port}"
        results = "".join(
            f'<uws:result id="{name}" xlink:href="{place}/ws/jobs/{number}/results/{name}"/>'
            for name in ("output-head", "output")
        )
        error = f"<uws:errorSummary><uws:message>{self.server.message}</uws:message></uws:errorSummary>"
        self.reply(
            200,
            '<?xml version="1.0"?><uws:job xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" '
            f'xmlns:xlink="http://www.w3.org/1999/xlink"><uws:jobId>{number}</uws:jobId><uws:ownerId>{USER}</uws:ownerId>'
            f"<uws:phase>{job['phase']}</uws:phase>{error if self.server.message else ''}"
            f"<uws:results>{results if job['phase'] == 'COMPLETED' else ''}</uws:results></uws:job>",
        )

    def reply(self, status: int, text: str, headers: dict[str, str] | None = None, whole: bool = True) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if whole:
            self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def server(monkeypatch) -> Iterator[Service]:
    monkeypatch.setenv("BESANCON_USER", USER)
    monkeypatch.setenv("BESANCON_PASSWORD", PASSWORD)
    with Service() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def ask(server, tmp_path: Path):
    """Fetch a direction from the service on the loopback interface, without waiting."""

    def ask(direction: Direction = FIELD, name: str = "model.txt") -> str:
        patience = Patience(attempts=4, sleep=lambda pause: None)
        return fetch_besancon(
            direction, tmp_path / name, address=server.address, patience=patience, cache=tmp_path / "cache"
        )

    return ask


def test_a_direction_becomes_a_stand_in_for_the_galaxy(server, ask, tmp_path: Path) -> None:
    said = ask(Direction(284, -0.5, 0.25, 15.0))
    assert said == f"{tmp_path / 'model.txt'}: 500 stars at l 284, b -0.5 in 0.25 square degrees"
    assert not server.jobs and server.log.count("DELETE job") == 1
    catalog = read_besancon(tmp_path / "model.txt")
    assert (catalog.solid_angle, catalog.supplied, len(catalog)) == (0.25, (), 500) and catalog.Ks.max() < 15
    stars = synthesize(284.2, -0.4, 0.5, seed=1, model=BesanconModel((catalog,)), faintest_J=99.0, faintest_Ks=15.0)
    assert len(stars) == pytest.approx(1000, rel=0.2)

    asked = len(server.log)
    assert ask(Direction(284, -0.5, 0.25, 15.0)) == f"{said}, fetched before" and len(server.log) == asked
    with pytest.raises(InputError, match="is there and holds something else; choose another place with --output"):
        ask(Direction(284, -0.5, 0.3, 15.0))


def test_what_the_service_is_asked_for() -> None:
    asked = Direction(-75.5, 2.25, 0.05, 15.5, farthest=12, further={"Dist_step": "0.2", "own": "1"}).parameters
    assert (asked["KLEH"], asked["KLEG"], asked["SOLI"], asked["sendmail"]) == ("1", "1", "0.05", "0")
    assert asked["Coor1_min"] == asked["Coor1_max"] == "284.5" and asked["Coor2_min"] == "2.25"
    assert asked["band_max"].split(",") == ["99.0"] * 7 + ["15.5", "99.0"] and asked["ref_filter"] == "V"
    assert set(asked["acol"].split(",")) == {"J-K", "H-K", "V-K"}
    assert (asked["Dist_max"], asked["Dist_step"], asked["own"]) == ("12", "0.2", "1")
    assert all(set(asked[f"errBand_{letter}"].split(",")) == {"0.0"} for letter in "ABC")


def test_extinction_in_the_output_is_said(server, ask) -> None:
    server.extinction = "1.500"
    assert "they come with extinction up to A_V 1.50, and those that it dims beyond the limit are missing" in ask()


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        *itertools.product(
            ["POST jobs", "POST parameters", "POST phase", "GET job", "GET output"],
            [503, 429, "empty", "page", "reset"],
        ),
        *itertools.product(["DELETE job"], [503, "reset"]),
    ],
)
def test_what_may_pass_is_asked_again(server, ask, tmp_path: Path, kind: str, fault: int | str) -> None:
    server.faults[kind] = deque([fault, fault])
    ask()
    assert len(read_besancon(tmp_path / "model.txt")) == 500
    assert server.log.count("POST phase") == (3 if kind == "POST phase" else 1)
    assert not server.jobs and not list(tmp_path.glob(".model*"))


def test_an_output_that_is_cut_off_is_fetched_again(server, ask, tmp_path: Path) -> None:
    server.faults["GET output"] = deque(["cut", "cut"])
    ask()
    assert len(read_besancon(tmp_path / "model.txt")) == 500 and server.log.count("POST jobs") == 1


def test_a_service_that_stays_away_is_one_sentence_and_the_job_goes_on(server, ask, tmp_path: Path) -> None:
    server.faults["GET output"] = deque([503] * 4)
    with pytest.raises(
        ServiceError, match=r"the Besancon service did not give its answer in 4 attempts .* goes on from here"
    ):
        ask()
    assert not (tmp_path / "model.txt").exists() and len(server.jobs) == 1
    ask()
    assert server.log.count("POST jobs") == 1 and not server.jobs


def test_a_job_that_expired_is_made_anew(server, ask) -> None:
    server.faults["GET output"] = deque([503] * 4)
    with pytest.raises(ServiceError):
        ask()
    server.jobs.clear()
    ask()
    assert server.log.count("POST jobs") == 2 and not server.jobs


def test_a_job_for_something_else_is_deleted(server, ask) -> None:
    server.faults["GET output"] = deque([503] * 4)
    with pytest.raises(ServiceError):
        ask()
    assert "in 0.5 square degrees" in ask(Direction(284, -0.5, 0.5))
    assert server.log.count("POST jobs") == server.log.count("DELETE job") == 2 and not server.jobs


def test_a_job_that_vanishes_while_it_runs_is_one_sentence(server, ask, tmp_path: Path) -> None:
    server.faults["GET output"] = deque([410])
    with pytest.raises(Gone, match=r"the Besancon service has it no more .* give the same command to run it anew"):
        ask()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("ending", ["ERROR", "ABORTED"])
def test_a_model_that_failed_is_one_sentence(server, ask, tmp_path: Path, ending: str) -> None:
    server.ending, server.message = ending, "SOLI is out\n of range"
    with pytest.raises(ServiceError, match=rf"ended with {ending} \(SOLI is out of range\); see the parameters"):
        ask()
    assert not server.jobs and not list(tmp_path.glob(".*"))


def test_the_password_goes_to_no_other_place(server, ask) -> None:
    server.result_host = "http://elsewhere.invalid"
    with pytest.raises(ServiceError, match=r"sends to another place, elsewhere\.invalid, which is given no password"):
        ask()
    server.result_host = "https://127.0.0.1"  # its own name, but not as it was asked: the way there stays the same
    ask()


def test_a_wrong_password_is_one_sentence(server, ask, monkeypatch) -> None:
    monkeypatch.setenv("BESANCON_PASSWORD", "wrong")
    with pytest.raises(InputError, match=r"refuses the account 'astronomer' \(401\); see BESANCON_USER") as refused:
        ask()
    assert "wrong" not in str(refused.value)


def test_the_account_is_from_the_keyring_where_the_environment_has_none(monkeypatch) -> None:
    import keyring
    from keyring.credentials import SimpleCredential
    from keyring.errors import NoKeyringError

    asked = []

    def known(host: str, user: str | None):
        asked.append((host, user))
        return SimpleCredential("astronomer", "kept")

    monkeypatch.delenv("BESANCON_USER", raising=False)
    monkeypatch.delenv("BESANCON_PASSWORD", raising=False)
    monkeypatch.setattr(keyring, "get_credential", known)
    assert account() == Account("astronomer", "kept") and asked == [("model.obs-besancon.fr", None)]
    assert "kept" not in repr(account())

    def none(host: str, user: str | None):
        raise NoKeyringError

    for absent in (none, lambda host, user: None):
        monkeypatch.setattr(keyring, "get_credential", absent)
        with pytest.raises(InputError, match=r"needs an account.*keyring set model\.obs-besancon\.fr NAME"):
            account()


def test_jobs_are_listed_and_deleted(server) -> None:
    with session() as opened:
        service = BesanconService(opened, account(), server.address)
        first, second = service.create(), service.create()
        service.submit(second, Direction(10, 0, 0.1).parameters)
        assert service.jobs() == {first: "PENDING", second: "QUEUED"}
        service.delete(first)
        service.delete(first)
        assert service.jobs() == {second: "QUEUED"}
        with pytest.raises(Gone):
            service.job(first)


def test_an_unfinished_job_is_deleted_by_name(server, ask, tmp_path: Path) -> None:
    server.faults["GET output"] = deque([503] * 4)
    with pytest.raises(ServiceError):
        ask()
    words = {"address": server.address, "cache": tmp_path / "cache"}
    assert delete_besancon(tmp_path / "model.txt", **words) and not server.jobs
    assert not delete_besancon(tmp_path / "model.txt", **words)


#: A process of its own, whose service is the one on the loopback interface; pauses are short.
PROCESS = """
import sys
from milkyway_cnn import cli, web
from milkyway_cnn.galaxy import besancon_fetch
for function in (besancon_fetch.fetch_besancon, besancon_fetch.delete_besancon):
    function.__kwdefaults__["address"] = sys.argv[1]
web.Patience.__init__.__defaults__ = (6, 0.01, 0.1, web.time.sleep)
sys.exit(cli.main(sys.argv[2:]))
"""


def test_killed_and_given_again_it_is_one_job_and_the_password_is_nowhere(server, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS, server.address, "besancon", "284,-0.5", "290,1", "--area", "0.25"]
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    words = {"cwd": tmp_path, "env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    server.pause = 0.5
    process = subprocess.Popen(command, **words)
    while "GET output" not in server.log:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    said = "".join(process.communicate())
    server.pause = 0.0
    assert len(server.jobs) == 1 and not list(tmp_path.glob("besancon*.txt"))
    done = subprocess.run([*command, "--output", "."], timeout=300, check=True, **words)
    assert server.log.count("POST jobs") == 2 and not server.jobs
    assert done.stdout.splitlines()[1] == "besancon_l290_b1.txt: 500 stars at l 290, b 1 in 0.25 square degrees"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"besancon_l284_b-0.5.txt", "besancon_l290_b1.txt", "besancon.lock"}
    kept = said + done.stdout + done.stderr + "".join(path.read_text() for path in files)
    assert PASSWORD not in kept and base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode() not in kept


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["280"], "direction '280' must be l,b in degrees, such as 280,-0.5"),
        (["280,91"], "direction l=280, b=91 deg is not on the sky"),
        (["280,0", "--area", "0"], "the solid angle 0 must be above 0 and at most 10 square degrees"),
        (["280,0", "--faintest", "40"], "the faintest K magnitude 40 must lie between -10 and 30"),
        (["280,0", "--set", "KLEG"], "--set 'KLEG' needs a value, as in --set NAME=VALUE"),
        (["280,0"], "the Besancon service needs an account"),
    ],
)
def test_bad_words_are_one_sentence_and_status_2(monkeypatch, tmp_path, capsys, words, sentence) -> None:
    import keyring

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BESANCON_USER", raising=False)
    monkeypatch.setattr(keyring, "get_credential", lambda host, user: None)
    assert cli.main(["besancon", *words]) == 2
    out, err = capsys.readouterr()
    assert sentence in err and "Traceback" not in err and out == "" and not list(tmp_path.iterdir())


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="the farthest distance 0 must be above 0"):
        Direction(0, 0, 1, farthest=0)
    assert parse_direction("280, -0.5") == (280, -0.5)


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL.name} is not beside the repository")
def test_a_real_output_comes_through(server, ask, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(server, "catalog", lambda parameters: REAL.read_text())
    said = ask(Direction(235.9, -47.9, 0.4))
    catalog = read_besancon(tmp_path / "model.txt")
    assert "431 stars" in said and catalog.solid_angle == 0.4
    np.testing.assert_array_equal(catalog.Ks, read_besancon(REAL, 0.4).Ks)
    assert json.loads((tmp_path / "model.txt").read_text().splitlines()[-2].partition(": ")[2])["SOLI"] == "0.4"
