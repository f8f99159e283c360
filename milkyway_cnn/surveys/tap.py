"""One query to a TAP service: an asynchronous job that outlives the process that asked for it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milkyway_cnn.errors import ServiceError
from milkyway_cnn.storage import replacing
from milkyway_cnn.web import Patience, Unreadable, http_status, library, one_line, root_cause

if TYPE_CHECKING:
    import requests
    from astropy.table import Table

__all__ = ["TapService", "TooMuch"]

#: What services say when a query took longer than they allow; a smaller one may pass.
_TOO_LONG = re.compile(r"time.?out|timed out|time limit|too long|canceling statement|execution duration", re.IGNORECASE)
#: Refusals by which a service says that it has no asynchronous jobs.
_NO_JOBS = frozenset({404, 405, 501})


class TooMuch(Exception):
    """The service has more rows than it gives at once, or would compute for longer than it allows."""


@dataclass(frozen=True)
class TapService:
    """A TAP service, and how patiently it is asked.

    Parameters
    ----------
    name
        For errors.
    address
        Base address, without ``/async``.
    row_limit
        MAXREC of every query.
    session
        Carries the requests; see `milkyway_cnn.web.session`.
    patience
        Attempts and pauses.
    """

    name: str
    address: str
    row_limit: int
    session: requests.Session
    patience: Patience = field(default_factory=Patience)

    def rows(self, adql: str, job_file: Path, watch: Callable[[str], None] = lambda phase: None) -> Table:
        """Return all rows of a query.

        Parameters
        ----------
        adql
            The query.
        job_file
            Holds the address of the job from before it runs until `forget`: after a kill the same call goes on with
            the same job.
        watch
            Is told the phase of the job at each look.

        Raises
        ------
        TooMuch
            When the service cut the rows off or gave up for want of time; half of the query may pass.
        ServiceError
            When the service refuses the query, or does not answer after all patience.
        """
        dal = library("pyvo").dal
        try:
            job = self._job(dal, adql, job_file)
            if job is None:
                return self._complete(self._ask(lambda: self._service(dal).run_sync(adql, maxrec=self.row_limit)))
            self._wait(job, watch)
            return self._complete(self._ask(job.fetch_result))
        except ServiceError:
            raise  # the job goes on; the next call asks for it again
        except (TooMuch, dal.DALQueryError) as error:
            self.forget(job_file)
            if isinstance(error, TooMuch) or _TOO_LONG.search(str(error)):
                raise TooMuch(str(error)) from None
            msg = f"{self.name} refused a query ({one_line(error)}); the query was: {adql}"
            raise ServiceError(msg) from error
        except dal.DALServiceError as error:
            self.forget(job_file)
            msg = f"{self.name} refused a request ({one_line(error)}); see whether {self.address} is still its address"
            raise ServiceError(msg) from error

    def forget(self, job_file: Path) -> None:
        """Delete a job at the service, if it is there still, and its file."""
        import requests

        if job_file.exists():
            with suppress(requests.RequestException):  # it expires by itself
                self.session.delete(job_file.read_text(), allow_redirects=False).close()
            job_file.unlink()

    def _service(self, dal: Any) -> Any:
        return dal.TAPService(self.address, session=self.session)

    def _job(self, dal: Any, adql: str, job_file: Path) -> Any:
        """Return the job of an earlier process or a new one; None where the service has none."""

        def job(address: str) -> Any:
            return self._ask(lambda: dal.AsyncTAPJob(address, session=self.session))

        if job_file.exists():
            try:
                return job(job_file.read_text())
            except dal.DALServiceError:  # it expired
                job_file.unlink()
        try:
            address = self._ask(lambda: self._submitted(dal, adql))
        except dal.DALServiceError as error:
            if http_status(error) in _NO_JOBS:
                return None
            raise
        with replacing(job_file) as part:
            part.write_text(address)
        return job(address)

    def _submitted(self, dal: Any, adql: str) -> str:
        """Make a job that does not run yet, and return its address."""
        with self._service(dal).create_query(adql, mode="async", maxrec=self.row_limit).submit() as reply:
            reply.raise_for_status()
            if not reply.history:
                msg = f"no job but a page of {len(reply.content):,} bytes"
                raise Unreadable(msg)
            return str(reply.url)

    def _wait(self, job: Any, watch: Callable[[str], None]) -> None:
        """Start the job unless it has been, and look at it in growing pauses until it has ended."""
        for pause in self.patience.pauses():
            phase = self._ask(lambda: job.phase)
            watch(phase)
            if phase in ("COMPLETED", "ERROR"):
                job.raise_if_error()
                return
            if phase == "ABORTED":
                msg = "the service aborted the job"
                raise TooMuch(msg)
            if phase == "PENDING":
                self._ask(job.run)
            self.patience.sleep(pause)

    def _ask(self, request: Callable[[], Any]) -> Any:
        """Repeat a request of pyvo; what it cannot read counts as a reply that was cut off."""
        dal = library("pyvo").dal
        import requests
        import urllib3

        def once() -> Any:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # dialects of VOTable, and the overflow that is looked at below
                    return request()
            except (dal.DALQueryError, dal.DALServiceError, urllib3.exceptions.HTTPError, Unreadable, MemoryError):
                raise
            except Exception as error:
                if status := http_status(error):
                    raise dal.DALServiceError(one_line(error), status, root_cause(error)) from error
                if isinstance(error, requests.RequestException):
                    raise
                # What parsers raise on damaged replies has no common base.
                msg = f"unreadable reply: {one_line(error)}"
                raise Unreadable(msg) from error

        return self.patience.ask(self.name, once)

    def _complete(self, results: Any) -> Table:
        if results.status[0].lower() == "overflow" or len(results) >= self.row_limit:
            msg = f"more than {len(results):,} rows"
            raise TooMuch(msg)
        return results.to_table()
