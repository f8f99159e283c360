"""How many stars each cell holds, how crowded it is, and how deep the survey reaches there."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from milkyway_cnn.sightlines import Cells
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.diagrams import Diagram, diagram_named
from milkyway_cnn.surveys.registry import survey_named

__all__ = ["census"]

#: Bins of magnitude in which counts turn over: first edge, width and number (mag).
_FIRST, _WIDTH, _BINS = 4.0, 0.25, 100
#: Stars of a cell with fewer detections do not show where their counts turn over.
_FEWEST = 100


def census(catalog: Catalog, cells: Cells, kind: Diagram | str = "2mass") -> xr.Dataset:
    """Count the stars of each cell, and find how complete they are, from the counts and from the survey's model.

    Parameters
    ----------
    cells
        A grid, cones or HEALPix pixels.
    kind
        A diagram, or its name: its cut says which stars make the crowd, its bands are looked at.

    Returns
    -------
    Dataset on the cells, and for each `band`:

    stars, star_density
        Stars of the cell, and those that the diagram accepts per square degree.
    detected
        (..., band): stars that are detected in a band.
    turnover
        (..., band): magnitude (mag) up to which counts grow, the middle of the fullest bin of 0.25 mag; NaN where
        fewer than 100 stars are detected. It is what the catalog itself tells of its limit.
    half, crowding
        (..., band): magnitude (mag) at which the survey's model holds half of the stars at this density, and how much
        brighter that is than in an empty field.
    completeness
        (..., band): part of the stars at the diagram's faintest accepted magnitude that the model holds.

    Raises
    ------
    InputError
        When the catalog lacks columns of the diagram.
    """
    kind = diagram_named(kind) if isinstance(kind, str) else kind
    survey = survey_named(kind.noise)
    count, shape = math.prod(cells.shape), cells.shape
    accepted = kind.accepts(catalog)
    cell = cells.cell_index(catalog.l, catalog.b)
    inside = cell >= 0
    dims, areas = cells.areas()
    area = xr.DataArray(areas, dims=dims)
    stars = np.bincount(cell[inside], minlength=count).reshape(shape)
    crowd = np.bincount(cell[inside & accepted], minlength=count).reshape(shape)
    density = (xr.DataArray(crowd, dims=cells.dims) / area).transpose(*cells.dims).values

    bands = [band for band in survey.bands if band in kind.columns]
    limits = dict(kind.faintest)
    grid = np.arange(0.0, 30.0, 0.01)
    fields: dict[str, list[np.ndarray]] = {
        name: [] for name in ("detected", "turnover", "half", "crowding", "completeness")
    }
    for band in bands:
        magnitude = catalog[band]
        found = inside & np.isfinite(magnitude)
        place = np.clip(((magnitude[found] - _FIRST) / _WIDTH).astype(int), 0, _BINS - 1)
        counts = np.bincount(cell[found] * _BINS + place, minlength=count * _BINS).reshape(*shape, _BINS)
        detected = counts.sum(axis=-1)
        fullest = _FIRST + (counts.argmax(axis=-1) + 0.5) * _WIDTH
        half, empty = (_half(survey.completeness(grid, band, n)) for n in (density[..., None], np.zeros(1)))
        limit = limits.get(band, np.nan)
        fields["detected"].append(detected)
        fields["turnover"].append(np.where(detected < _FEWEST, np.nan, fullest))
        fields["half"].append(grid[half])
        fields["crowding"].append(grid[empty] - grid[half])
        fields["completeness"].append(survey.completeness(limit, band, density))
    units = {"detected": "stars", "turnover": "mag", "half": "mag", "crowding": "mag", "completeness": "1"}
    per_band = {
        name: ((*cells.dims, "band"), np.stack(values, axis=-1), {"units": units[name]})
        for name, values in fields.items()
    }
    per_cell = {
        "stars": (cells.dims, stars, {"units": "stars"}),
        "star_density": (cells.dims, density, {"units": "1 / deg2"}),
        "solid_angle": (dims, areas, {"units": "deg2"}),
    }
    attributes = {**cells.description(), "diagram": kind.name, "survey": survey.name}
    return xr.Dataset(per_cell | per_band, coords={**cells.coordinates(), "band": bands}, attrs=attributes)


def _half(completeness: np.ndarray) -> np.ndarray:
    """Index of the last magnitude at which at least half of the stars are found, along the last axis."""
    return completeness.shape[-1] - 1 - np.argmax(completeness[..., ::-1] >= 0.5, axis=-1)
