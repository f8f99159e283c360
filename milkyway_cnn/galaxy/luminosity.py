"""The stars of each component at the Sun: luminosity functions with intrinsic colors, as lists of stellar states."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from scipy.special import ndtri

__all__ = ["States", "states"]

# Width of the table's bins, how finely a bin is filled, and how many colors share a magnitude.
_BIN, _FINE, _COLORS = 0.5, 25, 12
#: Smallest spread of J-Ks at one M_Ks (mag) [OC]: metallicity within a component and unresolved binaries.
_SPREAD = 0.03
#: How J-Ks at one M_Ks changes with [Fe/H] (mag / dex) [OC]: dwarfs above 0.7 Msun, giants.
_DWARF_RESPONSE, _GIANT_RESPONSE = 0.02, 0.12


@dataclass(frozen=True)
class States:
    """Stellar states of one component and how many stars at the Sun are in each.

    Parameters
    ----------
    magnitudes
        Absolute J, H, Ks: (states, 3) float32.
    slopes
        Change of `magnitudes` per dex of [Fe/H] from the component's mean at the Sun: (states, 3) float32.
    number
        Stars per pc^3 at the Sun: (states,) float64.
    """

    magnitudes: np.ndarray
    slopes: np.ndarray
    number: np.ndarray


@cache
def _table() -> np.ndarray:
    with resources.files(__package__).joinpath("luminosity.txt").open() as text:
        return np.loadtxt(text)


@cache
def states(component: int) -> States:
    """States of component 1 to 9 of the Besancon model, from a table in half-magnitude bins of M_Ks.

    Numbers are interpolated in their logarithm and colors linearly; J-Ks is spread as a normal distribution.
    """
    parts = []
    for sequence, response in ((0, _DWARF_RESPONSE), (1, _GIANT_RESPONSE)):
        rows = _table()
        rows = rows[(rows[:, 0] == component) & (rows[:, 1] == sequence)]
        middle = rows[:, 2]
        ks = (middle[:, None] + _BIN * ((np.arange(_FINE) + 0.5) / _FINE - 0.5)).ravel()
        weight = np.exp(np.interp(ks, middle, np.log(rows[:, 3]))).reshape(rows.shape[0], _FINE)
        weight *= (rows[:, 3] / weight.sum(axis=1))[:, None]
        shape = (ks.size, _COLORS)
        deviate = ndtri((np.arange(ks.size * _COLORS) * 0.6180339887498949 + 0.5) % 1.0).reshape(shape)
        spread = np.hypot(_SPREAD, np.interp(ks, middle, rows[:, 5]))
        bluer = spread[:, None] * deviate
        j_ks = np.interp(ks, middle, rows[:, 4])[:, None] + bluer
        h_ks = np.interp(ks, middle, rows[:, 6])[:, None] + 0.2 * bluer
        m_ks = np.broadcast_to(ks[:, None], shape)
        number = np.broadcast_to(weight.reshape(-1, 1) / _COLORS, shape)
        slopes = np.broadcast_to(np.array((response, 0.2 * response, 0.0)), (*shape, 3))
        magnitudes = np.stack((m_ks + j_ks, m_ks + h_ks, m_ks), axis=-1)
        parts.append((magnitudes.reshape(-1, 3), slopes.reshape(-1, 3), number.ravel()))
    magnitudes, slopes, number = (np.concatenate(p) for p in zip(*parts, strict=True))
    return States(magnitudes.astype(np.float32), slopes.astype(np.float32), number)
