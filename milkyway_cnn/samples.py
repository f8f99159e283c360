"""The stream of training examples: numbered, made on the fly, the same anywhere.

Example number N of a split and a seed has the same profile and the same diagram whatever the batch it comes
in, the number of threads, or the host: everything random in it descends from one key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from milkyway_cnn.diagrams import AXES, DiagramAxes, bare_diagram, parents, star_density, survey_parameters
from milkyway_cnn.extinction.law import DEFAULT
from milkyway_cnn.extinction.profiles import ProfilePrior, cumulative, draw_profiles, envelope
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.kernels import draws, fields
from milkyway_cnn.kernels.examples import draw_diagrams
from milkyway_cnn.sightlines import distance_edges
from milkyway_cnn.storage import replacing

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["SPLITS", "Examples", "Randomization", "Stream", "load", "store"]

#: Branch of the seed that each split grows from: no example of one can appear in another.
SPLITS = {"training": 0, "validation": 1, "test": 2}
#: Parents are drawn in this many times the solid angle of a cell, so that no star becomes familiar.
_PARENT_FACTOR = 20.0


@dataclass(frozen=True)
class Randomization:
    """What the model may be wrong about, drawn anew for each example so that the network does not rely on it.

    Parameters
    ----------
    density
        The dusty diagram holds 10^u times the modeled stars, u uniform in +-density (dex).
    color
        J-Ks of all stars is shifted by up to +-color (mag): zero points, and the model's own colors.
    beam
        Largest standard deviation of ln(A_V) from star to star at one distance: dust that varies inside the
        cell; uniform from 0.
    """

    density: float = 0.04
    color: float = 0.01
    beam: float = 0.4


@dataclass(frozen=True)
class Examples:
    """A batch of examples.

    Parameters
    ----------
    diagrams
        Dusty diagrams, stars per pixel: (n, pixels, pixels) uint16.
    bare
        The same sightline without dust, expected stars per pixel: (n, pixels, pixels) float32.
    delta_A_V
        The profile (mag per bin): (n, bins) float32.
    sightline
        Index of each example's sightline: (n,) int64.
    outside
        Stars of each example inside the cut but off the diagram: (n,) int32.
    """

    diagrams: np.ndarray
    bare: np.ndarray
    delta_A_V: np.ndarray
    sightline: np.ndarray
    outside: np.ndarray


class Stream:
    """Examples from several sightlines at once.

    Parameters
    ----------
    sightlines
        Galactic (l, b) in degrees; example N belongs to sightline N modulo their number.
    solid_angle
        Solid angle of a diagram on each sightline (square degrees): (sightlines,).
    edges
        Distance bin edges (kpc): (bins + 1,).
    seed
        Everything random descends from it.
    prior, randomization
        Distribution of the profiles, and what else varies.
    axes
        Range and resolution of the diagrams.
    law, R_V
        Extinction law, see `milkyway_cnn.extinction.law`.
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
        axes: DiagramAxes = AXES,
        law: str = DEFAULT,
        R_V: float = 3.1,
    ) -> None:
        self.sightlines = sightlines
        self.solid_angle = np.asarray(solid_angle)
        self.edges = edges
        self.seed = seed
        self.prior = prior
        self.randomization = randomization
        self.axes = axes
        self.law, self.R_V = law, R_V
        self._envelope = np.stack([envelope(l, b, edges) for l, b in sightlines])
        self._modes = fields.basis(edges.size - 1)

        lists, density, bare = [], [], []
        for index, ((l, b), area) in enumerate(zip(sightlines, self.solid_angle * _PARENT_FACTOR, strict=True)):
            stars = synthesize(l, b, area, seed=seed + index)
            # The kernel draws runs of neighbors, who must not have anything in common.
            lists.append(np.random.default_rng((seed, index)).permutation(parents(stars)))
            density.append(star_density(stars, area))
            bare.append(bare_diagram(stars, area, seed=seed + index, axes=axes) * np.float32(solid_angle[index]))
        self.bare = np.stack(bare)
        self._stars = np.concatenate(lists)
        self._number = np.array([len(stars) for stars in lists], np.int64)
        self._first = np.cumsum(self._number) - self._number
        self._survey = survey_parameters(np.array(density), law, R_V)

    def describe(self) -> dict[str, Any]:
        """What the stream is made of, as plain values for JSON; `Stream.of` makes the same stream of it."""
        return {
            "sightlines": [list(sightline) for sightline in self.sightlines],
            "solid_angle": [float(area) for area in self.solid_angle],
            "bins": self.edges.size - 1,
            "bin_width": float(self.edges[1]),
            "seed": self.seed,
            "prior": asdict(self.prior),
            "randomization": asdict(self.randomization),
            "axes": asdict(self.axes),
            "law": self.law,
            "R_V": self.R_V,
        }

    @classmethod
    def of(cls, description: dict[str, Any]) -> Stream:
        """Make the stream that `describe` described."""
        axes = description["axes"]
        return cls(
            [(l, b) for l, b in description["sightlines"]],
            np.array(description["solid_angle"]),
            distance_edges(description["bins"], description["bin_width"]),
            seed=description["seed"],
            prior=ProfilePrior.of(description["prior"]),
            randomization=Randomization(**description["randomization"]),
            axes=DiagramAxes(tuple(axes["color"]), tuple(axes["magnitude"]), axes["pixels"]),
            law=description["law"],
            R_V=description["R_V"],
        )

    def examples(self, first: int, count: int, split: str = "training") -> Examples:
        """Examples number `first` to `first + count - 1` of a split."""
        numbers = np.arange(first, first + count)
        sightline = numbers % len(self.sightlines)
        profile_keys, star_keys, nuisance_keys = (
            draws.keys(self.seed, SPLITS[split], use, numbers) for use in range(3)
        )
        profiles = draw_profiles(profile_keys, self._envelope[sightline], self.edges, self.prior, self._modes)
        vary = self.randomization
        u = draws.uniforms(nuisance_keys, 0, 3)
        diagrams = np.empty((count, self.axes.pixels, self.axes.pixels), np.uint16)
        outside = np.empty(count, np.int32)
        draw_diagrams(
            self._stars,
            self._first,
            self._number,
            sightline,
            star_keys,
            self._number[sightline] / _PARENT_FACTOR * 10.0 ** (vary.density * (2.0 * u[:, 0] - 1.0)),
            np.float32(vary.beam) * u[:, 1],
            np.float32(vary.color) * (2.0 * u[:, 2] - 1.0),
            cumulative(profiles),
            (self.edges.size - 1) / float(self.edges[-1]),
            self._survey,
            self.axes.kernel(),
            diagrams,
            outside,
        )
        return Examples(diagrams, self.bare[sightline], profiles, sightline, outside)


