"""Galactic and photometric constants: each with its unit and its source."""

from __future__ import annotations

#: Distance of the Sun from the Galactic center (kpc). Besancon model of 2003, from its own output header.
R_SUN = 8.5
#: Height of the Sun above the Galactic plane (kpc). Besancon model of 2003, from its own output header.
Z_SUN = 0.015
#: Galactocentric radius at which discs and dust are cut off (kpc). Besancon model of 2003.
R_EDGE = 14.0
