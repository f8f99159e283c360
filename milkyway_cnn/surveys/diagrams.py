"""The diagrams in which stars can be counted, by name: columns, ranges, pixels, cuts and noise model, in one table.

A diagram shows one survey, so that several can be channels of one image without a cross-match of their stars, as the
founding talk proposes (JCAD 2020). What is not in the table is written as its axes: ``H-Ks/J`` is H-Ks against J.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.columns import BANDS, unit_of
from milkyway_cnn.surveys.twomass import SAFE

__all__ = ["AXES", "DIAGRAMS", "Diagram", "DiagramAxes", "diagram_named"]


@dataclass(frozen=True)
class DiagramAxes:
    """Range and resolution of a diagram [OC]: A_V of 30 mag still fits in color, and every 2MASS star in Ks.

    Parameters
    ----------
    color
        Limits of J-Ks (mag), or of what else runs along the columns.
    magnitude
        Limits of Ks (mag), or of what else runs along the rows.
    pixels
        Pixels along each side.
    stretch
        Columns are even in asinh(color / stretch), in the unit of color; 0 for even in color.
    """

    color: tuple[float, float] = (-0.5, 5.9)
    magnitude: tuple[float, float] = (6.0, 14.8)
    pixels: int = 64
    stretch: float = 0.0

    def stretched(self, color: np.ndarray) -> np.ndarray:
        """What the columns are even in."""
        return np.arcsinh(color / np.float32(self.stretch)) if self.stretch else color

    def kernel(self) -> np.ndarray:
        """Lowest color, pixels per mag, lowest magnitude, pixels per mag: float32, as `kernels.binning` wants."""
        (blue, red), (bright, faint) = self.stretched(np.array(self.color)), self.magnitude
        return np.array([blue, self.pixels / (red - blue), bright, self.pixels / (faint - bright)], np.float32)

    def centers(self) -> dict[str, np.ndarray]:
        """Pixel centers along `magnitude` and `color`, as xarray coordinates."""
        half = 0.5 / self.pixels
        steps = np.linspace(half, 1.0 - half, self.pixels)
        (blue, red), (bright, faint) = self.stretched(np.array(self.color)), self.magnitude
        color = blue + (red - blue) * steps
        return {
            "magnitude": bright + (faint - bright) * steps,
            "color": np.sinh(color) * self.stretch if self.stretch else color,
        }


#: Range and resolution of the default diagram.
AXES = DiagramAxes()


@dataclass(frozen=True)
class Diagram:
    """What a diagram counts.

    Parameters
    ----------
    name
        Under which it is asked for.
    survey
        Key of `columns.NAMES`.
    noise
        Name of the survey's error and completeness model in `registry.SURVEYS`.
    color, magnitude
        What runs along the columns and the rows: a column of catalogs, or two with a minus between.
    axes
        Ranges and pixels.
    faintest
        Band and magnitude, in pairs: a star must be brighter than each. Observed and modeled stars are cut alike.
    measured
        Further columns that a star must have.
    """

    name: str
    survey: str
    noise: str
    color: str
    magnitude: str
    axes: DiagramAxes = AXES
    faintest: tuple[tuple[str, float], ...] = ()
    measured: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Diagram:
        """Make the diagram of which `dataclasses.asdict`, perhaps through JSON, gave the values."""
        axes: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values["axes"].items()
        }
        faintest = tuple((str(band), float(limit)) for band, limit in values["faintest"])
        rest = {"axes": DiagramAxes(**axes), "faintest": faintest, "measured": tuple(values["measured"])}
        return cls(**{**values, **rest})

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it looks at."""
        return tuple(dict.fromkeys(part for name in self._names for part in _parts(name)))

    @property
    def _names(self) -> tuple[str, ...]:
        bands = (band for band, _ in self.faintest)
        return tuple(dict.fromkeys((self.color, self.magnitude, *bands, *self.measured)))

    def lacking(self, stars: Catalog) -> list[str]:
        """Columns of the diagram that a catalog does not have."""
        return [name for name in self._names if name not in stars]

    @property
    def color_unit(self) -> str:
        """Unit of what runs along the columns."""
        return unit_of(_parts(self.color)[0])

    def accepts(self, stars: Catalog) -> np.ndarray:
        """Which stars enter: bright enough in all bands, and measured in all columns; (stars,) bool.

        Raises
        ------
        InputError
            When the catalog lacks a column, or has no errors of a band, so that upper limits hide among detections.
        """
        names, lacking = self._names, self.lacking(stars)
        if lacking:
            msg = (
                f"the diagram {self.name} needs {', '.join(names)}, and the catalog lacks {', '.join(lacking)}; it has"
                f" {', '.join(stars.columns)}"
            )
            raise InputError(msg)
        unsure = [name for name in names if name in stars.columns and f"{name}_error" not in stars.columns]
        if unsure:
            msg = (
                f"the catalog has no errors of {', '.join(unsure)}, without which upper limits hide among detections;"
                f" it cannot be counted in the diagram {self.name}"
            )
            raise InputError(msg)
        accepted = np.ones(len(stars), bool)
        for band, limit in self.faintest:
            accepted &= stars[band] < limit
        compared = {band for band, _ in self.faintest}  # a NaN is not brighter than anything
        for name in (self.color, self.magnitude, *self.measured):
            if not compared.issuperset(_parts(name)):
                accepted &= np.isfinite(stars[name])
        return accepted

    def values(self, stars: Catalog) -> tuple[np.ndarray, np.ndarray]:
        """Place of each star along columns and rows, as the kernel takes it: float32."""
        return self.axes.stretched(stars[self.color]), stars[self.magnitude]


