"""The stream of training examples: numbered, made on the fly, the same anywhere.

Example number N of a seed has the same profile and the same diagram whatever the batch it comes in, the number of
threads, or the host: everything random in it descends from one key. The number also says to which split it belongs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from milkyway_cnn.backend import current
from milkyway_cnn.channels import Draws, channel
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.horizon import LEAST_STARS, horizon
from milkyway_cnn.extinction.law import DEFAULT, ratio
from milkyway_cnn.extinction.profiles import MockProfiles, ProfilePrior, cumulative
from milkyway_cnn.galaxy.models import Galaxy, chosen, describe
from milkyway_cnn.kernels import draws, variation
from milkyway_cnn.surveys.diagrams import Diagram, diagram_named

__all__ = ["SPLITS", "Examples", "Randomization", "Stream", "numbers"]

#: Which of every hundred numbers belong to a split, as in the founding work: 94, 5 and 1 %.
SPLITS = {"training": range(94), "validation": range(94, 99), "test": range(99, 100)}


@dataclass(frozen=True)
class Randomization:
    """What the model may be wrong about, drawn anew for each example so that the network does not rely on it.

    Parameters
    ----------
    density
        The dusty diagram holds 10^u times the modeled stars, u uniform in +-density (dex), in each channel anew.
    color
        What runs along the columns, as J-Ks, is shifted for all stars by up to +-color (mag, or mas of parallaxes), in
        each channel anew: zero points, and the model's own colors.
    beam
        Largest standard deviation of ln(A_V) from star to star at one distance: dust that varies inside the
        cell; uniform from 0.
    magnitude
        All stars are fainter in all bands by up to +-magnitude (mag): zero points, and the absolute magnitude of the
        red clump, by which distances are told.
    depth
        The surveys are complete to +-depth (mag) deeper than modeled.
    R_V
        Half range of R_V about the stream's; wants a law that is published for it.
    """

    density: float = 0.04
    color: float = 0.01
    beam: float = 0.4
    magnitude: float = 0.0
    depth: float = 0.0
    R_V: float = 0.0


@dataclass(frozen=True)
class Examples:
    """A batch of examples.

    Parameters
    ----------
    diagrams
        Dusty diagrams, stars per pixel: (n, pixels, pixels) uint16; of several kinds (n, channels, pixels, pixels).
    expected
        Each sightline without dust, expected stars per pixel: (sightlines, ...) float32, of the diagrams' shape.
    delta_A_V
        The profile (mag per bin): (n, bins) float32.
    horizon
        Distance behind which fewer than 20 stars are expected in any of its diagrams (kpc), at most that of the last
        bin: (n,) float32.
    sightline
        Index of each example's sightline: (n,) int64.
    outside
        Stars of each example inside the cut but off the diagram: (n,) int32, or (n, channels).
    """

    diagrams: np.ndarray
    expected: np.ndarray
    delta_A_V: np.ndarray
    horizon: np.ndarray
    sightline: np.ndarray
    outside: np.ndarray

    @property
    def bare(self) -> np.ndarray:
        """The sightline of each example without dust, expected stars per pixel: the diagrams' shape, float32."""
        return self.expected[self.sightline]


def numbers(first: int, count: int, split: str) -> np.ndarray:
    """Numbers of the examples that are at places `first` to `first + count - 1` of a split: (count,) int64.

    No number is in two splits, however many are taken of each.
    """
    made = np.empty((2, count), np.int64)
    variation.numbered(first, SPLITS[split], 1, *made)
    return made[0]


