"""Outputs of the Besancon model itself: read any of its formats, and draw from them in place of the synthesis.

The catalogs of 2003 are fixed-width tables below a header that states every parameter of the model; those of the
present service (version m1612) are tables below one '#' line; others keep either as CSV. Magnitudes and colors in them
are those behind the extinction Av of each row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.galaxy.besancon_formats import read_table
from milkyway_cnn.galaxy.photometry import SUN_BOLOMETRIC, colors

__all__ = ["BesanconCatalog", "BesanconModel", "read_besancon"]

#: A_band / A_V of the model, from the line "System" of its header, read as E(V - band) / A_V = 0.718, 0.824, 0.892.
_LAW = {"J": 0.282, "H": 0.176, "K": 0.108}
#: Names of a quantity in the formats, and what stands for it where the file has none; None: it must have it.
_NAMES: dict[str, tuple[tuple[str, ...], float | None]] = {
    "distance": (("Dist",), None),
    "l": (("l", "longitude"), np.nan),
    "b": (("b", "latitude"), np.nan),
    "component": (("Pop", "Age"), None),  # Age numbers the component in 2003, where there is no Pop
    "luminosity_class": (("CL",), None),
    "log_g": (("logg",), None),
    "metallicity": (("[Fe/H]", "[M/H]"), None),
    "mass": (("Mass",), None),
    "bolometric": (("Mbol",), 0.0),  # which the model itself writes where it has none
    "A_V": (("Av",), 0.0),
}


@dataclass(frozen=True, eq=False)
class BesanconCatalog:
    """Stars of one output of the Besancon model, as they would be without extinction.

    Parameters
    ----------
    path
        The file.
    l, b, solid_angle
        Direction (deg, the median of the rows) and square degrees.
    distance
        kpc; the model gives the middles of its steps.
    J, H, Ks
        Apparent magnitudes without extinction, in the model's system (Johnson), not transformed to that of 2MASS.
    component
        1 to 7 for the age classes of the thin disc, 8 thick disc, 9 spheroid, 10 bulge. The service m1612 has an older
        thick disc besides, number 11 there, which is 8 here too.
    luminosity_class
        1 supergiant to 5 dwarf, 6 white dwarf, 7 pre-main-sequence.
    log_luminosity, log_teff, log_g, mass, metallicity
        log10 of solar (NaN where the file has none), log10 K, log10 cgs, Msun, [Fe/H].
    A_V
        The extinction that was taken out (mag).
    supplied
        Bands that the file lacks and that follow from Teff, log g and [Fe/H] instead.
    left_out
        Rows without a K magnitude.
    """

    path: Path
    l: float
    b: float
    solid_angle: float
    distance: np.ndarray
    J: np.ndarray
    H: np.ndarray
    Ks: np.ndarray
    component: np.ndarray
    luminosity_class: np.ndarray
    log_luminosity: np.ndarray
    log_teff: np.ndarray
    log_g: np.ndarray
    mass: np.ndarray
    metallicity: np.ndarray
    A_V: np.ndarray
    supplied: tuple[str, ...]
    left_out: int

    def __len__(self) -> int:
        return self.distance.size


def read_besancon(path: str | Path, solid_angle: float | None = None) -> BesanconCatalog:
    """Read an output of the Besancon model, compressed by gzip or not, and take its extinction out.

    Parameters
    ----------
    path
        A catalog of the 2003 form, of the service m1612 (one '#' line of names), or either as CSV.
    solid_angle
        Square degrees; it must be given where the file does not state it, as the catalogs of 2003 and those of
        `besancon_fetch` do.

    Raises
    ------
    InputError
        When the file is none of these, lacks a column or a K magnitude, is cut off, or has no solid angle.
    """
    path = Path(path)
    columns, stated = read_table(path)
    solid_angle = solid_angle or stated
    if not solid_angle or not solid_angle > 0.0:
        msg = f"{path.name} does not state its solid angle; give the square degrees that the model was asked for"
        raise InputError(msg)
    quantities = {}
    rows = next(iter(columns.values())).size
    for name, (choices, missing) in _NAMES.items():
        known = [choice for choice in choices if choice in columns]
        if missing is None and not known:
            msg = f"{path.name} has no column {' or '.join(choices)}; ask the Besancon model for a catalog with it"
            raise InputError(msg)
        quantities[name] = columns[known[0]] if known else np.full(rows, missing)
    log_teff = columns["LTef"] if "LTef" in columns else np.log10(columns.get("Teff", np.full(rows, np.nan)))
    A_V, bolometric = quantities["A_V"], quantities["bolometric"]
    magnitudes = {band: m - _LAW[band] * A_V for band, m in _magnitudes(columns).items() if band in _LAW}
    if "K" not in magnitudes:
        msg = f"{path.name} has no K magnitude; ask the Besancon model for the color V-K, and J-K and H-K if you can"
        raise InputError(msg)
    with np.errstate(over="ignore"):  # a file that was changed
        teff = 10.0**log_teff
    j_h, h_ks = colors(teff, quantities["log_g"], quantities["metallicity"])
    supplied = tuple(band for band in ("J", "H") if band not in magnitudes)
    H = magnitudes.get("H", magnitudes["K"] + h_ks)
    J = magnitudes.get("J", H + j_h)
    log_luminosity = np.where(bolometric == 0.0, np.nan, 0.4 * (SUN_BOLOMETRIC - bolometric))
    usable = np.isfinite(magnitudes["K"]) & np.isfinite(J) & (np.abs(magnitudes["K"]) < 90.0)

    def kept(values: np.ndarray, dtype: Any = np.float32) -> np.ndarray:
        return np.ascontiguousarray(values[usable], dtype)

    return BesanconCatalog(
        path=path,
        l=float(np.median(quantities["l"])),
        b=float(np.median(quantities["b"])),
        solid_angle=float(solid_angle),
        distance=kept(quantities["distance"]),
        J=kept(J),
        H=kept(H),
        Ks=kept(magnitudes["K"]),
        component=kept(np.where(quantities["component"] == 11, 8, quantities["component"]), np.uint8),
        luminosity_class=kept(quantities["luminosity_class"], np.uint8),
        log_luminosity=kept(log_luminosity),
        log_teff=kept(log_teff),
        log_g=kept(quantities["log_g"]),
        mass=kept(quantities["mass"]),
        metallicity=kept(quantities["metallicity"]),
        A_V=kept(A_V),
        supplied=supplied,
        left_out=int(rows - np.count_nonzero(usable)),
    )


def _magnitudes(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Magnitudes of all bands that follow from the one that is given and the colors."""
    pairs = {name: tuple(name.split("-")) for name in columns if re.fullmatch(r"[A-Za-z]-[A-Za-z]", name)}
    bands = {band for pair in pairs.values() for band in pair}
    known = {band: columns[band] for band in bands & set(columns) - {"l", "b"}}
    for _ in pairs:
        for name, (blue, red) in pairs.items():
            if blue in known and red not in known:
                known[red] = known[blue] - columns[name]
            elif red in known and blue not in known:
                known[blue] = known[red] + columns[name]
    return known