def _parts(axis: str) -> list[str]:
    """Columns of an axis: `J-Ks` is of two, `parallax` and `Ks` of one."""
    return axis.split("-")


#: Ranges (mag) of each band in diagrams, and the faintest accepted magnitude: for 2MASS its level-1 limits; for Gaia
#: G = 17, to which it is complete (Gaia Collaboration, Brown et al. 2021), and what G = 17 has of common color in BP
#: and RP; for Pan-STARRS two magnitudes or more above its limits, so that stars of red colors are found as well [OC].
_RANGE: dict[str, tuple[float, float, float]] = {
    "J": (6.0, 16.3, SAFE.J),
    "H": (6.0, 15.6, 15.1),
    "Ks": (6.0, 14.8, SAFE.Ks),
    "G": (7.0, 17.0, 17.0),
    "BP": (7.0, 18.0, 18.0),
    "RP": (7.0, 16.0, 16.0),
    "g": (13.5, 20.0, 20.0),
    "r": (13.5, 19.0, 19.0),
    "i": (13.5, 18.0, 18.0),
    "z": (13.0, 17.5, 17.5),
    "y": (12.0, 17.0, 17.0),
}
#: Range of a color that is not in the table (mag).
_COLOR = (-0.5, 5.9)
#: Range of parallaxes (mas), and where asinh takes over from a line [OC]: half of the columns lie beyond 1 kpc.
_PARALLAX, _STRETCH = (-1.0, 5.0), 0.3
_NOISE = {"2mass": "2MASS", "gaia": "Gaia DR3", "panstarrs": "Pan-STARRS1"}


def _diagram(
    survey: str,
    color: str,
    magnitude: str,
    *,
    name: str = "",
    limits: tuple[float, float] | None = None,
    cut: tuple[str, ...] = (),
) -> Diagram:
    """Diagram of two axes; `cut` are the bands of which stars must not be too faint, by default all."""

    def range_of(axis: str) -> tuple[float, float]:
        return _PARALLAX if axis == "parallax" else _COLOR if "-" in axis else _RANGE[axis][:2]

    axes = DiagramAxes(limits or range_of(color), range_of(magnitude), 64, _STRETCH if color == "parallax" else 0.0)
    bands = cut or dict.fromkeys(part for axis in (color, magnitude) for part in _parts(axis) if part in _RANGE)
    faintest = tuple((band, _RANGE[band][2]) for band in bands)
    return Diagram(name or f"{color}/{magnitude}", survey, _NOISE[survey], color, magnitude, axes, faintest)


#: The table. `2mass` is the diagram of the founding work's method; where the paper is silent, ranges are ours.
DIAGRAMS: dict[str, Diagram] = {
    diagram.name: diagram
    for diagram in (
        Diagram("2mass", "2mass", "2MASS", "J-Ks", "Ks", AXES, (("J", SAFE.J), ("Ks", SAFE.Ks)), ("H",)),
        _diagram("2mass", "J-H", "H", name="2mass-JH", limits=(-0.5, 4.0)),
        _diagram("2mass", "H-Ks", "Ks", name="2mass-HKs", limits=(-0.3, 2.5)),
        _diagram("gaia", "parallax", "G", name="gaia-parallax"),
        _diagram("gaia", "BP-RP", "G", name="gaia-color", limits=(-0.5, 5.5), cut=("G",)),
        _diagram("panstarrs", "g-i", "i", name="panstarrs-gi", limits=(-0.5, 5.0)),
        _diagram("panstarrs", "r-z", "z", name="panstarrs-rz", limits=(-0.5, 4.0)),
        _diagram("panstarrs", "z-y", "y", name="panstarrs-zy", limits=(-0.4, 1.6)),
    )
}


def diagram_named(name: str, *, axes: DiagramAxes | None = None) -> Diagram:
    """Return a diagram of the table, or the one of which `name` writes the axes, as in ``H-Ks/J`` or ``g-r/r-i``.

    Parameters
    ----------
    axes
        Ranges and pixels in place of the table's.

    Raises
    ------
    InputError
        When the name is neither, or its bands are of several surveys.
    """
    if name in DIAGRAMS:
        found = DIAGRAMS[name]
    else:
        color, _, magnitude = name.partition("/")
        parts = [*_parts(color), *_parts(magnitude)]
        surveys = {survey for survey, bands in BANDS.items() if {*parts} & {*bands, *_astrometry(survey)}}
        known = {*_RANGE, "parallax"}
        good = all(part in known for part in parts) and max(len(_parts(color)), len(_parts(magnitude))) <= 2
        if not (color and magnitude and good and "parallax" not in _parts(magnitude) and color.count("parallax-") == 0):
            msg = (
                f"there is no diagram {name!r}; choose from {', '.join(DIAGRAMS)}, or write its axes, as in H-Ks/J"
                f" with bands {', '.join(_RANGE)}"
            )
            raise InputError(msg)
        if len(surveys) > 1:
            msg = f"the diagram {name!r} mixes surveys ({', '.join(sorted(surveys))}); give each a diagram of its own"
            raise InputError(msg)
        found = _diagram(surveys.pop(), color, magnitude)
    return replace(found, axes=axes) if axes else found


def _astrometry(survey: str) -> tuple[str, ...]:
    return ("parallax",) if survey == "gaia" else ()