class Stream:
    """Examples from several sightlines at once.

    Parameters
    ----------
    sightlines
        Galactic (l, b) in degrees; the examples of a split belong to them in turn.
    solid_angle
        Solid angle of a diagram on each sightline (square degrees): (sightlines,).
    edges
        Distance bin edges (kpc): (bins + 1,).
    seed
        Everything random descends from it.
    prior, randomization
        Distribution of the profiles, and what else varies.
    kinds
        Diagrams, or names of them: one, or several that become channels. They must have as many pixels.
    law, R_V
        Extinction law, see `milkyway_cnn.extinction.law`.
    galaxy
        Whose stars these are: a Galaxy, a model's name, or a path, see `milkyway_cnn.galaxy.models.chosen`.

    Raises
    ------
    InputError
        When there is no such diagram, or their pixels differ.
    """

    def __init__(
        self,
        sightlines: Sequence[tuple[float, float]],
        solid_angle: np.ndarray,
        edges: np.ndarray,
        *,
        seed: int,
        prior: ProfilePrior = ProfilePrior(),
        randomization: Randomization = Randomization(),
        kinds: Sequence[Diagram | str] = ("2mass",),
        law: str = DEFAULT,
        R_V: float = 3.1,
        galaxy: str | dict[str, Any] | Galaxy = "embedded",
    ) -> None:
        self.sightlines = sightlines
        self.solid_angle = np.asarray(solid_angle)
        self.edges = edges
        self.seed = seed
        self.prior = prior
        self.randomization = randomization
        self.law, self.R_V = law, R_V
        self.galaxy = chosen(galaxy)
        self.kinds = tuple(diagram_named(kind) if isinstance(kind, str) else kind for kind in kinds)
        if len({kind.axes.pixels for kind in self.kinds}) != 1:
            sizes = ", ".join(f"{kind.name} {kind.axes.pixels}" for kind in self.kinds)
            msg = f"diagrams that are channels of one image must have as many pixels, not {sizes or 'none at all'}"
            raise InputError(msg)
        for end in (-randomization.R_V, randomization.R_V):
            ratio("Ks", law, R_V + end)  # refuses what the law is not published for
        self._profiles = MockProfiles(sightlines, edges, prior)
        # Of the bins and those behind them; a horizon is not farther than the last bin.
        self._edges = np.minimum(self._profiles.all_edges, edges[-1]).astype(np.float32)
        self._channels = [
            channel(
                kind,
                sightlines,
                self.solid_angle,
                self._profiles.all_edges,
                seed=seed,
                law=law,
                R_V=R_V,
                model=self.galaxy,
            )
            for kind in self.kinds
        ]
        self.bare = self._joined([made.bare for made in self._channels])

    @property
    def pixels(self) -> int:
        """Pixels along each side of a diagram."""
        return self.kinds[0].axes.pixels

    def _joined(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Channels on the second axis, unless there is but one."""
        if len(arrays) == 1:
            return arrays[0]
        if isinstance(arrays[0], np.ndarray):
            return np.stack(arrays, axis=1)
        joined = current().empty((arrays[0].shape[0], len(arrays), *arrays[0].shape[1:]), arrays[0].dtype)
        for index, array in enumerate(arrays):
            joined[:, index] = array
        return joined

    def describe(self) -> dict[str, Any]:
        """What the stream is made of, as plain values for JSON; `Stream.of` makes the same stream of it."""
        return {
            "sightlines": [list(sightline) for sightline in self.sightlines],
            "solid_angle": [float(area) for area in self.solid_angle],
            "edges": self.edges.tolist(),
            "seed": self.seed,
            "prior": asdict(self.prior),
            "randomization": asdict(self.randomization),
            "diagrams": [asdict(kind) for kind in self.kinds],
            "law": self.law,
            "R_V": self.R_V,
            "galaxy": describe(self.galaxy),
        }

    @classmethod
    def of(cls, description: dict[str, Any]) -> Stream:
        """Make the stream that `describe` described: the same to the last bit."""
        return cls(
            [(l, b) for l, b in description["sightlines"]],
            np.array(description["solid_angle"]),
            np.array(description["edges"], np.float32),
            seed=description["seed"],
            prior=ProfilePrior.of(description["prior"]),
            randomization=Randomization(**description["randomization"]),
            kinds=[Diagram.of(kind) for kind in description["diagrams"]],
            law=description["law"],
            R_V=description["R_V"],
            galaxy=description["galaxy"],
        )

    def on(self, sightlines: Sequence[tuple[float, float]], solid_angle: np.ndarray) -> Stream:
        """Make the stream that differs from this one by its sightlines alone."""
        areas = [float(area) for area in solid_angle]
        return Stream.of(self.describe() | {"sightlines": sightlines, "solid_angle": areas})

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process as a description: the stars are modeled there, once."""
        return _described, (json.dumps(self.describe()),)

    def examples(self, first: int, count: int, split: str = "training") -> Examples:
        """Examples at places `first` to `first + count - 1` of a split (see `numbers`).

        All is made where `backend.use` says, and stays there.
        """
        place, vary = current(), self.randomization

        def empty(kind: Any, *shape: int) -> Any:
            return place.empty((count, *shape), kind)

        number, sightline = empty(np.int64), empty(np.int64)
        variation.numbered(first, SPLITS[split], len(self.sightlines), number, sightline)
        profile_keys, nuisance_keys = (draws.keys(self.seed, use, number) for use in (0, 2))
        profiles = self._profiles.draw(profile_keys, sightline)
        A_V = cumulative(profiles)
        # Of the first channel density, beam and color; the others share its beam, for it is the dust's.
        u, common = draws.uniforms(nuisance_keys, 0, 1 + 2 * len(self.kinds)), draws.uniforms(nuisance_keys, 1, 3)
        ranges = vary.density, vary.color, vary.beam, vary.magnitude, vary.depth, vary.R_V
        images, outside, reach = [], [], place.zeros((count,), np.float32)
        for index, made in enumerate(self._channels):
            images.append(empty(np.uint16, self.pixels, self.pixels))
            outside.append(empty(np.int32))
            brightening, scatter, shift, others = (empty(np.float32, *shape) for shape in ((), (), (), (3,)))
            columns = (0, 2) if index == 0 else (1 + 2 * index, 2 + 2 * index)
            variation.vary(u, common, columns, ranges, brightening, scatter, shift, others)
            keys = draws.keys(self.seed, 1 if index == 0 else 2 + index, number)
            per_kpc = (self.edges.size - 1) / float(self.edges[-1])
            what = Draws(sightline, keys, brightening, scatter, shift, A_V, per_kpc, others, vary.R_V)
            made.draw(what, images[-1], outside[-1])
            horizon(A_V, made.visible, sightline, self._edges, LEAST_STARS, brightening=brightening, reach=reach)
        asked = empty(np.float32, self._profiles.bins)
        place.fill(asked, profiles[:, : self._profiles.bins])
        return Examples(self._joined(images), self.bare, asked, reach, sightline, self._joined(outside))


@lru_cache(maxsize=1)
def _described(description: str) -> Stream:
    return Stream.of(json.loads(description))