@dataclass(frozen=True, eq=False)
class BesanconModel:
    """Outputs of the Besancon model in place of the embedded Galaxy: each sightline draws from the nearest.

    Parameters
    ----------
    catalogs
        The outputs, in as many directions as wished.
    within
        Largest distance on the sky to a direction that is asked for (deg).
    """

    catalogs: tuple[BesanconCatalog, ...]
    within: float = 10.0

    @classmethod
    def read(cls, paths: Sequence[str | Path], solid_angle: float | None = None, within: float = 10.0) -> BesanconModel:
        """Read several outputs of the same solid angle (see `read_besancon`)."""
        return cls(tuple(read_besancon(path, solid_angle) for path in paths), within)

    @property
    def name(self) -> str:
        """Under which products cite the model."""
        return "Besancon output " + ", ".join(catalog.path.name for catalog in self.catalogs)

    def nearest(self, l: float, b: float) -> BesanconCatalog:
        """Return the output whose direction is nearest to l, b (deg).

        Raises
        ------
        InputError
            When it is farther than `within`.
        """
        away = [_separation(l, b, catalog.l, catalog.b) for catalog in self.catalogs]
        if not min(away, default=180.0) <= self.within:
            msg = (
                f"no output of the Besancon model lies within {self.within:g} deg of l={l:g}, b={b:g}; "
                f"the nearest is {min(away, default=180.0):.1f} deg away"
            )
            raise InputError(msg)
        return self.catalogs[int(np.argmin(away))]


def _separation(l1: float, b1: float, l2: float, b2: float) -> float:
    """Angle between two directions (deg): haversines, exact for small ones."""
    in_l, in_b = np.radians(l2 - l1), np.radians(b2 - b1)
    half = np.sin(in_b / 2) ** 2 + np.cos(np.radians(b1)) * np.cos(np.radians(b2)) * np.sin(in_l / 2) ** 2
    return float(np.degrees(2.0 * np.arcsin(np.sqrt(half))))
