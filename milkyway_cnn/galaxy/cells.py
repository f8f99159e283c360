"""Cells of a sightline: which states of which component are visible at each step of distance, and how many stars."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.galaxy.density import GalaxyModel, density
from milkyway_cnn.galaxy.populations import states
from milkyway_cnn.galaxy.stars import NEAR_INFRARED, StateTable
from milkyway_cnn.galaxy.states import STEP
from milkyway_cnn.sightlines import SQUARE_DEGREE, galactocentric

__all__ = ["Cells", "Limits", "cells_of", "states_of_model"]

#: Bands and their limiting magnitudes.
Limits = tuple[tuple[str, float], ...]
# Distances from the nearest star on, in equal steps of distance modulus (mag).
_NEAREST, _STEP = 0.005, 0.02


@dataclass(frozen=True)
class Cells:
    """Steps of distance x components: volume x density (pc^3), what is visible, and the states, sorted."""

    near: np.ndarray
    far: np.ndarray
    volume: np.ndarray
    metallicity: np.ndarray
    start: np.ndarray
    visible: np.ndarray
    component: np.ndarray
    cumulative: np.ndarray
    magnitudes: np.ndarray
    slopes: np.ndarray
    order: np.ndarray

    @property
    def expected(self) -> np.ndarray:
        """Mean number of stars of each cell: (cells,) float64."""
        last = self.start + np.maximum(self.visible, 1) - 1
        return np.where(self.visible > 0, self.volume * self.cumulative[last], 0.0)


@dataclass(frozen=True)
class _Sorted:
    """States of all components in a row, in each component the ones first that are seen farthest.

    `order` has the row of each in the model's table of states.
    """

    start: np.ndarray
    keys: tuple[np.ndarray, ...]
    steepest: tuple[float, ...]
    cumulative: np.ndarray
    magnitudes: np.ndarray
    slopes: np.ndarray
    order: np.ndarray


@lru_cache(maxsize=8)
def _sorted_states(model: GalaxyModel, limits: Limits) -> _Sorted:
    lists = [states(component, model.binary_fraction, model.isochrones) for component in model.components]
    start = np.cumsum([0] + [s.number.size for s in lists])
    number, magnitudes, slopes = (
        np.concatenate([getattr(s, name) for s in lists]) for name in ("number", "magnitudes", "slopes")
    )
    key, slope = np.full(number.size, -np.inf, np.float32), np.zeros(number.size, np.float32)
    for band, limit in limits:
        if band in NEAR_INFRARED:
            column = NEAR_INFRARED.index(band)
            magnitude, change = magnitudes[:, column], slopes[:, column]
        else:
            color, change = states_of_model(model).color(band)
            magnitude, change = magnitudes[:, -1] + color, slopes[:, -1] + change
        key, slope = np.maximum(key, magnitude - np.float32(limit)), np.maximum(slope, np.abs(change))
    order = np.lexsort((key, np.repeat(np.arange(len(lists)), np.diff(start))))
    parts = [slice(*ends) for ends in pairwise(start)]
    return _Sorted(
        start=start,
        keys=tuple(key[order[part]].astype(np.float64) for part in parts),  # as what is looked for in them
        steepest=tuple(float(slope[part].max()) for part in parts),
        cumulative=np.concatenate([np.cumsum(number[order[part]]) for part in parts]),
        magnitudes=magnitudes[order],
        slopes=slopes[order],
        order=order.astype(np.int32),
    )


@lru_cache(maxsize=8)
def states_of_model(model: GalaxyModel) -> StateTable:
    """What the stars of a model can be: the states of its components, one component after the other."""
    lists = [states(component, model.binary_fraction, model.isochrones) for component in model.components]
    known = [np.concatenate([getattr(s, name) for s in lists]) for name in ("mass", "age", "luminosity_class")]
    return StateTable(np.concatenate([s.atmosphere for s in lists], axis=-1), STEP, *known)


def cells_of(
    l: float,
    b: float,
    solid_angle: float,
    limits: Limits,
    farthest: float,
    model: GalaxyModel,
    *,
    at: str,
) -> Cells:
    """Cells of a sightline; what is visible is counted at the steps' near edges or at their middles."""
    if not _NEAREST < farthest < np.inf:
        msg = f"farthest (={farthest:g} kpc) must exceed {_NEAREST:g}; 25 holds the whole disc"
        raise InputError(msg)
    steps = int(np.ceil(5.0 * np.log10(farthest / _NEAREST) / _STEP))
    edges = np.minimum(_NEAREST * 10.0 ** (0.2 * _STEP * np.arange(steps + 1)), farthest)
    middle = np.sqrt(edges[:-1] * edges[1:])
    shell = 1e9 * solid_angle * SQUARE_DEGREE * np.diff(edges**3) / 3.0
    x, y, z = galactocentric(np.asarray(l), np.asarray(b), middle, model.r_sun, model.z_sun)
    relative = density(model, x, y, z)
    thin = np.arange(len(model.components)) < len(model.thin)
    metallicity = model.metallicity_gradient * thin[:, None] * (np.hypot(x, y) - model.r_sun)

    count = len(model.components)
    sorted_states = _sorted_states(model, limits)
    modulus = 5.0 * np.log10(edges[:-1] if at == "near" else middle) + 10.0
    visible = []
    for key, steepest, dex in zip(sorted_states.keys, sorted_states.steepest, metallicity, strict=True):
        margin = np.abs(dex) * steepest + 1e-4 if at == "near" else 0.0
        visible.append(np.searchsorted(key, -modulus + margin))
    # Ordered by distance and then by component: what is drawn together lies together.
    return Cells(
        near=np.repeat(edges[:-1], count).astype(np.float32),
        far=np.repeat(edges[1:], count).astype(np.float32),
        volume=(shell * relative).T.ravel(),
        metallicity=metallicity.T.astype(np.float32).ravel(),
        start=np.tile(sorted_states.start[:-1], steps),
        visible=np.array(visible).T.ravel(),
        component=np.tile(np.array(model.numbers, np.uint8), steps),
        cumulative=sorted_states.cumulative,
        magnitudes=sorted_states.magnitudes,
        slopes=sorted_states.slopes,
        order=sorted_states.order,
    )
