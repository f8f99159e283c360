"""A profile made by sliders or by hand, and the data of its draws and knots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets
import xarray as xr

from milkyway_cnn.extinction.profiles import (
    MockProfiles,
    ProfilePrior,
    envelope,
    gaussian_cloud,
    through_knots,
)
from milkyway_cnn.extinction.statistics import profile_statistics
from milkyway_cnn.mock_sightline import MockSightline
from milkyway_cnn.nn import Network
from milkyway_widgets.sightline_state import SightlineState

__all__ = ["MODES", "ProfileState", "band_data", "knot_data", "spectrum_data"]

#: Ways to make a profile: a cloud over the smooth disc, a random field, or knots drawn by hand.
MODES = ("cloud", "field", "by hand")
#: Random fields from which the band and the spectrum are made.
DRAWS = 200
#: Knots at first, and the largest density that one can have (mag / kpc).
_KNOTS, _HIGHEST = 9, 30.0

_CLOUD = ("cloud_distance", "cloud_A_V", "cloud_depth", "disc")
_FIELD = ("slope", "contrast", "total", "clouds", "draw")


class ProfileState(SightlineState):
    """A profile made in one of `MODES`, put before the stars of a direction."""

    SHOWN = ("mode", *_CLOUD, *_FIELD, "knots", "channel", "view", "pixel")

    mode = traitlets.Enum(MODES, "cloud")
    #: Distance, extinction and depth of the cloud (kpc, mag, kpc), and how much of the smooth disc there is beside it.
    cloud_distance = traitlets.Float(2.0, min=0.05)
    cloud_A_V = traitlets.Float(3.0, min=0.0)
    cloud_depth = traitlets.Float(0.1, min=0.01)
    disc = traitlets.Float(1.0, min=0.0)
    #: Slope of the field's spectrum, standard deviation of ln(density), total A_V without clouds (mag), mean number
    #: of clouds, and which of the draws is looked at.
    slope = traitlets.Float(5 / 3, min=0.0)
    contrast = traitlets.Float(1.2, min=0.0)
    total = traitlets.Float(8.0, min=0.0)
    clouds = traitlets.Float(0.0, min=0.0)
    draw = traitlets.Int(0, min=0, max=DRAWS - 1)
    #: Distance (kpc) and density (mag / kpc) of the knots; linear between them.
    knots = traitlets.Tuple()

    def __init__(self, sightlines: Sequence[MockSightline], network: Network | None = None, **traits: Any) -> None:
        edges = sightlines[0].edges
        self.smooth = envelope(sightlines[0].l, sightlines[0].b, edges)
        at = np.linspace(0.0, edges[-1], _KNOTS)
        middle, width = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
        density = np.interp(at, middle, self.smooth / width)
        first = tuple((round(float(x), 2), round(float(y), 2)) for x, y in zip(at, density, strict=True))
        self._fields: tuple[Any, np.ndarray, xr.Dataset] | None = None
        super().__init__(sightlines, network, knots=first, **traits)
        self._make()

    @traitlets.validate("knots")
    def _inside(self, proposal: Any) -> tuple[tuple[float, float], ...]:
        end = float(self.edges[-1])
        return tuple((min(max(float(x), 0.0), end), min(max(float(y), 0.0), _HIGHEST)) for x, y in proposal["value"])

    @traitlets.observe("mode", *_CLOUD, *_FIELD, "knots")
    def _make(self, _: Any = None) -> None:
        self.delta_A_V = self.profile()

    def profile(self) -> np.ndarray:
        """Return the profile (mag per bin), (bins,) float32."""
        if self.mode == "cloud":
            made = gaussian_cloud(self.edges, self.cloud_distance, self.cloud_depth, self.cloud_A_V)
            return made + np.float32(self.disc) * self.smooth
        if self.mode == "field":
            return self.fields()[0][self.draw]
        return through_knots(self.edges, *np.array(self.knots).T)

    def fields(self) -> tuple[np.ndarray, xr.Dataset]:
        """Return the draws (mag per bin), (draws, bins), and their `profile_statistics`."""
        matter = (self.slope, self.contrast, self.total, self.clouds)
        if self._fields is None or self._fields[0] != matter:
            prior = ProfilePrior(
                slope=(self.slope, self.slope),
                contrast=(self.contrast, self.contrast),
                free_share=1.0,
                free_total=(max(self.total, 1e-3), max(self.total, 1e-3)),
                clouds=self.clouds,
                empty=0.0,
            )
            mock = MockProfiles([(self.sightline.l, self.sightline.b)], self.edges, prior)
            found = profile_statistics(mock, seed=self.sightline.seed, count=DRAWS)
            self._fields = matter, found["delta_A_V"].values, found
        return self._fields[1:]


def band_data(state: ProfileState) -> dict[str, np.ndarray]:
    """Limits of the middle 68 % of the draws' A_V at the edges (mag); nothing where no field is drawn."""
    if state.mode != "field":
        return {name: np.array([]) for name in ("distance", "low", "high")}
    total = np.cumsum(state.fields()[0], axis=1)
    low, high = (np.append(0.0, values) for values in np.quantile(total, (0.16, 0.84), axis=0))
    return {"distance": state.edges, "low": low, "high": high}


def spectrum_data(state: ProfileState) -> dict[str, np.ndarray]:
    """Power of ln(density) of the draws and as asked for, over frequency (1 / kpc); nothing where no field is drawn."""
    if state.mode != "field":
        return {name: np.array([]) for name in ("frequency", "drawn", "asked")}
    found = state.fields()[1]
    return {
        "frequency": found["frequency"].values,
        "drawn": found["spectrum"].values,
        "asked": found["asked_spectrum"].values,
    }


def knot_data(state: ProfileState) -> dict[str, list[float]]:
    """The knots; nothing where none are drawn. Lists, for the browser sends them back."""
    knots = state.knots if state.mode == "by hand" else ()
    return {"x": [x for x, _ in knots], "y": [y for _, y in knots]}
