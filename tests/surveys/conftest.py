"""A made-up sky behind a TAP service on the loopback interface: jobs, synchronous queries, limits and faults."""

import re
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from milkyway_cnn.surveys.archives import Archive

COLUMNS = ("RAJ2000", "DEJ2000", "2MASS", "Jmag", "e_Jmag", "Hmag", "e_Hmag", "Kmag", "e_Kmag", "Qflg")


def directions(ra, dec) -> np.ndarray:
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def within(ra: np.ndarray, dec: np.ndarray, corners: list[tuple[float, float]]) -> np.ndarray:
    """Tell which positions lie in a convex spherical polygon: on the same side of all its great circles."""
    a = directions(*np.transpose(corners))
    normals = np.cross(a, np.roll(a, -1, axis=0))
    sides = directions(ra, dec) @ normals.T
    middle = a.mean(axis=0)
    return np.all(sides * np.sign(normals @ middle) >= 0, axis=1) & (directions(ra, dec) @ middle > 0)


class Sky:
    """Stars at random over a region, numbered by their 2MASS name."""

    def __init__(self, l: tuple[float, float], b: tuple[float, float], stars: int = 4000, seed: int = 1) -> None:
        draw = np.random.default_rng(seed)
        self.l = draw.uniform(*l, stars) % 360
        self.b = np.degrees(np.arcsin(draw.uniform(*np.sin(np.radians(b)), stars)))
        icrs = SkyCoord(self.l, self.b, unit="deg", frame="galactic").icrs
        self.ra, self.dec = icrs.ra.deg, icrs.dec.deg
        self.names = np.array([f"star {k}" for k in range(stars)])
        self.J = draw.uniform(8, 17, stars).astype(np.float32)

    def rows(self, adql: str) -> list[str]:
        numbers = [float(word) for word in re.search(r"POLYGON\('ICRS', ([^)]*)\)", adql).group(1).split(",")]
        chosen = np.flatnonzero(within(self.ra, self.dec, list(zip(numbers[::2], numbers[1::2], strict=True))))
        return [self.row(k) for k in chosen]

    def row(self, k: int) -> str:
        error, quality = ("", "AAU") if k % 7 == 0 else ("0.023", "AAA")  # every seventh has an upper limit in Ks
        values = (
            float(self.ra[k]), float(self.dec[k]), self.names[k], f"{self.J[k]:.3f}", 0.021,
            f"{self.J[k] - 0.5:.3f}", 0.022, f"{self.J[k] - 0.6:.3f}", error, quality,
        )  # fmt: skip
        return "<TR>" + "".join(f"<TD>{value}</TD>" for value in values) + "</TR>"


def votable(rows: list[str], overflow: bool) -> str:
    kinds = {"2MASS": 'datatype="char" arraysize="*"', "Qflg": 'datatype="char" arraysize="3"'}
    number = 'datatype="float" unit="mag"'
    position = 'datatype="double" unit="deg"'
    fields = "".join(
        f'<FIELD name="{name}" {kinds.get(name, position if "2000" in name else number)}/>' for name in COLUMNS
    )
    return (
        '<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        f'<RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/><TABLE>{fields}<DATA><TABLEDATA>'
        + "\n".join(rows)
        + "</TABLEDATA></DATA></TABLE>"
        + ('<INFO name="QUERY_STATUS" value="OVERFLOW"/>' if overflow else "")
        + "</RESOURCE></VOTABLE>"
    )


def refusal(message: str) -> str:
    return (
        '<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE '
        f'type="results"><INFO name="QUERY_STATUS" value="ERROR">{escape(message)}</INFO></RESOURCE></VOTABLE>'
    )


class TapServer(ThreadingHTTPServer):
    """The service.

    `faults` holds, for each kind of request (submit, run, job, result, sync, delete), what the next ones meet: an HTTP
    status, or one of the words empty, page, cut, chop, reset, stall. `endings` holds the phases, with messages, in
    which the next jobs end.
    """

    daemon_threads = True

    def __init__(self, sky: Sky) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.sky = sky
        self.jobs: dict[str, dict] = {}
        self.log: list[tuple[str, str]] = []
        self.faults: dict[str, deque] = {}
        self.endings: deque = deque()
        self.looks = 1  # looks at a job before it ends
        self.limit = 10**9  # rows, of the service itself
        self.has_jobs = True
        self.encoding = ""
        self.reply_with = ""  # a recorded reply, in place of the sky's
        self.lost = 0  # bytes at the end that a cut takes away; a third of all if 0
        self.pause = 0.0  # seconds that each result takes
        self.served: Counter = Counter()  # rows sent by results that went out whole, by name of the star

    def handle_error(self, *words) -> None:
        """A client that is gone is no news."""

    def serialize(self, rows: list[str], overflow: bool) -> bytes:
        return votable(rows, overflow).encode()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/tap"

    def count(self, kind: str) -> int:
        return sum(entry[0] == kind for entry in self.log)

    def archive(self, **changes) -> Archive:
        values = {"columns": COLUMNS, "row_limit": 1000, "tile": 1.0} | changes
        return Archive("loopback", self.address, '"II/246/out"', **values)


