"""Prediction: observed diagrams in, extinction profiles out, cell by cell."""

from __future__ import annotations

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

#: Solid angle in which the stars of a bare diagram are drawn (square degrees), at least.
_BARE_AREA = 1.0


def bare_cells(
    observed: xr.Dataset,
    *,
    seed: int,
    kinds: Sequence[Diagram | str] | None = None,
    galaxy: str | Galaxy = "embedded",
    on_cell: Callable[[int], None] = lambda cells: None,
) -> xr.DataArray:
    """Model the diagram of every cell as it would be without dust.

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
    for i, (b, area) in enumerate(zip(observed["b"].values, observed["solid_angle"].values, strict=True)):
        for j, l in enumerate(observed["l"].values):
            drawn = max(_BARE_AREA, area)
            images = [area * bare_of(kind, float(l), float(b), drawn, seed=seed, model=model) for kind in named]
            bare[i, j] = images[0] if len(images) == 1 else images
            on_cell(1)
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
