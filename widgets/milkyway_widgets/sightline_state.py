"""What is looked at on one mock sightline, and the data that its views draw; neither knows how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from milkyway_cnn.extinction.profiles import cumulative
from milkyway_cnn.figures import largest
from milkyway_cnn.mock_sightline import MockSightline, Seen
from milkyway_cnn.nn import Network
from milkyway_cnn.profile_network import channels

__all__ = ["ROUGH", "VIEWS", "SightlineState", "diagram_data", "profile_data", "scale", "star_data", "star_title"]

#: Ways to see a diagram.
VIEWS = ("dusty", "bare", "difference")
#: Share of the stars that is drawn while something is dragged.
ROUGH = 0.2


class SightlineState(traitlets.HasTraits):
    """A profile put before the stars of a direction, a diagram of theirs, and a pixel of it.

    Parameters
    ----------
    sightlines
        The same direction seen in one diagram or several, the channels of the network.
    network
        That reads a profile from their diagrams; none: no answer.
    delta_A_V
        The profile (mag per bin): (bins,); by default no dust.
    """

    #: The profile (mag per bin), (bins,) float32.
    delta_A_V = traitlets.Instance(np.ndarray)
    #: Name of the diagram that is shown.
    channel = traitlets.Unicode()
    #: How it is shown, one of `VIEWS`.
    view = traitlets.Enum(VIEWS, "dusty")
    #: Row and column of the pixel whose stars are looked at; none: those of the whole diagram.
    pixel = traitlets.Tuple(traitlets.Int(), traitlets.Int(), allow_none=True, default_value=None)
    #: Whether only a share of the stars is looked at, for something is being dragged.
    rough = traitlets.Bool(False)

    def __init__(
        self,
        sightlines: Sequence[MockSightline],
        network: Network | None = None,
        delta_A_V: np.ndarray | None = None,
        **traits: Any,
    ) -> None:
        self.sightlines = {sightline.kind.name: sightline for sightline in sightlines}
        self.network = network
        self.edges = sightlines[0].edges
        none = np.zeros(self.edges.size - 1, np.float32)
        self._seen: dict[str, Seen] = {}
        super().__init__(delta_A_V=none if delta_A_V is None else delta_A_V, channel=sightlines[0].kind.name, **traits)

    @traitlets.validate("channel")
    def _known(self, proposal: Any) -> str:
        if proposal["value"] not in self.sightlines:
            msg = f"there is no diagram {proposal['value']!r}; choose from {', '.join(self.sightlines)}"
            raise traitlets.TraitError(msg)
        return str(proposal["value"])

    @traitlets.observe("delta_A_V", "rough")
    def _forget(self, _: Any) -> None:
        self._seen = {}

    @property
    def sightline(self) -> MockSightline:
        """The sightline as the diagram that is shown sees it."""
        return self.sightlines[self.channel]

    def seen(self, channel: str | None = None) -> Seen:
        """Return what is seen through the profile in a diagram, by default the one that is shown."""
        name = channel or self.channel
        if name not in self._seen:
            self._seen[name] = self.sightlines[name].see(self.delta_A_V, share=ROUGH if self.rough else 1.0)
        return self._seen[name]

    def answer(self) -> np.ndarray | None:
        """Return the profile that the network reads from the diagrams (mag per bin), (bins,), or none."""
        if self.network is None:
            return None
        dusty = np.stack([self.seen(name).diagram for name in self.sightlines])
        bare = np.stack([sightline.bare for sightline in self.sightlines.values()])
        return self.network.predict(channels(dusty[None], bare[None]))[0]

    def image(self) -> np.ndarray:
        """Return the diagram as it is shown: stars per pixel, (pixels, pixels) float32."""
        if self.view == "bare":
            return self.sightline.bare
        dusty = self.seen().diagram.astype(np.float32)
        return dusty - self.sightline.bare if self.view == "difference" else dusty

    def look(self, color: float, magnitude: float) -> None:
        """Look at the pixel that holds a place, given on the (stretched) axes; off the diagram, at all pixels."""
        low_color, per_color, low_magnitude, per_magnitude = self.sightline.kind.axes.kernel()
        row, column = int((magnitude - low_magnitude) * per_magnitude), int((color - low_color) * per_color)
        inside = min(row, column) >= 0 and max(row, column) < self.sightline.kind.axes.pixels
        self.pixel = (row, column) if inside else None


def scale(state: SightlineState) -> tuple[float, float]:
    """Ends of the color scale (stars per pixel): the same for the dusty and the bare diagram."""
    if state.view == "difference":
        half = max(1.0, largest(np.abs(state.image())))
        return -half, half
    return 0.0, max(1.0, largest(state.sightline.bare))


def diagram_data(state: SightlineState) -> dict[str, list[Any]]:
    """One image, from the bluest and brightest pixel on."""
    axes = state.sightline.kind.axes
    low_color, per_color, low_magnitude, per_magnitude = (float(number) for number in axes.kernel())
    size = {"dw": [axes.pixels / per_color], "dh": [axes.pixels / per_magnitude]}
    return {"image": [state.image()], "x": [low_color], "y": [low_magnitude], **size}


def pixel_data(state: SightlineState) -> dict[str, list[float]]:
    """The pixel that is looked at, as a rectangle."""
    if state.pixel is None:
        return {"x": [], "y": [], "width": [], "height": []}
    low_color, per_color, low_magnitude, per_magnitude = (
        float(number) for number in state.sightline.kind.axes.kernel()
    )
    row, column = state.pixel
    middle = {"x": [low_color + (column + 0.5) / per_color], "y": [low_magnitude + (row + 0.5) / per_magnitude]}
    return {**middle, "width": [1 / per_color], "height": [1 / per_magnitude]}


def star_data(state: SightlineState) -> dict[str, np.ndarray]:
    """Stars in steps of distance (kpc) up to the last edge: of the pixel, or of the whole diagram."""
    seen = state.seen()
    distance = seen.distance if state.pixel is None else seen.behind(*state.pixel)
    edges = state.edges[:: max(1, (state.edges.size - 1) // 64)]
    counts, _ = np.histogram(distance, edges)
    return {"left": edges[:-1], "right": edges[1:], "top": counts}


def star_title(state: SightlineState) -> str:
    """How many stars there are, whose they are, and how many of them lie behind the last edge."""
    seen = state.seen()
    distance = seen.distance if state.pixel is None else seen.behind(*state.pixel)
    whose = "all" if state.pixel is None else "pixel"
    farther = np.count_nonzero(distance > state.edges[-1])
    return f"{whose}: {distance.size:,} stars" + (f", {farther:,} farther" if farther else "")


def profile_data(state: SightlineState) -> dict[str, dict[str, np.ndarray]]:
    """A_V per kpc of each bin, and A_V at the edges: of the profile, and of the network's answer (NaN without)."""
    answer = state.answer()
    width = np.diff(state.edges)
    profiles = {"profile": state.delta_A_V, "answer": np.full_like(width, np.nan) if answer is None else answer}
    return {
        name: {
            "distance": state.edges,
            "total": cumulative(values[None])[0],
            "density": np.append(values / width, values[-1] / width[-1]),
        }
        for name, values in profiles.items()
    }
