"""Ask services on the network politely: limits of time, growing pauses between attempts, one sentence at the end."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from milkyway_cnn import __version__
from milkyway_cnn.errors import InputError, ServiceError

if TYPE_CHECKING:
    import requests

__all__ = ["Patience", "Unreadable", "http_status", "library", "one_line", "root_cause", "session"]

T = TypeVar("T")

#: HTTP statuses that say "later": time-out, too early, too many requests. From 500 on all do, except these.
_LATER, _NEVER = frozenset({408, 425, 429}), frozenset({501, 505})


class Unreadable(Exception):
    """A reply that is not what was asked for: empty, cut off, or a page for a browser."""


@dataclass(frozen=True)
class Patience:
    """How often and how long to wait for a service.

    Parameters
    ----------
    attempts
        of each single request, before giving up.
    first, longest
        pause after the first failed attempt, and the longest pause (s); each pause is twice the one before. The
        looks at a running job are spaced by the same pauses.
    sleep
        what waits; tests put a clock of their own here.
    """

    attempts: int = 6
    first: float = 1.0
    longest: float = 30.0
    sleep: Callable[[float], Any] = time.sleep

    def pauses(self) -> Iterator[float]:
        """Yield the pauses without end."""
        pause = self.first
        while True:
            yield pause
            pause = min(2.0 * pause, self.longest)

    def ask(self, service: str, request: Callable[[], T]) -> T:
        """Return what a request returns, repeating it while the failure may pass.

        Parameters
        ----------
        service
            its name, for the error.
        request
            raises exceptions of requests, urllib3 or pyvo, or `Unreadable`.

        Raises
        ------
        ServiceError
            when the last attempt failed; a failure that cannot pass (a refusal) goes through as it is.
        """
        for attempt, pause in enumerate(self.pauses(), 1):
            try:
                return request()
            except Exception as error:
                if not _may_pass(error):
                    raise
                if attempt == self.attempts:
                    msg = (
                        f"{service} did not give its answer in {attempt} attempts ({one_line(error)}); see whether the "
                        "network is there, and give the same command again later: it goes on from here"
                    )
                    raise ServiceError(msg) from error
                self.sleep(max(pause, _asked_pause(error)))
        raise AssertionError


def session(timeout: tuple[float, float] = (20.0, 120.0)) -> requests.Session:
    """Open a session that names this package to the service and never waits without end.

    Parameters
    ----------
    timeout
        seconds until a connection must stand, and between two packets of an answer.
    """
    base: Any = library("requests").Session

    class Limited(base):
        previous = None

        def request(self, *words: Any, **options: Any) -> requests.Response:
            if options.get("timeout") is None:
                options["timeout"] = timeout
            self.finish()
            self.previous = super().request(*words, **options)
            return self.previous

        def finish(self) -> None:
            """Read what nobody read of the previous reply, so that its connection is free again."""
            if self.previous is not None:
                self.previous.raw.drain_conn()
                self.previous.close()

        def close(self) -> None:
            self.finish()
            super().close()

    opened = Limited()
    opened.headers["User-Agent"] = f"milkyway-cnn/{__version__} {opened.headers['User-Agent']}"
    return opened


def library(name: str) -> Any:
    """Import a library of the extra ``data``.

    Raises
    ------
    InputError
        when it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        msg = f"downloads need {name}, which is not installed; install it with: pip install 'milkyway-cnn[data]'"
        raise InputError(msg) from None


def one_line(error: object) -> str:
    """Return the first line of what an error says, at most 200 characters, with a name for a mute one."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= 200 else lines[0][:197] + "..."


def http_status(error: BaseException) -> int:
    """Return the HTTP status with which a service refused, 0 where no status came."""
    response = getattr(root_cause(error), "response", None)
    return 0 if response is None else int(response.status_code)


def root_cause(error: BaseException) -> BaseException:
    """Return the exception inside those of pyvo, which name it `cause`."""
    cause = getattr(error, "cause", None)
    return root_cause(cause) if isinstance(cause, BaseException) else error


def _may_pass(error: BaseException) -> bool:
    import requests
    import urllib3

    status = http_status(error)
    if status:
        return status in _LATER or (status >= 500 and status not in _NEVER)
    passing = Unreadable | requests.RequestException | urllib3.exceptions.HTTPError | ConnectionError | TimeoutError
    return isinstance(root_cause(error), passing)


def _asked_pause(error: BaseException) -> float:
    """Return the seconds that the service asks for by ``Retry-After``, at most ten minutes."""
    response = getattr(root_cause(error), "response", None)
    asked = "" if response is None else response.headers.get("Retry-After", "")
    return min(float(asked), 600.0) if asked.isdigit() else 0.0
