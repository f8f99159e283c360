"""Tracers from VizieR, by its TAP service; fetched when asked for, and kept."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from milkyway_cnn.comparison.tracers.read import recognize
from milkyway_cnn.errors import InputError, ServiceError
from milkyway_cnn.storage import replacing, user_cache
from milkyway_cnn.surveys.tap import TapService, TooMuch
from milkyway_cnn.web import Patience, session

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["CATALOGS", "TracerCatalog", "fetch"]

_VIZIER = "https://tapvizier.cds.unistra.fr/TAPVizieR/tap"


@dataclass(frozen=True)
class TracerCatalog:
    """A published catalog of tracers in VizieR.

    Parameters
    ----------
    table
        Its name in VizieR.
    kind
        What it lists.
    source
        Its paper.
    """

    table: str
    kind: str
    source: str


#: By the names that `fetch` takes. The tables' names are those under which others use them; none could be asked for
#: where this was written.
CATALOGS = {
    "wise": TracerCatalog("J/ApJS/212/1/wisecat", "H II region", "Anderson et al. 2014, ApJS 212, 1"),
    "hou-han": TracerCatalog("J/A+A/569/A125/tablea1", "H II region", "Hou & Han 2014, A&A 569, A125"),
    "clusters": TracerCatalog("J/A+A/673/A114/clusters", "cluster", "Hunt & Reffert 2023, A&A 673, A114"),
    "young-clusters": TracerCatalog("J/A+A/640/A1/table1", "cluster", "Cantat-Gaudin et al. 2020, A&A 640, A1"),
}


def fetch(
    name: str | TracerCatalog,
    *,
    cache: str | Path | None = None,
    service: str = _VIZIER,
    patience: Patience | None = None,
) -> Table:
    """Return a published catalog, from the cache or else from VizieR.

    Parameters
    ----------
    name
        One of `CATALOGS`, or another table of VizieR.
    cache
        Folder in which it is kept, as ECSV; the user's cache by default.
    service, patience
        Address of the TAP service, and how patiently it is asked.

    Raises
    ------
    InputError
        When there is no such name, or pyvo is not installed.
    ServiceError
        When the service refuses or does not answer; the same call goes on from there.
    """
    if isinstance(name, str) and name not in CATALOGS:
        msg = f"there is no catalog {name!r} of tracers; choose one of {', '.join(CATALOGS)}, or give a TracerCatalog"
        raise InputError(msg)
    catalog = CATALOGS[name] if isinstance(name, str) else name
    folder = Path(cache) if cache else user_cache() / "tracers"
    key = hashlib.sha256(json.dumps([service, catalog.table]).encode()).hexdigest()[:24]
    path = folder / f"{key}.ecsv"
    if path.exists():
        from astropy.table import Table

        return Table.read(path, format="ascii.ecsv")
    folder.mkdir(parents=True, exist_ok=True)
    with session() as opened:
        vizier = TapService("VizieR", service, 1_000_000, opened, patience or Patience())
        job = path.with_suffix(".job")
        try:
            rows = vizier.rows(f'SELECT * FROM "{catalog.table}"', job)
        except TooMuch as error:
            msg = f"VizieR does not give {catalog.table} in one piece ({error}); download it there and use tracers.read"
            raise ServiceError(msg) from None
        vizier.forget(job)
    found = recognize(rows, catalog.table, catalog.kind)
    found.meta["source"] = f"{catalog.source} (VizieR {catalog.table})"
    with replacing(path) as part:
        found.write(part, format="ascii.ecsv")
    return found