#: Examples made and written at once; the stored sample does not depend on it.
_CHUNK = 1024


def store(
    stream: Stream, split: str, count: int, path: Path, on_examples: Callable[[int], None] = lambda made: None
) -> None:
    """Write the first `count` examples of a split to a zarr store, with the stream's description.

    The store holds `diagram` (example, magnitude, color) uint16, `delta_A_V` (example, distance) float32,
    `sightline` and `outside` (example), and `bare` (sightline, magnitude, color) float32.

    Parameters
    ----------
    on_examples
        Called with the number of examples after each chunk.
    """
    import xarray as xr

    chunks = []
    for first in range(0, count, _CHUNK):
        chunks.append(stream.examples(first, min(_CHUNK, count - first), split))
        on_examples(len(chunks[-1].sightline))
    image = ("magnitude", "color")
    middle = 0.5 * (stream.edges[:-1] + stream.edges[1:])
    data = xr.Dataset(
        {
            "diagram": (("example", *image), np.concatenate([c.diagrams for c in chunks]), {"units": "stars / pixel"}),
            "delta_A_V": (("example", "distance"), np.concatenate([c.delta_A_V for c in chunks]), {"units": "mag"}),
            "outside": ("example", np.concatenate([c.outside for c in chunks]), {"units": "stars"}),
            "sightline": ("example", np.concatenate([c.sightline for c in chunks])),
            "bare": (("sightline_number", *image), stream.bare, {"units": "stars / pixel"}),
        },
        coords={"distance": ("distance", middle, {"units": "kpc"}), **stream.axes.centers()},
        attrs={"split": split, "stream": json.dumps(stream.describe())},
    )
    with replacing(path) as temporary:
        data.to_zarr(temporary, zarr_format=3, consolidated=False)


def load(path: Path) -> xr.Dataset:
    """Open a stored sample; `Stream.of(json.loads(sample.attrs["stream"]))` is the stream that made it."""
    import xarray as xr

    return xr.open_zarr(path, consolidated=False, chunks=None)  # not of Dask, where it is installed
