"""What the Besancon model itself prints, and what its laws give here: counts and extinctions to hold a model to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from milkyway_cnn.extinction.diffuse import diffuse_dust
from milkyway_cnn.galaxy.density import GalaxyModel, Warp, density
from milkyway_cnn.galaxy.models import BESANCON_2003
from milkyway_cnn.galaxy.populations import states
from milkyway_cnn.sightlines import SQUARE_DEGREE, galactocentric

__all__ = ["FLAT", "Anchor", "anchors", "count", "local_number"]

#: The model of 2003 without its warp, which the published counts stand on.
FLAT = replace(BESANCON_2003, name="Besancon 2003, flat", warp=Warp(north=0.0, south=0.0))

# Teff (K) and V-Ks of mean dwarfs (Pecaut & Mamajek 2013, version 2024.05.15), taken for giants too.
_V_KS = np.array(
    [
        (2570, 8.68), (2810, 7.10), (3060, 5.95), (3210, 5.25), (3430, 4.60), (3560, 4.23), (3850, 3.65), (4090, 3.39),
        (4440, 2.88), (5290, 1.95), (5770, 1.56), (5930, 1.44), (6550, 1.08), (7220, 0.73), (8100, 0.40), (9700, 0.04),
        (12300, -0.25), (20600, -0.60), (31400, -0.96),
    ]
).T  # fmt: skip
#: A_J and A_K per A_V of the model.
_A_J, _A_K = 0.282, 0.108
Seen = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Anchor:
    """A number that is known: its name with unit, the published value, the relative tolerance, and the value here."""

    name: str
    published: float
    tolerance: float
    ours: float

    @property
    def holds(self) -> bool:
        """Whether the value here is within the tolerance."""
        return abs(self.ours / self.published - 1.0) <= self.tolerance


def count(
    l: float,
    b: float,
    solid_angle: float,
    seen: Seen,
    *,
    model: GalaxyModel = FLAT,
    dust: float = 1.0,
    step: float = 0.05,
    farthest: float = 50.0,
) -> float:
    """Stars for which `seen(J, V, K)`, behind `dust` times the diffuse dust: a plain sum over distances and states.

    Parameters
    ----------
    l, b, solid_angle
        Direction (deg) and square degrees.
    step, farthest
        Of the distances (kpc).
    """
    edges = np.arange(0.0, farthest + step / 2, step)
    middle = 0.5 * (edges[1:] + edges[:-1])
    x, y, z = galactocentric(l, b, middle, model.r_sun, model.z_sun)
    A_V = dust * (np.cumsum(diffuse_dust(x, y, z)) - 0.5 * diffuse_dust(x, y, z)) * step
    volume = 1e9 * solid_angle * SQUARE_DEGREE * np.diff(edges**3) / 3.0 * density(model, x, y, z)
    modulus = 5.0 * np.log10(middle) + 10.0
    total = 0.0
    for component, cells in zip(model.components, volume, strict=True):
        s = states(component, model.binary_fraction, model.isochrones)
        J, K = s.magnitudes[:, 0].astype(float), s.magnitudes[:, 2].astype(float)
        V = K + np.interp(10.0**s.log_teff, *_V_KS)
        for volume_here, m, a in zip(cells, modulus, A_V, strict=True):
            if volume_here > 0.0:
                total += volume_here * s.number[seen(J + m + _A_J * a, V + m + a, K + m + _A_K * a)].sum()
    return total


def local_number(model: GalaxyModel, numbers: tuple[int, ...], faintest_V: float = 8.0) -> float:
    """Stars per pc^3 at the Sun with M_V < faintest_V in the components of these numbers."""
    total = 0.0
    for number, component in zip(model.numbers, model.components, strict=True):
        if number in numbers:
            s = states(component, model.binary_fraction, model.isochrones)
            M_V = s.magnitudes[:, 2] + np.interp(10.0**s.log_teff, *_V_KS)
            total += s.number[faintest_V > M_V].sum()
    return total


def _extinction(l: float, b: float, farthest: float) -> float:
    distance = np.linspace(0.0, farthest, 20_001)
    return float(np.trapezoid(diffuse_dust(*galactocentric(l, b, distance)), distance))


def anchors(model: GalaxyModel = FLAT) -> list[Anchor]:
    """All numbers that the output of the Besancon model of 2003 states, beside those of a model."""
    inner = count(30.0, 0.0, 0.020, lambda J, V, K: K < 19, model=model)
    bulge = count(10.62, -0.38, 0.111, lambda J, V, K: (V > 8) & (V < 25) & (K > 5) & (K < 19), model=model)
    return [
        Anchor("thin disc stars of $M_V$ < 8 (pc$^{-3}$)", 0.0154, 0.10, local_number(model, tuple(range(1, 8)))),
        Anchor("thick disc stars of $M_V$ < 8 (pc$^{-3}$)", 1.03e-3, 0.10, local_number(model, (8,))),
        Anchor("spheroid stars of $M_V$ < 8 (pc$^{-3}$)", 7.94e-6, 0.10, local_number(model, (9,))),
        Anchor("stars of K < 19 in 0.020 deg$^2$ at (30, 0)", 121_604, 0.10, inner),
        Anchor("stars of 8 < V < 25, 5 < K < 19 in 0.111 deg$^2$ at (10.62, $-$0.38)", 709_932, 0.10, bulge),
        Anchor("$A_V$ to 27.85 kpc at (30, 0) (mag)", 13.651, 0.01, _extinction(30.0, 0.0, 27.85)),
        Anchor("$A_V$ to 48 kpc at (10.62, $-$0.38) (mag)", 11.8, 0.02, _extinction(10.62, -0.38, 48.0)),
    ]
