"""Diagrams: stars, observed or modeled, as images of color and magnitude, or of what else a survey measures.

An image counts stars: rows are the magnitude, brightest first, columns the color, bluest first. Which columns,
ranges and cuts a diagram has stands in `surveys.diagrams`; by default it is J-Ks and Ks of 2MASS. Stars in the cut
that lie off the image are counted beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.extinction.law import DEFAULT, ratio
from milkyway_cnn.galaxy.stars import Stars
from milkyway_cnn.kernels import binning
from milkyway_cnn.kernels.expected import expected_diagram
from milkyway_cnn.sightlines import Cells, Grid
from milkyway_cnn.storage import replacing
from milkyway_cnn.surveys import twomass
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.diagrams import AXES, DIAGRAMS, Diagram, DiagramAxes, diagram_named

__all__ = [
    "AXES",
    "DIAGRAMS",
    "Counts",
    "Diagram",
    "DiagramAxes",
    "bare_diagram",
    "diagram_named",
    "grid_of",
    "load",
    "observe_cells",
    "of_channel",
    "over_channels",
    "parents",
    "pixel_centers",
    "save",
    "stack",
    "star_density",
    "survey_parameters",
]

#: Parts into which each side of a cell is divided to find how much of it the catalog covers.
_COVERAGE_PARTS = 5


def survey_parameters(
    star_density: np.ndarray, law: str = DEFAULT, R_V: float = 3.1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Describe 2MASS to `kernels.examples`: bands (3, 3), half (sightlines, 3), noise (2,), all float32.

    `star_density` is the number of stars per square degree inside the safe cut on each sightline; it sets
    where confusion ends the survey. Dust dims stars by the extinction law `law` at `R_V` (`extinction.law`).
    """
    J, H, Ks = (twomass.BANDS[name] for name in ("J", "H", "Ks"))
    cut = twomass.SAFE
    per_A_V = [ratio(band.name, law, R_V) for band in (J, H, Ks)]
    bands = np.stack([per_A_V, [J.ten_sigma, H.ten_sigma, Ks.ten_sigma], [cut.J, np.inf, cut.Ks]], axis=1)
    shift = twomass.confusion_shift(np.atleast_1d(star_density))
    half = np.array([J.half, H.half, Ks.half])[None, :] - shift[:, None]
    noise = [twomass.ERROR_FLOOR, twomass.COMPLETENESS_WIDTH]
    return np.ascontiguousarray(bands, np.float32), half.astype(np.float32), np.array(noise, np.float32)


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
    """Stars counted into one diagram a cell; counts of parts of a catalog add up to those of the whole.

    Parameters
    ----------
    cells
        A grid, cones or HEALPix pixels.
    kind
        The diagram.

    Attributes
    ----------
    diagram
        Stars per pixel, (cells, pixels, pixels) uint32; cells of a grid count along l first.
    outside, faint
        Stars accepted but off the image, and those that the diagram does not accept: (cells,) int64.
    filled
        Parts of each cell that hold any star, bool: (rows, columns, parts, parts) of a grid, else (cells, parts).
    """

    cells: Cells
    kind: Diagram = DIAGRAMS["2mass"]
    diagram: np.ndarray = field(init=False, repr=False)
    outside: np.ndarray = field(init=False, repr=False)
    faint: np.ndarray = field(init=False, repr=False)
    filled: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        count = math.prod(self.cells.shape)
        self.diagram = np.zeros((count, self.kind.axes.pixels, self.kind.axes.pixels), np.uint32)
        self.outside, self.faint = np.zeros((2, count), np.int64)
        parts = (_COVERAGE_PARTS,) * 2 if isinstance(self.cells, Grid) else (self.cells.parts,)
        self.filled = np.zeros((*self.cells.shape, *parts), bool)

    def add(self, stars: Catalog) -> Counts:
        """Count further stars.

        Raises
        ------
        InputError
            When the catalog lacks a column of the diagram, or its errors (see `Diagram.accepts`).
        """
        accepted = self.kind.accepts(stars)
        what = (accepted, *self.kind.values(stars), self.kind.axes.kernel())
        results = (self.diagram, self.outside, self.faint, self.filled)
        if isinstance(self.cells, Grid):
            region = np.array([self.cells.l_min, self.cells.b_min, self.cells.cell])
            binning.count_stars(stars.l, stars.b, region, *what, *results)
        else:
            binning.count_sorted_stars(*self.cells.cells_and_parts(stars.l, stars.b), *what, *results)
        return self

    def __iadd__(self, other: Counts) -> Counts:
        if (self.cells, self.kind) != (other.cells, other.kind):
            msg = f"counts on {other.cells} and {other.kind} cannot be added to those on {self.cells} and {self.kind}"
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
        Dataset on (b, l), or on (sightline) with l and b beside, with `diagram` (..., magnitude, color) uint16 in
        stars per pixel; `stars`, those in the cut and the image; `outside`, those in the cut but off the image;
        `faint`, those of the cell that fail the cut or lack a column; `coverage`, the share of the cell's parts that
        hold any star of the catalog; `solid_angle` in square degrees.
        """
        shape, sky = self.cells.shape, self.cells.dims
        diagram = np.minimum(self.diagram, 65535).astype(np.uint16)
        coverage = self.filled.mean(axis=tuple(range(len(shape), self.filled.ndim)), dtype=np.float32)
        fields = {
            "diagram": ((*sky, "magnitude", "color"), diagram.reshape(*shape, *diagram.shape[1:]), "stars / pixel"),
            "stars": (sky, self.diagram.sum(axis=(1, 2), dtype=np.int64).reshape(shape), "stars"),
            "outside": (sky, self.outside.reshape(shape), "stars"),
            "faint": (sky, self.faint.reshape(shape), "stars"),
            "coverage": (sky, coverage, "1"),
            "solid_angle": (*self.cells.areas(), "deg2"),
        }
        data = xr.Dataset(
            {name: (dims, values, {"units": unit}) for name, (dims, values, unit) in fields.items()},
            coords={**self.cells.coordinates(), **pixel_centers([self.kind])},
            attrs={**self.cells.description(), "diagrams": [self.kind.name]},
        )
        for name in ("b", "l"):
            data[name].attrs["units"] = "deg"
        return data


def observe_cells(
    catalogs: Catalog | Sequence[Catalog], cells: Cells, kinds: Sequence[Diagram | str] = ("2mass",)
) -> xr.Dataset:
    """Count catalogs into the diagrams of each cell.

    Parameters
    ----------
    catalogs
        One or several; a diagram counts the stars of those that have its columns. No star is looked for in another.
    cells
        A grid, cones or HEALPix pixels.
    kinds
        Diagrams, or names of them (see `surveys.diagrams`). One gives `Counts.dataset`; of several everything but
        the solid angle has the dimension `channel`, whose coordinate are the names, and pixels are numbered.

    Raises
    ------
    InputError
        When no catalog has the columns of a diagram, or there is no such diagram.
    """
    catalogs = [catalogs] if isinstance(catalogs, Catalog) else list(catalogs)
    data = []
    for kind in (diagram_named(kind) if isinstance(kind, str) else kind for kind in kinds):
        counts = Counts(cells, kind)
        for stars in [stars for stars in catalogs if not kind.lacking(stars)] or catalogs[:1]:
            counts.add(stars)
        data.append(counts.dataset())
    return stack(data)


def stack(observed: Sequence[xr.Dataset], names: Sequence[str] | None = None) -> xr.Dataset:
    """Put diagrams of the same cells and pixels on a `channel`, before magnitude and color; a single one stays.

    Parameters
    ----------
    observed
        Of one diagram each, or already of several.
    names
        Their order; by default as they come.
    """
    if len(observed) == 1 and "channel" not in observed[0].dims:
        return observed[0]
    areas = observed[0]["solid_angle"]
    plain = [data.drop_vars(["magnitude", "color", "solid_angle"], errors="ignore") for data in observed]
    each = [data if "channel" in data.dims else data.expand_dims(channel=data.attrs["diagrams"]) for data in plain]
    stacked = xr.concat(each, "channel", combine_attrs="drop")
    names = list(names or stacked["channel"].values.tolist())
    place = observed[0]["stars"].dims if "channel" not in observed[0].dims else observed[0]["stars"].dims[:-1]
    stacked = stacked.sel(channel=names).transpose(*place, "channel", "magnitude", "color", missing_dims="ignore")
    return stacked.assign(solid_angle=areas).assign_attrs({**observed[0].attrs, "diagrams": names})


def pixel_centers(kinds: Sequence[Diagram]) -> dict[str, Any]:
    """Coordinates of the pixels: their centers, with what they measure; of several kinds the names of the channels."""
    if len(kinds) > 1:
        return {"channel": [kind.name for kind in kinds]}
    centers = kinds[0].axes.centers()
    attributes = {
        "magnitude": {"units": "mag", "long_name": kinds[0].magnitude},
        "color": {"units": kinds[0].color_unit, "long_name": kinds[0].color},
    }
    return {name: (name, centers[name], attributes[name]) for name in centers}


def of_channel(diagram: xr.DataArray, kind: Diagram | str) -> xr.DataArray:
    """Diagrams of one kind, among those of several, with their pixels' centers."""
    kind = diagram_named(kind) if isinstance(kind, str) else kind
    one = diagram.sel(channel=kind.name, drop=True) if "channel" in diagram.dims else diagram
    return one.assign_coords(pixel_centers([kind]))


