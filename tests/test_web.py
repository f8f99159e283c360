import sys
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import urllib3

from milkyway_cnn import __version__
from milkyway_cnn.errors import InputError, ServiceError
from milkyway_cnn.web import Patience, Unreadable, http_status, library, one_line, root_cause, session


def refused(status: int, **headers: str) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers)
    return requests.HTTPError(f"{status} for you", response=response)


class Wrapped(Exception):
    """As pyvo wraps what requests raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"wrapped {cause}")
        self.cause = cause


def asked(failures: list[Exception], attempts: int = 4) -> tuple[str, list[float]]:
    naps: list[float] = []
    waiting = deque(failures)

    def request() -> str:
        if waiting:
            raise waiting.popleft()
        return "answer"

    return Patience(attempts, first=1.0, longest=3.0, sleep=naps.append).ask("the service", request), naps


@pytest.mark.parametrize(
    "failure",
    [
        requests.ConnectionError("gone"), requests.Timeout("slow"), requests.exceptions.ChunkedEncodingError("cut"),
        urllib3.exceptions.ProtocolError("cut"), ConnectionResetError("reset"), Unreadable("half a table"),
        refused(408), refused(429), refused(500), refused(503), Wrapped(refused(502)), Wrapped(Wrapped(refused(504))),
    ],
)  # fmt: skip
def test_what_may_pass_is_tried_again_after_growing_pauses(failure: Exception) -> None:
    assert asked([failure] * 3) == ("answer", [1.0, 2.0, 3.0])
    with pytest.raises(
        ServiceError, match=r"^the service did not give its answer in 4 attempts \(.*\); see whether"
    ) as error:
        asked([failure] * 4)
    assert error.value.__cause__ is failure and str(error.value).endswith("it goes on from here")


@pytest.mark.parametrize(
    "failure", [refused(400), refused(401), refused(404), refused(501), Wrapped(refused(403)), KeyError()]
)
def test_a_refusal_goes_through_at_once(failure: Exception) -> None:
    with pytest.raises(type(failure)) as error:
        asked([failure])
    assert error.value is failure


def test_the_pause_that_a_service_asks_for_is_kept() -> None:
    assert asked([refused(429, **{"Retry-After": "7"})])[1] == [7.0]
    assert asked([refused(503, **{"Retry-After": "86400"})])[1] == [600.0]
    assert asked([refused(503, **{"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})])[1] == [1.0]


def test_what_errors_say() -> None:
    assert one_line(ValueError("one\ntwo")) == "one" and one_line(ValueError()) == "ValueError"
    assert len(one_line("x" * 500)) == 200
    assert http_status(Wrapped(refused(404))) == 404 and http_status(ValueError()) == 0
    assert isinstance(root_cause(Wrapped(Wrapped(KeyError()))), KeyError)


def test_a_library_that_is_not_installed_is_one_sentence(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvo", None)
    with pytest.raises(InputError, match=r"downloads need pyvo, .* pip install 'milkyway-cnn\[data\]'"):
        library("pyvo")


def test_a_session_says_who_asks_waits_not_without_end_and_keeps_its_connection() -> None:
    seen, quiet = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words) -> None:
            pass

        def do_GET(self) -> None:
            seen.append((self.headers["User-Agent"], self.client_address))
            if self.path == "/silence":
                quiet.wait(60)
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"x" * 100_000)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        with session() as opened:
            for _ in range(3):
                opened.get(address, stream=True)  # and nobody reads it
        with session(timeout=(20.0, 0.1)) as hasty, pytest.raises(requests.Timeout):
            hasty.get(f"{address}/silence")
        quiet.set()
        server.shutdown()
    assert all(agent.startswith(f"milkyway-cnn/{__version__} ") for agent, _ in seen)
    assert len({client for _, client in seen[:3]}) == 1
