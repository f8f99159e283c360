"""Color-magnitude diagrams: stars, observed or modeled, as images of J-Ks and Ks.

An image counts stars: rows are Ks, brightest first, columns J-Ks, bluest first. Only stars detected in J, H
and Ks and inside the survey's safe cut enter; those that lie off the image are counted beside it.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from milkyway_cnn.extinction.law import A_H, A_J, A_KS
from milkyway_cnn.galaxy.synthesis import Stars
from milkyway_cnn.kernels import binning
from milkyway_cnn.kernels.examples import expected_diagram
from milkyway_cnn.sightlines import Grid
from milkyway_cnn.storage import replacing
from milkyway_cnn.surveys import twomass
from milkyway_cnn.surveys.read import Catalog

__all__ = [
    "AXES",
    "Counts",
    "DiagramAxes",
    "bare_diagram",
    "grid_of",
    "load",
    "observe_cells",
    "parents",
    "save",
    "star_density",
    "survey_parameters",
]

#: Parts into which each side of a cell is divided to find how much of it the catalog covers.
_COVERAGE_PARTS = 5


@dataclass(frozen=True)
class DiagramAxes:
    """Range and resolution of a diagram [OC]: A_V of 30 mag still fits in color, and every 2MASS star in Ks.

    Parameters
    ----------
    color
        Limits of J-Ks (mag).
    magnitude
        Limits of Ks (mag).
    pixels
        Pixels along each side.
    """

    color: tuple[float, float] = (-0.5, 5.9)
    magnitude: tuple[float, float] = (6.0, 14.8)
    pixels: int = 64

    def kernel(self) -> np.ndarray:
        """Lowest color, pixels per mag, lowest magnitude, pixels per mag: float32, as `kernels.binning` wants."""
        (blue, red), (bright, faint) = self.color, self.magnitude
        return np.array([blue, self.pixels / (red - blue), bright, self.pixels / (faint - bright)], np.float32)

    def centers(self) -> dict[str, np.ndarray]:
        """Pixel centers along `magnitude` and `color` (mag), as xarray coordinates."""
        half = 0.5 / self.pixels
        steps = np.linspace(half, 1.0 - half, self.pixels)
        (blue, red), (bright, faint) = self.color, self.magnitude
        return {"magnitude": bright + (faint - bright) * steps, "color": blue + (red - blue) * steps}


#: The default diagram.
AXES = DiagramAxes()


def survey_parameters(star_density: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Describe 2MASS to `kernels.examples`: bands (3, 3), half (sightlines, 3), noise (2,), all float32.

    `star_density` is the number of stars per square degree inside the safe cut on each sightline; it sets
    where confusion ends the survey.
    """
    J, H, Ks = (twomass.BANDS[name] for name in ("J", "H", "Ks"))
    cut = twomass.SAFE
    bands = [[A_J, J.ten_sigma, cut.J], [A_H, H.ten_sigma, np.inf], [A_KS, Ks.ten_sigma, cut.Ks]]
    shift = twomass.confusion_shift(np.atleast_1d(star_density))
    half = np.array([J.half, H.half, Ks.half])[None, :] - shift[:, None]
    noise = [twomass.ERROR_FLOOR, twomass.COMPLETENESS_WIDTH]
    return np.array(bands, np.float32), half.astype(np.float32), np.array(noise, np.float32)


def parents(stars: Stars) -> np.ndarray:
    """Modeled stars as `kernels.examples` wants them: distance, J, H, Ks, (stars, 4) float32."""
    return np.stack([stars.distance, stars.J, stars.H, stars.Ks], axis=1)


def star_density(stars: Stars, solid_angle: float) -> float:
    """Stars per square degree inside the survey's safe cut, of modeled stars in `solid_angle` square degrees."""
    return np.count_nonzero((stars.J < twomass.SAFE.J) & (stars.Ks < twomass.SAFE.Ks)) / solid_angle


def bare_diagram(
    stars: Stars, solid_angle: float, *, seed: int, repeats: int = 4, axes: DiagramAxes = AXES
) -> np.ndarray:
    """Mean diagram per square degree of modeled stars without dust, as 2MASS would see them.

    Parameters
    ----------
    stars
        Modeled stars of `solid_angle` square degrees.
    repeats
        Realizations of the photometric noise that are averaged.

    Returns
    -------
    (pixels, pixels) float32, stars per pixel per square degree.
    """
    bands, half, noise = survey_parameters(np.array(star_density(stars, solid_angle)))
    image = expected_diagram(
        parents(stars), np.uint64(seed), repeats, (bands, half[0], noise), axes.kernel(), axes.pixels
    )
    return image / np.float32(solid_angle)


