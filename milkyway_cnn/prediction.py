"""Prediction: observed diagrams in, extinction profiles out, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from milkyway_cnn.channels import bare_of
from milkyway_cnn.diagrams import over_channels
from milkyway_cnn.galaxy.models import Galaxy, chosen
from milkyway_cnn.nn import Network
from milkyway_cnn.profile_network import channels
from milkyway_cnn.surveys.diagrams import Diagram, diagram_named

__all__ = ["bare_cells", "predict"]

#: Solid angle in which the stars of a bare diagram are drawn (square degrees), at least: with 1, their chance alone
#: moves the map by 2 % of A_V. They are drawn at steps of so many degrees of longitude [OC], for the cells between too.
_BARE_AREA, _BARE_STEP = 4.0, 2.0


def bare_cells(
    observed: xr.Dataset,
    *,
    seed: int,
    kinds: Sequence[Diagram | str] | None = None,
    galaxy: str | Galaxy = "embedded",
    on_cell: Callable[[int], None] = lambda cells: None,
) -> xr.DataArray:
    """Model the diagram of every cell as it would be without dust.

    Along longitude, where the sky without dust changes slowly, cells between two directions with modeled stars have the
    diagram that lies between theirs.

    Parameters
    ----------
    observed
        `diagrams.observe_cells` of a catalog on a grid: its coordinates and solid angles are used.
    kinds
        Its diagrams, where they are not those of the table that have their names.
    galaxy
        Whose stars these are: a Galaxy, a model's name, or a path, see `milkyway_cnn.galaxy.models.chosen`.

    Returns
    -------
    Expected stars per pixel, (b, l, magnitude, color) or (b, l, channel, magnitude, color) float32.
    """
    named = [diagram_named(kind) if isinstance(kind, str) else kind for kind in kinds or observed.attrs["diagrams"]]
    model = chosen(galaxy)
    bare = np.empty(observed["diagram"].shape, np.float32)
    longitudes = observed["l"].values
    count = min(len(longitudes), math.ceil(np.ptp(longitudes) / _BARE_STEP) + 1)
    modeled = np.linspace(longitudes[0], longitudes[-1], count)
    place = np.interp(longitudes, modeled, np.arange(count))
    for row, (b, area) in enumerate(zip(observed["b"].values, observed["solid_angle"].values, strict=True)):
        for channel, kind in enumerate(named):
            drawn = max(_BARE_AREA, float(area))
            images = [area * bare_of(kind, float(l), float(b), drawn, seed=seed, model=model) for l in modeled]
            for column, x in enumerate(place):
                before = min(int(x), count - 2) if count > 1 else 0
                share = np.float32(x - before)
                cell = bare[row, column] if len(named) == 1 else bare[row, column, channel]
                cell[:] = (1 - share) * images[before] + share * images[min(before + 1, count - 1)]
        on_cell(len(longitudes))
    return xr.DataArray(bare, observed["diagram"].coords, observed["diagram"].dims, attrs={"units": "stars / pixel"})


def predict(
    network: Network,
    observed: xr.Dataset,
    bare: xr.DataArray,
    *,
    least_coverage: float = 0.9,
    samples: int = 0,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the profile of every cell from its diagram.

    Parameters
    ----------
    network
        Trained on diagrams of the same axes.
    observed, bare
        `diagrams.observe_cells` and `bare_cells` of the same grid.
    least_coverage
        Cells of which the catalog covers less are not read: missing sky looks like dust.
    samples
        Draws of Monte-Carlo dropout; 0 for none. With a network that has no dropout they are all the same.
    seed
        Of these draws.

    Returns
    -------
    A_V added per bin (mag), (b, l, bins) float32 with NaN in cells not read, and the standard deviation over
    the draws in the same shape, or None without draws. With draws, the first is their mean.
    """
    rows, columns = observed.sizes["b"], observed.sizes["l"]
    diagrams = observed["diagram"].values.reshape(rows * columns, *observed["diagram"].shape[2:])
    read = (over_channels(observed)["coverage"].values >= least_coverage).ravel()
    images = channels(diagrams[read], bare.values.reshape(diagrams.shape)[read])
    drawn = network.predict(images, samples=samples, seed=seed) if samples else network.predict(images)[None]

    def on_grid(values: np.ndarray) -> np.ndarray:
        cells = np.full((rows * columns, values.shape[-1]), np.nan, np.float32)
        cells[read] = values
        return cells.reshape(rows, columns, -1)

    return on_grid(drawn.mean(axis=0)), on_grid(drawn.std(axis=0)) if samples else None
