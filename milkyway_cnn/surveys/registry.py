"""The surveys that this package knows, by name and by band."""

from __future__ import annotations

from collections.abc import Iterable

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys import gaia, panstarrs, twomass
from milkyway_cnn.surveys.survey import Survey

__all__ = ["BANDS", "SURVEYS", "survey_named", "usable_bands"]

#: Name -> survey.
SURVEYS = {survey.name: survey for survey in (twomass.SURVEY, gaia.DR3, gaia.DR2, panstarrs.SURVEY)}
#: All bands, in the order of tables.
BANDS = (*twomass.SURVEY.bands, *gaia.BANDS, *panstarrs.SURVEY.bands)


def survey_named(name: str) -> Survey:
    """Return the survey of this name.

    Raises
    ------
    InputError
        When none is called so.
    """
    if name not in SURVEYS:
        msg = f"there is no survey {name!r}; choose from {', '.join(SURVEYS)}"
        raise InputError(msg)
    return SURVEYS[name]


def usable_bands(bands: Iterable[str]) -> tuple[str, ...]:
    """Return the bands, once each and in the order of tables.

    Raises
    ------
    InputError
        When one of them is unknown.
    """
    bands = (bands,) if isinstance(bands, str) else tuple(bands)
    for band in bands:
        if band not in BANDS:
            msg = f"there is no band {band!r}; choose from {', '.join(BANDS)}"
            raise InputError(msg)
    return tuple(band for band in BANDS if band in bands)
