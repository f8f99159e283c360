"""Prediction: observed diagrams in, extinction profiles out, cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from milkyway_cnn.calibration import QUANTILES, Calibration
from milkyway_cnn.diagrams import over_channels
from milkyway_cnn.ensemble import Ensemble
from milkyway_cnn.expected import bare_of
from milkyway_cnn.extinction.never_falling import never_falling
from milkyway_cnn.galaxy.models import Galaxy, chosen
from milkyway_cnn.profile_network import channels
from milkyway_cnn.sightlines import spaced
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
    modeled = spaced(longitudes, _BARE_STEP)
    count = len(modeled)
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
    ensemble: Ensemble,
    observed: xr.Dataset,
    bare: xr.DataArray,
    *,
    calibration: Calibration | None = None,
    least_coverage: float = 0.9,
) -> xr.Dataset:
    """Read the profile of every cell from its diagram, and how sure that is.

    Parameters
    ----------
    ensemble
        Networks trained on diagrams of the same axes.
    observed, bare
        `diagrams.observe_cells` and `bare_cells` of the same grid.
    calibration
        Of the ensemble; without it there are no quantiles, and no standard deviations but those over draws.
    least_coverage
        Cells of which the catalog covers less are not read: missing sky looks like dust.

    Returns
    -------
    On (b, l, distance), float32 and NaN in cells not read: `delta_A_V`, the extinction added per bin (mag, of either
    sign), and its standard deviation `delta_A_V_std`; `A_V_std`, that of the extinction to the far edge of the bin;
    on (quantile, b, l, distance) `A_V_quantiles` and `delta_A_V_quantiles`; on (b, l) `novelty`.
    """
    place = observed["diagram"].dims[:-3] if "channel" in observed.dims else observed["diagram"].dims[:-2]
    shape = [observed.sizes[axis] for axis in place]
    images = observed["diagram"].values.reshape(-1, *observed["diagram"].shape[len(shape) :])
    told = (over_channels(observed)["coverage"].values >= least_coverage).ravel()
    read = ensemble.read(channels(images[told], bare.values.reshape(images.shape)[told]))
    found: dict[str, np.ndarray] = {"delta_A_V": read.delta_A_V}
    if calibration is not None:
        A_V_std, delta_A_V_std = calibration.deviations(read)
        total = never_falling(read.delta_A_V.cumsum(axis=1, dtype=np.float64))
        quantiles = np.moveaxis(total + A_V_std * calibration.A_V_quantiles[:, None, :], 0, 1)
        steps = read.delta_A_V + delta_A_V_std * calibration.delta_A_V_quantiles[:, None, :]
        found |= {"A_V_std": A_V_std, "delta_A_V_std": delta_A_V_std, "novelty": calibration.novelty(read.features)}
        found["A_V_quantiles"] = never_falling(quantiles)
        found["delta_A_V_quantiles"] = np.moveaxis(np.maximum(steps, 0.0), 0, 1)
    elif ensemble.draws > 1:
        found |= {"A_V_std": np.sqrt(read.A_V_variance), "delta_A_V_std": np.sqrt(read.delta_A_V_variance)}
    fields = {}
    for name, values in found.items():
        cells = np.full((len(told), *values.shape[1:]), np.nan, np.float32)
        cells[told] = values
        cells = cells.reshape(*shape, *values.shape[1:])
        inner = ("quantile", "distance")[3 - values.ndim :] if values.ndim > 1 else ()
        fields[name] = xr.DataArray(cells, dims=(*place, *inner)).transpose(*inner[:-1], *place, *inner[-1:])
    return xr.Dataset(fields, {"quantile": QUANTILES} if calibration is not None else {})