@dataclass
class Counts:
    """Stars counted into one diagram a cell of a grid; counts of parts of a catalog add up to those of the whole.

    Parameters
    ----------
    grid, axes
        Cells and diagram.

    Attributes
    ----------
    diagram
        Stars per pixel, (cells, pixels, pixels) uint32; cells count along l first.
    outside, faint
        Stars in the safe cut but off the image, and those that fail the cut or lack a band: (cells,) int64.
    filled
        Parts of each cell that hold any star, (rows, columns, parts, parts) bool.
    """

    grid: Grid
    axes: DiagramAxes = AXES
    diagram: np.ndarray = field(init=False, repr=False)
    outside: np.ndarray = field(init=False, repr=False)
    faint: np.ndarray = field(init=False, repr=False)
    filled: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows, columns = self.grid.shape
        self.diagram = np.zeros((rows * columns, self.axes.pixels, self.axes.pixels), np.uint32)
        self.outside, self.faint = np.zeros((2, rows * columns), np.int64)
        self.filled = np.zeros((rows, columns, _COVERAGE_PARTS, _COVERAGE_PARTS), bool)

    def add(self, stars: Catalog) -> Counts:
        """Count further stars."""
        binning.count_stars(
            stars.l,
            stars.b,
            np.array([self.grid.l_min, self.grid.b_min, self.grid.cell]),
            (stars["J"] < twomass.SAFE.J) & (stars["Ks"] < twomass.SAFE.Ks) & np.isfinite(stars["H"]),
            stars["J"] - stars["Ks"],
            stars["Ks"],
            self.axes.kernel(),
            self.diagram,
            self.outside,
            self.faint,
            self.filled,
        )
        return self

    def __iadd__(self, other: Counts) -> Counts:
        if (self.grid, self.axes) != (other.grid, other.axes):
            msg = f"counts on {other.grid} and {other.axes} cannot be added to those on {self.grid} and {self.axes}"
            raise ValueError(msg)
        self.diagram += other.diagram
        self.outside += other.outside
        self.faint += other.faint
        self.filled |= other.filled
        return self

    def dataset(self) -> xr.Dataset:
        """Label the counts.

        Returns
        -------
        Dataset on (b, l) with `diagram` (b, l, magnitude, color) uint16 in stars per pixel; `stars`, those in the
        safe cut and the image; `outside`, those in the cut but off the image; `faint`, those of the cell that fail
        the cut or lack a band; `coverage`, the share of the cell's parts that hold any star of the catalog;
        `solid_angle` (b,) in square degrees.
        """
        shape, sky = self.grid.shape, ("b", "l")
        diagram = np.minimum(self.diagram, 65535).astype(np.uint16)
        coverage = self.filled.mean(axis=(2, 3), dtype=np.float32)
        fields = {
            "diagram": ((*sky, "magnitude", "color"), diagram.reshape(*shape, *diagram.shape[1:]), "stars / pixel"),
            "stars": (sky, self.diagram.sum(axis=(1, 2), dtype=np.int64).reshape(shape), "stars"),
            "outside": (sky, self.outside.reshape(shape), "stars"),
            "faint": (sky, self.faint.reshape(shape), "stars"),
            "coverage": (sky, coverage, "1"),
            "solid_angle": ("b", self.grid.solid_angle, "deg2"),
        }
        data = xr.Dataset(
            {name: (dims, values, {"units": unit}) for name, (dims, values, unit) in fields.items()},
            coords={"b": self.grid.b, "l": self.grid.l, **self.axes.centers()},
            attrs={"grid": list(astuple(self.grid))},
        )
        for name, unit in {"b": "deg", "l": "deg", "magnitude": "mag", "color": "mag"}.items():
            data[name].attrs["units"] = unit
        return data


def observe_cells(catalog: Catalog, grid: Grid, axes: DiagramAxes = AXES) -> xr.Dataset:
    """Bin an observed catalog into one diagram a cell of the grid: `Counts.dataset`."""
    return Counts(grid, axes).add(catalog).dataset()


def grid_of(observed: xr.Dataset) -> Grid:
    """Return the grid on which `observe_cells` binned a catalog."""
    return Grid(*observed.attrs["grid"])


def save(observed: xr.Dataset, path: Path) -> None:
    """Write the diagrams of a grid to a zarr store, whole or not at all."""
    with replacing(path) as temporary:
        observed.to_zarr(temporary, zarr_format=3, consolidated=False)


def load(path: Path) -> xr.Dataset:
    """Open what `save` wrote."""
    return xr.open_zarr(path, consolidated=False)
