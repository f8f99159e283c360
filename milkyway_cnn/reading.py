"""One call for any file of stars: a catalog of a survey, or an output of the Besancon model."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

from milkyway_cnn.errors import InputError
from milkyway_cnn.galaxy.besancon import BesanconCatalog, read_besancon
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.read import read_catalog

__all__ = ["is_besancon", "read"]


def read(path: str | Path, *, solid_angle: float | None = None, **options: Any) -> Catalog | BesanconCatalog:
    """Read a file of stars, whatever it holds.

    Parameters
    ----------
    path
        Any file that `surveys.read.read_catalog` or `galaxy.besancon.read_besancon` reads.
    solid_angle
        Of an output of the Besancon model that does not state it (square degrees).
    **options
        Of `read_catalog`: region, survey, columns, cuts, part.

    Returns
    -------
    The stars of a survey, as observed; or of the model, as they would be without extinction.

    Raises
    ------
    InputError
        When the file cannot be used, or an option does not fit what it holds.
    """
    if is_besancon(path):
        if options:
            msg = f"{path} is an output of the Besancon model, for which {', '.join(options)} has no meaning"
            raise InputError(msg)
        return read_besancon(path, solid_angle)
    if solid_angle is not None:
        msg = f"{path} is no output of the Besancon model; only for those solid_angle (={solid_angle:g}) has a meaning"
        raise InputError(msg)
    return read_catalog(path, **options)


def is_besancon(path: str | Path) -> bool:
    """Tell outputs of the Besancon model, in any of its formats, by their first lines; False where there is no file."""
    try:
        with Path(path).open("rb") as plain:
            zipped = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else Path(path).open("rb") as file:
            start = file.read(2000)
    except (OSError, EOFError, zlib.error):
        return False
    first = start.lstrip().partition(b"\n")[0]
    names = first.lstrip(b"#").replace(b",", b" ").split()
    return b"BESANCON MODEL" in start or {b"Dist", b"Mv", b"CL"} <= set(names)