def over_channels(observed: xr.Dataset) -> xr.Dataset:
    """Return `stars`, `outside`, `faint` summed over channels, and the least `coverage` of them."""
    if "channel" not in observed.dims:
        return observed[["stars", "outside", "faint", "coverage", "solid_angle"]]
    total = observed[["stars", "outside", "faint"]].sum("channel", keep_attrs=True)
    return total.assign(coverage=observed["coverage"].min("channel"), solid_angle=observed["solid_angle"])


def grid_of(observed: xr.Dataset) -> Grid:
    """Return the grid on which `observe_cells` binned a catalog."""
    return Grid(*observed.attrs["grid"])


def save(observed: xr.Dataset, path: Path) -> None:
    """Write diagrams, whose attribute `diagrams` names their kinds, to a zarr store, whole or not at all."""
    with replacing(path) as temporary:
        # Zarr's third format has no text of its own yet; `load` names the channels again.
        observed.drop_vars("channel", errors="ignore").to_zarr(temporary, zarr_format=3, consolidated=False)


def load(path: Path) -> xr.Dataset:
    """Open what `save` wrote."""
    stored = xr.open_zarr(path, consolidated=False, chunks=None)  # not of Dask, where it is installed
    return stored.assign_coords(channel=stored.attrs["diagrams"]) if "channel" in stored.dims else stored
