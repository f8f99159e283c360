"""One line of sight of the model Galaxy, its stars kept at hand, seen by a survey through any dust put before them.

Where `samples.Stream` makes many examples fast, this makes one diagram and still knows every star in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.diagrams import pixel_centers
from milkyway_cnn.expected import bare_of
from milkyway_cnn.extinction.law import DEFAULT
from milkyway_cnn.galaxy.models import Galaxy, chosen
from milkyway_cnn.galaxy.stars import Stars
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.kernels.binning import pixels_of_stars
from milkyway_cnn.sightlines import solid_angle
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.diagrams import Diagram, diagram_named
from milkyway_cnn.surveys.observe import observe
from milkyway_cnn.surveys.registry import survey_named

__all__ = ["MockSightline", "Seen"]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a survey sees of a sightline.

    Parameters
    ----------
    diagram
        Stars per pixel: (pixels, pixels) uint16, rows are the magnitude.
    distance
        Of the stars in the diagram (kpc): (stars,) float32.
    pixel
        Row x pixels + column of each of them: (stars,) int64.
    """

    diagram: np.ndarray
    distance: np.ndarray
    pixel: np.ndarray

    def behind(self, row: int, column: int) -> np.ndarray:
        """Distances (kpc) of the stars in a pixel."""
        return self.distance[self.pixel == row * self.diagram.shape[1] + column]


class MockSightline:
    """Stars of the model in one direction, to be seen through dust.

    Parameters
    ----------
    l, b
        Direction (deg).
    edges
        Edges of the distance bins of profiles (kpc): (bins + 1,).
    cell
        Side of the cell around it (deg).
    seed
        Of stars and errors.
    kind
        The diagram, or its name.
    law, R_V
        Extinction law, see `milkyway_cnn.extinction.law`.
    galaxy
        Whose stars these are, see `milkyway_cnn.galaxy.models.chosen`.
    """

    def __init__(
        self,
        l: float,
        b: float,
        edges: np.ndarray,
        *,
        cell: float = 0.5,
        seed: int = 0,
        kind: Diagram | str = "2mass",
        law: str = DEFAULT,
        R_V: float = 3.1,
        galaxy: str | dict[str, Any] | Galaxy = "embedded",
    ) -> None:
        self.l, self.b, self.edges, self.seed = l, b, edges, seed
        self.kind = diagram_named(kind) if isinstance(kind, str) else kind
        self.law, self.R_V, self.galaxy = law, R_V, chosen(galaxy)
        self.solid_angle = float(solid_angle(cell, b - cell / 2, b + cell / 2))

    @cached_property
    def stars(self) -> Stars:
        """Stars that the survey could see without dust, in random order."""
        limits = {band: limit + 0.4 for band, limit in self.kind.faintest}  # what errors may scatter into the cut
        found = synthesize(self.l, self.b, self.solid_angle, seed=self.seed, faintest=limits, model=self.galaxy)
        return found[np.random.default_rng(self.seed).permutation(len(found))]

    @cached_property
    def bare(self) -> np.ndarray:
        """Expected stars per pixel without dust, as the network is told: (pixels, pixels) float32."""
        drawn = max(1.0, self.solid_angle)
        density = bare_of(self.kind, self.l, self.b, drawn, seed=self.seed + 1, model=self.galaxy)
        return density * np.float32(self.solid_angle)

    def see(self, delta_A_V: np.ndarray, *, beam: float = 0.0, share: float = 1.0, number: int = 0) -> Seen:
        """Look through a profile.

        Parameters
        ----------
        delta_A_V
            Extinction that each bin adds (mag): (bins,).
        beam
            Standard deviation of ln(A_V) from star to star at one distance.
        share
            Of the stars, for a quick look; the diagram is multiplied to hold as many as all.
        number
            Of the errors and detections: another number, another night.
        """
        stars = self.stars if share >= 1 else self.stars[: max(1, round(share * len(self.stars)))]
        A_V = stars.behind(self.edges, delta_A_V, beam, seed=self.seed)
        bands = [name for name in self.kind.columns if name != "parallax"]
        dimmed = {band: stars.reddened(band, A_V, self.law, self.R_V) for band in bands}
        inside = np.logical_and.reduce([dimmed[band] < limit for band, limit in self.kind.faintest])
        measured = observe(
            dimmed,
            survey_named(self.kind.noise),
            seed=self.seed + number,
            star_density=np.count_nonzero(inside) / (self.solid_angle * share),
            parallax=stars.parallax() if "parallax" in self.kind.columns else None,
        )
        nowhere = np.zeros(len(stars))
        listed = Catalog(nowhere, nowhere, measured)
        pixels = self.kind.axes.pixels
        pixel = pixels_of_stars(*self.kind.values(listed), self.kind.axes.kernel(), pixels)
        drawn = self.kind.accepts(listed) & (pixel >= 0)
        pixel = pixel[drawn]
        counts = np.bincount(pixel, minlength=pixels * pixels).reshape(pixels, pixels)
        diagram = np.minimum(np.rint(counts / share), 65535).astype(np.uint16)
        return Seen(diagram, stars.distance[drawn], pixel)

    def labeled(self, diagram: np.ndarray) -> xr.DataArray:
        """Put a diagram on (magnitude, color)."""
        return xr.DataArray(diagram, pixel_centers([self.kind]), ("magnitude", "color"))
