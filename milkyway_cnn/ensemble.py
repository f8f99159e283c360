"""One or several networks asked for profiles, with what their answers scatter by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.nn import Network
from milkyway_cnn.nn.features import features

__all__ = ["Ensemble", "Read", "network_file"]

#: Diagrams of one pass: all draws of so many are in memory at once.
_BATCH = 512


def network_file(path: str | Path) -> Path:
    """Return the absolute path of the network of a run's folder, or of the file that is named itself.

    Raises
    ------
    InputError
        When there is none.
    """
    place = Path(path).expanduser().absolute()
    found = place / "network" / "network.npz" if place.is_dir() else place
    if not found.is_file():
        msg = f"there is no trained network at {found}; give the folder of a run whose training is done, or its file"
        raise InputError(msg)
    return found


class Read(NamedTuple):
    """What an ensemble has read from n diagrams."""

    delta_A_V: np.ndarray  # mean over draws, of either sign (mag per bin): (n, bins) float32
    A_V_variance: np.ndarray  # variance over draws of A_V to the far edge of a bin (mag^2): (n, bins) float32
    delta_A_V_variance: np.ndarray  # the same of each bin by itself
    features: np.ndarray  # what the last layer of the first network has seen: (n, width) float32
    A_V_draws: np.ndarray  # A_V to the far edge of a bin, of each draw: (n, draws, bins) float32; no draws if not kept
    fit: np.ndarray  # what a fit tells of itself, see `refinement`: (n, measures) float32; none where there was none


@dataclass(frozen=True)
class Ensemble:
    """Networks that read the same diagrams.

    Parameters
    ----------
    networks
        The first is that of the run; others, of other runs, have learned from the same kind of diagrams.
    samples
        Draws of Monte-Carlo dropout (Gal & Ghahramani 2016, arXiv:1506.02142) from each network that has dropout; 0
        for none.
    seed
        Of these draws.

    Raises
    ------
    InputError
        When a network takes other diagrams or has other distance bins than the first.
    """

    networks: Sequence[Network]
    samples: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        first = self.networks[0]
        for number, network in enumerate(self.networks[1:], 2):
            shapes = [(each.input_shape, each.output_shape) for each in (first, network)]
            if shapes[0] != shapes[1]:
                msg = (
                    f"network {number} of the ensemble reads {shapes[1][0]} into {shapes[1][1]}, the first "
                    f"{shapes[0][0]} into {shapes[0][1]}; choose runs with the same diagrams and bins"
                )
                raise InputError(msg)

    @classmethod
    def of(cls, runs: Sequence[str | Path], samples: int = 0, seed: int = 0) -> Ensemble:
        """Take the trained networks of the folders of runs, or network files, see `network_file`."""
        return cls([Network.load(network_file(run)) for run in runs], samples, seed)

    @property
    def draws(self) -> int:
        """Answers to each diagram, of all networks together."""
        return sum(self.samples if self._random(network) else 1 for network in self.networks)

    def read(self, images: Any, *, keep_draws: bool = False) -> Read:
        """Read diagrams (n, channels, pixels, pixels); without draws and with one network variances are 0."""
        parts = []
        for begin in range(0, max(1, images.shape[0]), _BATCH):
            some = images[begin : begin + _BATCH]
            draws = np.concatenate([self._draws(network, some, begin) for network in self.networks])
            A_V = np.cumsum(draws, axis=2)
            kept = A_V.swapaxes(0, 1)[:, : None if keep_draws else 0]
            spread = A_V.var(axis=0), draws.var(axis=0)
            fit = np.empty((len(some), 0), np.float32)
            parts.append(Read(draws.mean(axis=0), *spread, features(self.networks[0], some), kept, fit))
        return Read(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _draws(self, network: Network, images: Any, begin: int) -> np.ndarray:
        if self._random(network):
            return network.predict(images, samples=self.samples, seed=self.seed + begin)
        return network.predict(images)[None]

    def _random(self, network: Network) -> bool:
        return self.samples > 0 and any(layer.random for layer in network.layers)