class Handler(BaseHTTPRequestHandler):
    server: TapServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *words) -> None:
        pass

    def do_POST(self) -> None:
        self.form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        path = urlsplit(self.path).path
        if path == "/tap/async":
            self.meet("submit", self.submit)
        elif path.endswith("/phase"):
            self.meet("run", lambda: self.run(path.split("/")[3]))
        elif path == "/tap/sync":
            self.meet("sync", lambda: self.send_rows(self.form))
        else:
            self.reply(404, "no such thing")

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        parts = url.path.split("/")
        if url.path == "/tap/sync":
            self.meet("sync", lambda: self.send_rows(parse_qs(url.query)))
        elif parts[:3] != ["", "tap", "async"] or parts[3] not in self.server.jobs:
            self.reply(404, "no such job")
        elif parts[4:] == ["results", "result"]:
            self.meet("result", lambda: self.send_rows(self.server.jobs[parts[3]]["form"]))
        else:
            self.meet("job", lambda: self.send_job(parts[3]))

    def do_DELETE(self) -> None:
        self.server.jobs.pop(urlsplit(self.path).path.split("/")[3], None)
        self.meet("delete", lambda: self.reply(200, "gone"))

    def meet(self, kind: str, answer) -> None:
        """Answer, unless a fault is waiting for this kind of request."""
        self.server.log.append((kind, self.path))
        waiting = self.server.faults.get(kind)
        self.fault = waiting.popleft() if waiting else None
        if isinstance(self.fault, int):
            extra = {"Retry-After": "7"} if self.fault == 429 else {}
            self.reply(self.fault, "not now", headers=extra)
        elif self.fault == "empty":
            self.reply(200, "")
        elif self.fault == "page":
            self.reply(202, "<!DOCTYPE html><html><body>Enable JavaScript</body></html>", "text/html")
        elif self.fault == "reset":
            self.close_connection = True
            self.connection.close()
        elif self.fault == "stall":
            time.sleep(0.5)
            self.close_connection = True
        else:
            answer()

    def submit(self) -> None:
        if not self.server.has_jobs:
            self.reply(404, "no jobs here")
            return
        name = str(len(self.server.log))
        self.server.jobs[name] = {"phase": "PENDING", "form": self.form, "looks": self.server.looks, "message": ""}
        self.reply(303, "", headers={"Location": f"{self.server.address}/async/{name}"})

    def run(self, name: str) -> None:
        job = self.server.jobs[name]
        if job["phase"] != "PENDING":
            self.reply(400, "the job runs already", "text/plain")
            return
        job["phase"] = "QUEUED"
        self.reply(303, "", headers={"Location": f"{self.server.address}/async/{name}"})

    def send_job(self, name: str) -> None:
        job = self.server.jobs[name]
        if job["phase"] in ("QUEUED", "EXECUTING"):
            job["looks"] -= 1
            job["phase"] = "EXECUTING"
            if job["looks"] < 0:
                endings = self.server.endings or deque([("COMPLETED", "")])
                job["phase"], job["message"] = endings.popleft()
        result = f'<uws:result id="result" xlink:href="{self.server.address}/async/{name}/results/result"/>'
        error = f'<uws:errorSummary type="fatal"><uws:message>{escape(job["message"])}</uws:message></uws:errorSummary>'
        self.reply(
            200,
            '<?xml version="1.0"?><uws:job xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" '
            f'xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1"><uws:jobId>{name}</uws:jobId>'
            f"<uws:ownerId/><uws:phase>{job['phase']}</uws:phase><uws:executionDuration>60</uws:executionDuration>"
            f"<uws:parameters/><uws:results>{result if job['phase'] == 'COMPLETED' else ''}</uws:results>"
            f"{error if job['message'] else ''}</uws:job>",
            "text/xml",
        )

    def send_rows(self, form: dict[str, list[str]]) -> None:
        adql = form["QUERY"][0]
        if "no_such_column" in adql:
            self.reply(400, refusal("column no_such_column is not known"), "text/xml")
            return
        time.sleep(self.server.pause)
        limit = min(self.server.limit, int(form.get("MAXREC", ["1000000000"])[0]))
        rows = self.server.sky.rows(adql)
        body = self.server.reply_with.encode() or self.server.serialize(rows[:limit], len(rows) > limit)
        headers = {"Content-Encoding": self.server.encoding} if self.server.encoding else {}
        if self.reply(200, body, "application/x-votable+xml", headers) and len(rows) <= limit:
            self.server.served.update(re.findall("star [0-9]+", "".join(rows)))

    def reply(
        self, status: int, text: str | bytes, kind: str = "text/html", headers: dict[str, str] | None = None
    ) -> bool:
        """Send an answer, whole unless the fault cuts it: with its length announced, or (chop) without."""
        body = text.encode() if isinstance(text, str) else text
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.fault == "chop":
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.fault in ("cut", "chop"):
            self.wfile.write(body[: -self.server.lost or len(body) * 2 // 3])
            self.close_connection = True
            return False
        self.wfile.write(body)
        return True

    fault = None


@pytest.fixture
def server() -> Iterator[TapServer]:
    """A service with 4,000 stars at l 358 to 2, b -2 to 1."""
    with TapServer(Sky((358, 362), (-2, 1))) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield running
        running.shutdown()
