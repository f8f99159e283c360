"""The forward model: stars of the Galaxy behind a profile that was predicted, beside what was observed.

It tells how far the stars that are seen behind this dust reach (the horizon), and whether they make the diagram that
the profile was read from (the deviance).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from milkyway_cnn.expected import behind, modeled_stars, visible_of
from milkyway_cnn.extinction.horizon import horizon
from milkyway_cnn.extinction.law import DEFAULT
from milkyway_cnn.extinction.profiles import cumulative
from milkyway_cnn.galaxy.models import Galaxy, chosen
from milkyway_cnn.galaxy.stars import Stars
from milkyway_cnn.sightlines import spaced
from milkyway_cnn.surveys.diagrams import Diagram, diagram_named

__all__ = ["Modeled", "deviance", "judge_cells"]

#: Square degrees in which stars are modeled, and the stars among them that make a diagram: chance counts less than in
#: the observed one.
_AREA, _STARS = 1.0, 40_000
#: Scatter of ln(A_V) from star to star in a cell, the mean of the default randomization [OC].
_BEAM = 0.2
#: Least expected stars in a pixel: one that no model star comes near is not impossible.
_LEAST = 0.01
#: Largest step of longitude between directions with modeled stars (deg) [OC].
_STEP = 2.0


def deviance(counts: np.ndarray, expected: np.ndarray) -> float:
    """Poisson deviance per pixel of counted stars from those expected: 2 (n ln(n / m) - n + m), on the mean."""
    n, m = np.asarray(counts, np.float64), np.maximum(expected, _LEAST).astype(np.float64)
    return float(np.mean(2.0 * (n * np.log(np.maximum(n, 1.0) / m) - n + m)))


@dataclass(frozen=True, eq=False)
class Modeled:
    """Stars of the Galaxy in one direction.

    Parameters
    ----------
    kinds
        Diagrams.
    stars, area
        Modeled stars for each of them, and the square degrees in which they are.
    edges
        Of the distance bins (kpc): (bins + 1,).
    law, R_V
        Extinction law.
    seed
        Of what is drawn from them.
    """

    kinds: Sequence[Diagram]
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
    ) -> Modeled:
        """Model the stars of a direction (deg)."""
        made = [modeled_stars(kind, l, b, _AREA, seed=seed, model=model) for kind in kinds]
        return cls(kinds, [stars for stars, _ in made], [area for _, area in made], edges, law, R_V, seed)

    @cached_property
    def _some(self) -> list[tuple[Stars, float]]:
        """So many of the stars, drawn at random, and the square degrees that hold as many."""
        random = np.random.default_rng(self.seed)
        kept = [stars[np.sort(random.permutation(len(stars))[:_STARS])] for stars in self.stars]
        return [
            (some, area * len(some) / max(len(stars), 1))
            for some, stars, area in zip(kept, self.stars, self.area, strict=True)
        ]

    def horizons(self, delta_A_V: np.ndarray, solid_angle: float) -> np.ndarray:
        """Horizon (kpc) of profiles (n, bins), the farthest of any diagram of so many square degrees: (n,) float32."""
        A_V, number = cumulative(np.maximum(delta_A_V, 0.0)), np.zeros(len(delta_A_V), np.int64)
        found = [
            horizon(
                A_V,
                visible_of(kind, stars, self.edges, self.law, self.R_V)[None] * (solid_angle / area),
                number,
                self.edges,
            )
            for kind, stars, area in zip(self.kinds, self.stars, self.area, strict=True)
        ]
        return np.max(found, axis=0)

    def deviance(self, images: np.ndarray, delta_A_V: np.ndarray, solid_angle: float) -> float:
        """Deviance of diagrams ([kinds,] pixels, pixels) from those expected behind a profile (bins,)."""
        expected = []
        for kind, (stars, area) in zip(self.kinds, self._some, strict=True):
            A_V = stars.behind(self.edges, np.maximum(delta_A_V, 0.0), _BEAM, seed=self.seed)
            image = behind(kind, stars, A_V, area, seed=self.seed, law=self.law, R_V=self.R_V)
            expected.append(image * np.float32(solid_angle))
        return deviance(images, np.reshape(expected, images.shape))


def judge_cells(
    observed: xr.Dataset,
    delta_A_V: xr.DataArray,
    edges: np.ndarray,
    *,
    seed: int,
    deviant: float,
    kinds: Sequence[Diagram | str] | None = None,
    galaxy: str | Galaxy = "embedded",
    law: str = DEFAULT,
    R_V: float = 3.1,
    on_cell: Callable[[int], None] = lambda cells: None,
) -> xr.Dataset:
    """Say of every cell how far its stars tell of dust, and how far its diagram is from the one expected.

    Parameters
    ----------
    observed
        `diagrams.observe_cells` of a catalog on a grid.
    delta_A_V
        What was predicted (mag per bin): (b, l, distance), NaN in cells that were not read.
    edges
        Of the distance bins (kpc): (bins + 1,).
    deviant
        Deviance per pixel that is called 1, as a calibration has it.
    kinds, galaxy, law, R_V
        As for `bare_cells`, and the extinction law.

    Returns
    -------
    On (b, l), float32 and NaN in cells not read: `horizon` (kpc), see `extinction.horizon`, and `deviance`.
    """
    named = [diagram_named(kind) if isinstance(kind, str) else kind for kind in kinds or observed.attrs["diagrams"]]
    model, profiles, images = chosen(galaxy), delta_A_V.values, observed["diagram"].values
    longitudes = observed["l"].values
    modeled = spaced(longitudes, _STEP)
    nearest = np.abs(longitudes[:, None] - modeled).argmin(axis=1)
    found = np.full((2, *profiles.shape[:2]), np.nan, np.float32)
    for row, (b, area) in enumerate(zip(observed["b"].values, observed["solid_angle"].values, strict=True)):
        for direction, l in enumerate(modeled):
            told = np.flatnonzero((nearest == direction) & np.isfinite(profiles[row, :, 0]))
            if told.size:
                stars = Modeled.towards(named, float(l), float(b), edges, law, R_V, seed, model)
                found[0, row, told] = stars.horizons(profiles[row, told], float(area))
                for column in told:
                    value = stars.deviance(images[row, column], profiles[row, column], float(area))
                    found[1, row, column] = value / deviant
        on_cell(len(longitudes))
    return xr.Dataset({name: (("b", "l"), values) for name, values in zip(("horizon", "deviance"), found, strict=True)})
