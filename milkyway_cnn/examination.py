"""The examples of a stored sample that a network reads worst."""

from __future__ import annotations

import numpy as np
import xarray as xr

from milkyway_cnn.nn import Network
from milkyway_cnn.training import Inputs

__all__ = ["worst_examples"]


def worst_examples(network: Network, sample: xr.Dataset, count: int = 8) -> xr.Dataset:
    """Return the examples with the largest errors, the worst first.

    The error of an example is the root mean square over distance of the predicted less the true A_V, over 1 mag plus
    the true total A_V [OC]: thin sightlines count beside thick ones.

    Parameters
    ----------
    sample
        A stored sample, see `samples.load`.

    Returns
    -------
    Dataset on `example` (its number in the sample) and `distance`: `true` and `predicted` delta_A_V (mag), and `error`.
    """
    true = sample["delta_A_V"].values
    predicted = network.predict(Inputs(sample))
    off = np.cumsum(predicted - true, axis=1)
    error = np.sqrt(np.mean(off**2, axis=1)) / (1.0 + true.sum(axis=1))
    worst = np.argsort(-error, kind="stable")[:count]
    return xr.Dataset(
        {
            "true": (("example", "distance"), true[worst], {"units": "mag"}),
            "predicted": (("example", "distance"), predicted[worst], {"units": "mag"}),
            "error": ("example", error[worst]),
        },
        coords={"example": worst, "distance": sample["distance"]},
    )
