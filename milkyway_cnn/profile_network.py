"""The networks of this work: diagrams of star counts in, extinction per distance bin out."""

from __future__ import annotations

import numpy as np

from milkyway_cnn.backend import current
from milkyway_cnn.kernels.stacking import stack
from milkyway_cnn.nn import Network, Scaling
from milkyway_cnn.nn import architecture as grammar

__all__ = ["PRESETS", "build", "channels"]

#: Architectures by name. `published`: Cornu et al. 2022 (arXiv:2201.05571), for 64 x 64 diagrams and 128 bins.
PRESETS = {
    "published": "C5x5.12-P2-D3072-D3072-D2048-D128",
    "small": "C5x5.8/2-P2-D768-D512-D128",
}


def build(
    name: str,
    channels: int = 2,
    bins: int | None = None,
    *,
    pixels: int = 64,
    dropout: float = 0.1,
    slope: float = 0.01,
    seed: int = 0,
    counts: str = "log1p",
    counts_scale: float = 1.0,
    delta_A_V_scale: float = 6.0,
    scheme: str | None = None,
) -> Network:
    """Network from counts (n, channels, pixels, pixels) to delta_A_V (n, bins) in mag per bin, both physical.

    Parameters
    ----------
    name : str
        A name of `PRESETS`, or an architecture (see `milkyway_cnn.nn.architecture`).
    bins : int, optional
        Distance bins; takes the place of the architecture's last number.
    dropout, slope : float
        Rate of dropout after hidden dense layers; slope of the leaky ReLU.
    counts, counts_scale : str, float
        Function ("linear", "sqrt", "log1p") of the star counts, and the one factor that multiplies it.
    delta_A_V_scale : float
        Unit (mag per bin) of what the last layer gives: one number for all bins.

    Raises
    ------
    InputError
        If the architecture cannot be read or does not fit the diagrams.
    """
    architecture = PRESETS.get(name, name)
    if bins is not None and "-D" in architecture:
        architecture = f"{architecture.rpartition('-D')[0]}-D{bins}"
    layers = [Scaling(counts, counts_scale), *grammar.layers(architecture, dropout, slope)]
    return Network(layers, (channels, pixels, pixels), seed=seed, output_scale=delta_A_V_scale, scheme=scheme)


def channels(diagrams: np.ndarray, bare: np.ndarray, sightline: np.ndarray | None = None) -> np.ndarray:
    """Stack the network's channels, dusty and then bare diagrams: (n, 2 x kinds, pixels, pixels) float32.

    They are on the backend, as `diagrams` are or may be.

    Parameters
    ----------
    diagrams, bare : (n, pixels, pixels) or (n, kinds, pixels, pixels) array
        Star counts, observed and expected without dust, of the same solid angle.
    sightline : (n,) array of int, optional
        Which of the bare diagrams belongs to each other, where there is one a sightline.
    """
    n, *kinds, rows, columns = diagrams.shape
    image = (int(np.prod(kinds)), rows, columns)
    place = current()
    stacked = place.empty((n, 2 * image[0], *image[1:]), np.float32)
    which = np.arange(n) if sightline is None else sightline if place.holds(sightline) else np.asarray(sightline)
    expected = np.ascontiguousarray(bare, np.float32)
    counts = diagrams if place.holds(diagrams) else np.ascontiguousarray(diagrams)
    stack(counts.reshape(-1, *image), place.keep(expected).reshape(-1, *image), which, stacked)
    return stacked
