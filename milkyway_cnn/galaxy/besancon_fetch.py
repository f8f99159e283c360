"""Ask the Besancon model for stars of a direction: submit, wait, fetch what it made, delete the job."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from milkyway_cnn import progress
from milkyway_cnn.errors import InputError, ServiceError
from milkyway_cnn.galaxy.besancon import read_besancon
from milkyway_cnn.galaxy.besancon_service import ADDRESS, BesanconService, Gone, Job, account
from milkyway_cnn.storage import locked, replacing, user_cache
from milkyway_cnn.web import Patience, session

__all__ = ["Direction", "delete_besancon", "fetch_besancon", "parse_direction"]

#: Bands in the order in which the service wants limits and error laws; the first is the one that colors refer to.
_BANDS = ("V", "B", "U", "R", "I", "J", "H", "K", "L")
#: Quantities whose errors the service would add.
_ERRORS = ("HRV", "PM1", "PM2", "Teff", "Logg", "AlphaFe", "Met", "Age", "Mass")
_STEM = "# Besancon model m1612 as it was asked for: "


@dataclass(frozen=True)
class Direction:
    """What the model is asked for: the stars of one direction, without errors.

    Parameters
    ----------
    l, b
        Galactic direction (deg).
    solid_angle
        Square degrees.
    faintest_K
        Stars to this magnitude; those that the survey may see, without dust.
    farthest
        kpc.
    further
        Parameters of the service by its own names, over those chosen here.
    """

    l: float
    b: float
    solid_angle: float
    faintest_K: float = 16.0
    farthest: float = 25.0
    further: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not (-360 <= self.l <= 360 and -90 <= self.b <= 90):
            msg = f"direction l={self.l:g}, b={self.b:g} deg is not on the sky; give -360 <= l <= 360, -90 <= b <= 90"
            raise InputError(msg)
        if not 0 < self.solid_angle <= 10:
            msg = f"the solid angle {self.solid_angle:g} must be above 0 and at most 10 square degrees; ask for less"
            raise InputError(msg)
        if not 0 < self.farthest <= 200:
            msg = f"the farthest distance {self.farthest:g} must be above 0 and at most 200 kpc; 25 holds the disc"
            raise InputError(msg)
        if not -10 < self.faintest_K <= 30:
            msg = f"the faintest K magnitude {self.faintest_K:g} must lie between -10 and 30; 16 suits 2MASS"
            raise InputError(msg)

    @property
    def parameters(self) -> dict[str, str]:
        """Parameters of the job.

        Notes
        -----
        A small field (KLEG 1) in Galactic coordinates (KLEH 1), a catalog in V, J-K, H-K and V-K, no errors, no mail.
        The limit in K stands at K's own place, which the order of `_BANDS` leaves without doubt since V is the
        reference. No parameter is known that would switch extinction off; `fetch_besancon` tells when there is any.
        """
        none = ",".join(["0.0"] * len(_BANDS))
        limits = {"K": f"{self.faintest_K:g}"}
        return {
            "KLEH": "1",
            "KLEG": "1",
            "SOLI": f"{self.solid_angle:g}",
            "Coor1_min": f"{self.l % 360:.6g}",
            "Coor1_max": f"{self.l % 360:.6g}",
            "Coor2_min": f"{self.b:.6g}",
            "Coor2_max": f"{self.b:.6g}",
            "Dist_min": "0",
            "Dist_max": f"{self.farthest:g}",
            "Dist_step": "0.1",
            "ref_filter": "V",
            "acol": "J-K,H-K,V-K",
            "band_min": ",".join(["-99.0"] * len(_BANDS)),
            "band_max": ",".join(limits.get(band, "99.0") for band in _BANDS),
            **{f"errBand_{letter}": none for letter in "ABC"},
            **{f"err{name}_A": "0.0" for name in _ERRORS},
            "sendmail": "0",
            **self.further,
        }


def parse_direction(text: str) -> tuple[float, float]:
    """Read l and b (deg) from ``l,b``."""
    try:
        l, b = (float(word) for word in text.split(","))
    except ValueError:
        msg = f"direction {text!r} must be l,b in degrees, such as 280,-0.5"
        raise InputError(msg) from None
    return l, b


def fetch_besancon(
    direction: Direction,
    output: str | Path,
    *,
    address: str = ADDRESS,
    patience: Patience | None = None,
    cache: Path | None = None,
) -> str:
    """Fetch the model's stars of one direction into a file that `read_besancon` reads.

    Parameters
    ----------
    direction
        What is asked for.
    output
        The file: what the service gave, and at its end, after '#', the solid angle, the parameters and the number of
        stars. A file that holds the same already is left as it is.
    address, patience
        Of the service, and with it.
    cache
        Folder of the lock that keeps to one job at a time, as the service asks for; the user's cache by default.

    Returns
    -------
    str
        One line on what the file holds.

    Raises
    ------
    InputError
        When there is no account or it is refused, or the output would overwrite another file.
    ServiceError
        When the model failed, or the service does not answer after all patience; the same call goes on from there.

    Notes
    -----
    The number of the job is kept beside the output, in ``.NAME.job``, from before it runs until its output is on disk:
    killed at any time, the same call goes on with the same job, which is deleted at the service at the end.
    """
    output = Path(output)
    asked = _STEM + json.dumps(direction.parameters, sort_keys=True)
    if output.exists():
        if asked not in _tail(output):
            msg = f"{output} is there and holds something else; choose another place with --output"
            raise InputError(msg)
        with suppress(InputError, ServiceError):  # a job that a kill left there expires by itself
            delete_besancon(output, address=address, patience=patience, cache=cache)
        return _checked(output) + ", fetched before"
    with _service(address, patience, cache) as service:
        job_file = _job_file(output)
        with progress.bar(f"Besancon {direction.l:g} {direction.b:g}", unit="stars") as bar:
            try:
                job = _ended(service, asked, direction, job_file, bar)
                service.patience.ask(
                    "the Besancon service", lambda: _write(service, job, direction, asked, output, bar)
                )
            except Gone:
                job_file.unlink()
                raise
        with suppress(ServiceError):
            service.delete(job.number)
        job_file.unlink()
    return _checked(output)


def delete_besancon(
    output: str | Path, *, address: str = ADDRESS, patience: Patience | None = None, cache: Path | None = None
) -> bool:
    """Delete the job that an unfinished call left for an output, and return whether there was one."""
    job_file = _job_file(Path(output))
    if not job_file.exists():
        return False
    with _service(address, patience, cache) as service:
        service.delete(json.loads(job_file.read_text())["job"])
        job_file.unlink()
    return True


@contextmanager
def _service(address: str, patience: Patience | None, cache: Path | None) -> Iterator[BesanconService]:
    """Open the service for this process alone."""
    chosen = account()
    folder = cache or user_cache()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "besancon.lock") as held, session() as opened:
        if not held:
            msg = "another command is at work with the Besancon service, which asks for one job at a time; wait for it"
            raise InputError(msg)
        yield BesanconService(opened, chosen, address, patience or Patience())


def _job_file(output: Path) -> Path:
    return output.with_name(f".{output.name}.job")


def _ended(service: BesanconService, asked: str, direction: Direction, job_file: Path, bar: progress.Bar) -> Job:
    """Wait for the end of the job of an earlier call, or of a new one."""
    job = _earlier(service, asked, job_file)
    if job is None:
        number = service.create()
        with replacing(job_file) as part:
            part.write_text(json.dumps({"job": number, "asked": asked}))
        job = service.job(number)
    if job.phase == "PENDING":
        service.submit(job.number, direction.parameters)
    for pause in service.patience.pauses():
        job = service.job(job.number)
        bar.update(0, job=job.phase.lower())
        if job.phase == "COMPLETED":
            return job
        if job.phase in ("ERROR", "ABORTED"):
            service.delete(job.number)
            job_file.unlink()
            msg = f"the Besancon model ended with {job.phase} ({job.message or 'without a word'}); see the parameters"
            raise ServiceError(msg)
        service.patience.sleep(pause)
    raise AssertionError


def _earlier(service: BesanconService, asked: str, job_file: Path) -> Job | None:
    """Return the job of an earlier call for the same; one for something else is deleted."""
    if not job_file.exists():
        return None
    left = json.loads(job_file.read_text())
    try:
        if left["asked"] == asked:
            return service.job(left["job"])
        service.delete(left["job"])
    except Gone:  # it expired
        pass
    job_file.unlink()
    return None


def _write(
    service: BesanconService, job: Job, direction: Direction, asked: str, output: Path, bar: progress.Bar
) -> None:
    """Write the output of a job and what it does not say itself."""
    stars = 0
    with replacing(output) as part, part.open("wb") as file:
        for line in service.lines(job):
            file.write(line + b"\n")
            if line.strip() and not line.startswith(b"#"):
                stars += 1
                if stars % 10_000 == 0:
                    bar.update(10_000)
        file.write(f"# Solid angle {direction.solid_angle:g} square degree\n{asked}\n".encode())
        file.write(f"# TOTAL NUMBER OF STARS : {stars}\n".encode())
    bar.update(stars % 10_000)


def _tail(path: Path) -> list[str]:
    """Return the last lines of a file."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8192))
        return file.read().decode(errors="replace").splitlines()


def _checked(output: Path) -> str:
    """Read the output as the chain will; say what it holds, and what makes it no stand-in for the dust-free Galaxy."""
    catalog = read_besancon(output)
    where = f"l {catalog.l:g}, b {catalog.b:g} in {catalog.solid_angle:g} square degrees"
    said = f"{output}: {len(catalog):,} stars at {where}"
    if (dimmed := float(catalog.A_V.max())) > 0:
        said += (
            f"; they come with extinction up to A_V {dimmed:.2f}, and those that it dims beyond the limit are missing: "
            "ask for a fainter limit, or without extinction with --set"
        )
    return said
