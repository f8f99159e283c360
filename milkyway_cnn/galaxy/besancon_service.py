"""The Besancon model's service: accounts, and jobs that are made, run, watched, read and deleted.

The service (model m1612) is IVOA UWS 1.0 over HTTP with an account. Its addresses, parameters and results are those of
its own client, `galmod_client.py` 1.0 (2019), and of others' calls; it could not be tried where this was written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit
from xml.etree import ElementTree

from milkyway_cnn.errors import InputError, ServiceError
from milkyway_cnn.web import Patience, Unreadable, http_status, library, one_line

if TYPE_CHECKING:
    import requests

__all__ = ["ADDRESS", "Account", "BesanconService", "Gone", "Job", "account"]

T = TypeVar("T")

ADDRESS = "https://model.obs-besancon.fr/ws"
_HREF = "{http://www.w3.org/1999/xlink}href"


class Gone(ServiceError):
    """A job that the service has no more."""


@dataclass(frozen=True)
class Account:
    """Who asks the service; the password is in no representation of it."""

    user: str
    password: str = field(repr=False)


def account() -> Account:
    """Return the account from BESANCON_USER and BESANCON_PASSWORD, or from the keyring of the system.

    Raises
    ------
    InputError
        When neither has it.
    """
    user, password = (os.environ.get(name, "") for name in ("BESANCON_USER", "BESANCON_PASSWORD"))
    host = urlsplit(ADDRESS).hostname
    if not (user and password):
        keyring = library("keyring")
        try:
            found = keyring.get_credential(host, user or None)
        except keyring.errors.KeyringError:  # a machine without any
            found = None
        if found is not None:
            user, password = found.username, found.password
    if not (user and password):
        msg = (
            "the Besancon service needs an account, and there is none in BESANCON_USER and BESANCON_PASSWORD or in the "
            f"keyring; register at {ADDRESS}/subscribe.php, and set these or say: keyring set {host} NAME"
        )
        raise InputError(msg)
    return Account(user, password)


@dataclass(frozen=True)
class Job:
    """A job as the service describes it: its number, its phase, addresses of its results, and its error."""

    number: str
    phase: str
    results: Mapping[str, str]
    message: str


@dataclass(frozen=True)
class BesanconService:
    """The service, asked with an account over one session."""

    session: requests.Session
    account: Account
    address: str = ADDRESS
    patience: Patience = field(default_factory=Patience)

    def create(self) -> str:
        """Make a job that does not run yet, and return its number."""
        return self._job("POST", "/jobs").number

    def submit(self, number: str, parameters: Mapping[str, str]) -> None:
        """Give a job its parameters and run it."""
        self._job("POST", f"/jobs/{number}/parameters", dict(parameters))
        self._job("POST", f"/jobs/{number}/phase", {"PHASE": "RUN"})

    def job(self, number: str) -> Job:
        """Return a job; raise `Gone` when the service has it no more."""
        return self._job("GET", f"/jobs/{number}")

    def delete(self, number: str) -> None:
        """Delete a job, running or not; one that is gone already is as good."""
        with suppress(Gone):
            self._ask("DELETE", f"{self.address}/jobs/{number}").close()

    def jobs(self) -> dict[str, str]:
        """Return the phase of each job of the account."""
        tree = self._tree("GET", f"{self.address}/jobs", {})
        found = [_described(element) for element in [*tree.findall("{*}job"), *tree.findall("{*}jobref")]]
        return {job.number: job.phase for job in found}

    def lines(self, job: Job) -> Iterator[bytes]:
        """Yield the lines of a job's output; `Unreadable` when it is cut off."""
        if "output" not in job.results:
            msg = f"the Besancon service kept no output of job {job.number}; give the same command to run it anew"
            raise ServiceError(msg)
        # What the service calls its own address may differ, and the password goes to no other.
        own, told = urlsplit(self.address), urlsplit(job.results["output"])
        if told.hostname not in (None, own.hostname):
            msg = f"the Besancon service sends to another place, {told.hostname}, which is given no password"
            raise ServiceError(msg)
        with self._ask("GET", urlunsplit((own.scheme, own.netloc, told.path, told.query, "")), stream=True) as reply:
            names, rest = 0, b""
            for chunk in reply.iter_content(1 << 20):
                *whole, rest = (rest + chunk).split(b"\n")
                if whole and not names:
                    names = len(whole[0].split(b"#", 1)[-1].split()) if b"#" in whole[0] else 0
                    if not names:
                        msg = f"no catalog, but {whole[0][:40]!r}"
                        raise Unreadable(msg)
                yield from whole
        if rest.strip() or not names:  # the last line may lack its end, but no value
            if not names or len(rest.split()) != names:
                msg = f"the output ends within the line {rest[:40]!r}"
                raise Unreadable(msg)
            yield rest

    def _job(self, method: str, path: str, data: Mapping[str, str] = MappingProxyType({})) -> Job:
        job = _described(self._tree(method, self.address + path, data))
        if not job.number:
            msg = "the Besancon service answered without a job; see whether its address has changed"
            raise ServiceError(msg)
        return job

    def _tree(self, method: str, address: str, data: Mapping[str, str]) -> ElementTree.Element:
        def once() -> ElementTree.Element:
            with self._once(method, address, data=dict(data) or None) as reply:
                try:
                    return ElementTree.fromstring(reply.content)
                except ElementTree.ParseError as error:
                    msg = f"a page of {len(reply.content):,} bytes that describes no job"
                    raise Unreadable(msg) from error

        return self._patiently(once)

    def _ask(self, method: str, address: str, **options: Any) -> requests.Response:
        return self._patiently(lambda: self._once(method, address, **options))

    def _once(self, method: str, address: str, **options: Any) -> requests.Response:
        words = (self.account.user, self.account.password)
        reply = self.session.request(method, address, auth=words, **options)
        reply.raise_for_status()
        return reply

    def _patiently(self, once: Callable[[], T]) -> T:
        import requests

        try:
            return self.patience.ask("the Besancon service", once)
        except requests.RequestException as error:
            status = http_status(error)
            if status in (401, 403):
                msg = (
                    f"the Besancon service refuses the account {self.account.user!r} ({status}); see BESANCON_USER and "
                    f"BESANCON_PASSWORD, or register at {ADDRESS}/subscribe.php"
                )
                raise InputError(msg) from None
            if status in (404, 410):
                msg = f"the Besancon service has it no more ({one_line(error)}); give the same command to run it anew"
                raise Gone(msg) from None
            msg = f"the Besancon service refused a request ({one_line(error)}); see whether it still is what it was"
            raise ServiceError(msg) from error


def _described(element: ElementTree.Element) -> Job:
    """Read a job, or a line of a list of jobs."""
    results = {result.get("id", ""): result.get(_HREF, "") for result in element.findall("{*}results/{*}result")}
    message = " ".join((element.findtext("{*}errorSummary/{*}message") or "").split())
    number = element.findtext("{*}jobId") or element.get("id") or ""
    return Job(number.strip(), (element.findtext("{*}phase") or "").strip(), results, message)
