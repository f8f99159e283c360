"""The forward model: stars of the Galaxy as they are without dust, and behind profiles that were predicted.

Without dust they make the bare diagrams that a network is told. Behind a profile they tell how far the stars that are
seen reach (the horizon), and whether they make the diagram that the profile was read from (the deviance).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from milkyway_cnn.expected import behind, modeled_stars, visible_of, without_dust
from milkyway_cnn.extinction.horizon import horizon
from milkyway_cnn.extinction.law import DEFAULT
from milkyway_cnn.extinction.profiles import cumulative
from milkyway_cnn.galaxy.models import Galaxy
from milkyway_cnn.galaxy.stars import Stars
from milkyway_cnn.surveys.diagrams import Diagram

__all__ = ["AREA", "Modeled", "deviance"]

#: Square degrees in which stars are modeled, at least: with 1, their chance alone moves the map by 2 % of A_V.
AREA = 4.0
#: The stars among them that make a diagram behind dust: more than in a cell, so that chance counts less.
_STARS = 40_000
#: Scatter of ln(A_V) from star to star in a cell, the mean of the default randomization [OC].
_BEAM = 0.2
#: Least expected stars in a pixel: one that no model star comes near is not impossible.
_LEAST = 0.01


def deviance(counts: np.ndarray, expected: np.ndarray) -> float:
    """Poisson deviance per pixel of counted stars from those expected: 2 (n ln(n / m) - n + m), on the mean."""
    n, m = np.asarray(counts, np.float64), np.maximum(expected, _LEAST).astype(np.float64)
    return float(np.mean(2.0 * (n * np.log(np.maximum(n, 1.0) / m) - n + m)))


@dataclass(frozen=True, eq=False)
class Modeled:
    """What stars of the Galaxy make in one direction.

    Parameters
    ----------
    kinds
        Diagrams.
    bare
        Of each, stars per pixel and square degree without dust: (pixels, pixels) float32.
    visible
        Of each, `extinction.horizon.visible_stars` of one square degree: (bins, levels) float32.
    l, b
        The direction (deg).
    stars, area
        Of each, the stars, and the square degrees that hold as many.
    edges
        Of the distance bins (kpc): (bins + 1,).
    law, R_V
        Extinction law.
    seed
        Of what is drawn from them.
    """

    kinds: Sequence[Diagram]
    l: float
    b: float
    bare: Sequence[np.ndarray]
    visible: Sequence[np.ndarray]
    stars: Sequence[Stars]
    area: Sequence[float]
    edges: np.ndarray
    law: str = DEFAULT
    R_V: float = 3.1
    seed: int = 0

    @classmethod
    def towards(
        cls,
        kinds: Sequence[Diagram],
        l: float,
        b: float,
        edges: np.ndarray,
        law: str,
        R_V: float,
        seed: int,
        model: Galaxy,
        solid_angle: float = AREA,
    ) -> Modeled:
        """Model the stars of a direction (deg) in so many square degrees; fewer where they would be too many."""
        bare, visible, every, areas = [], [], [], []
        for kind in kinds:
            stars, area = modeled_stars(kind, l, b, solid_angle, seed=seed, model=model)
            bare.append(without_dust(kind, stars, area, seed=seed))
            visible.append(visible_of(kind, stars, edges, law, R_V) / np.float32(area))
            every.append(stars)
            areas.append(area)
        return cls(kinds, l, b, bare, visible, every, areas, edges, law, R_V, seed)

    @cached_property
    def _some(self) -> list[tuple[Stars, float]]:
        """Of each diagram, stars drawn from all, and the square degrees that hold as many."""
        drawn = []
        for stars, area in zip(self.stars, self.area, strict=True):
            kept = np.sort(np.random.default_rng(self.seed).permutation(len(stars))[:_STARS])
            drawn.append((stars[kept], area * len(kept) / max(len(stars), 1)))
        return drawn

    def horizons(self, delta_A_V: np.ndarray, solid_angle: float) -> np.ndarray:
        """Horizon (kpc) of profiles (n, bins), the farthest of any diagram of so many square degrees: (n,) float32."""
        A_V, number = cumulative(np.maximum(delta_A_V, 0.0)), np.zeros(len(delta_A_V), np.int64)
        found = [horizon(A_V, visible[None] * solid_angle, number, self.edges) for visible in self.visible]
        return np.max(found, axis=0)

    def differences(self, images: np.ndarray, delta_A_V: np.ndarray, solid_angle: float) -> np.ndarray:
        """Tell how diagrams ([kinds,] pixels, pixels) differ from those expected behind a profile (bins,).

        Returns
        -------
        Logarithms of the `deviance`, and of the stars counted over those expected: (2,) float64.
        """
        expected = []
        for kind, (stars, area) in zip(self.kinds, self._some, strict=True):
            A_V = stars.behind(self.edges, np.maximum(delta_A_V, 0.0), _BEAM, seed=self.seed)
            image = behind(kind, stars, A_V, area, seed=self.seed, law=self.law, R_V=self.R_V)
            expected.append(image * np.float32(solid_angle))
        excess = (float(images.sum()) + 1.0) / (float(np.sum(expected)) + 1.0)
        return np.log([max(deviance(images, np.reshape(expected, images.shape)), _LEAST), excess])
