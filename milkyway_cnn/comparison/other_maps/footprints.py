"""Where published maps have values, to be drawn over our views."""

from __future__ import annotations

from functools import cache

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Footprint

__all__ = ["FOOTPRINTS", "footprint"]

#: Names of the maps whose borders are known.
FOOTPRINTS = ("founding-work", "marshall2006", "bayestar2019", "decaps2025", "edenhofer2024")


@cache
def footprint(name: str) -> Footprint:
    """Border of a published map.

    The founding work: arXiv:2201.05571, abstract. Marshall et al. 2006: |l| <= 100, |b| <= 10 deg. Bayestar 2019: north
    of declination -30 deg. DECaPS (Zucker et al. 2025, arXiv:2503.02657): 239 < l < 6, |b| < 10 deg, to some 10 kpc.
    Edenhofer et al. 2024: the whole sky to 1.25 kpc. Where no end in distance is given the reach is inf.

    Raises
    ------
    InputError
        For another name than those of `FOOTPRINTS`.
    """
    match name:
        case "founding-work":
            return Footprint.of_region("Cornu et al. 2022", (257.0, 303.0, -5.0, 5.0), 10.0)
        case "marshall2006":
            return Footprint.of_region("Marshall et al. 2006", (-100.0, 100.0, -10.0, 10.0))
        case "decaps2025":
            return Footprint.of_region("DECaPS, Zucker et al. 2025", (239.0, 366.0, -10.0, 10.0), 10.0)
        case "edenhofer2024":
            return Footprint("Edenhofer et al. 2024", (), (), (0.0, 360.0), 1.25)
        case "bayestar2019":
            return _north_of("Bayestar, Green et al. 2019", -30.0)
    msg = f"there is no footprint {name!r}; choose one of {', '.join(FOOTPRINTS)}"
    raise InputError(msg)


def _north_of(name: str, declination: float) -> Footprint:
    """Border of a map that ends at a declination (deg)."""
    from astropy.coordinates import SkyCoord

    ra = np.linspace(0.0, 360.0, 721)
    border = SkyCoord(ra, np.full_like(ra, declination), unit="deg", frame="icrs").galactic
    l = np.unwrap(border.l.deg, period=360.0)
    plane = SkyCoord(np.arange(0.0, 360.0, 0.05), 0.0, unit="deg", frame="galactic")
    seen = plane.icrs.dec.deg > declination
    begin = int(np.flatnonzero(seen & ~np.roll(seen, 1))[0])
    along = (float(plane.l.deg[begin]), float(plane.l.deg[begin] + 0.05 * seen.sum()))
    return Footprint(name, tuple(l.tolist()), tuple(border.b.deg.tolist()), along)
