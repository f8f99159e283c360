"""The model's stars in the planes in which one looks at stars: Hertzsprung-Russell and color-color diagrams."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from milkyway_cnn.figures import FIRST, SECOND, Figure
from milkyway_cnn.galaxy.dwarfs import DWARFS
from milkyway_cnn.galaxy.stars import Stars
from milkyway_cnn.surveys.registry import BANDS

__all__ = ["color_diagrams", "mean_dwarfs"]

# Planes: horizontal color, vertical color or absolute magnitude, and their ranges (mag).
_PLANES = (
    ("J-Ks", "Ks", (-0.3, 1.5), (9.5, -8.0)),
    ("BP-RP", "G", (-0.7, 5.0), (16.5, -7.0)),
    ("r-i", "r", (-0.5, 2.2), (16.5, -7.0)),
    ("BP-RP", "G-RP", (-0.7, 5.0), (-0.5, 1.7)),
    ("H-Ks", "J-H", (-0.15, 0.6), (-0.3, 1.1)),
    ("r-i", "g-r", (-0.5, 2.2), (-0.7, 1.7)),
    ("r-i", "i-z", (-0.5, 2.2), (-0.4, 1.1)),
    ("r-i", "z-J", (-0.5, 2.2), (-0.1, 2.2)),
)
_BINS = 180


def mean_dwarfs() -> dict[str, np.ndarray]:
    """Magnitudes less Ks of the mean dwarfs of Pecaut & Mamajek, in 2MASS and Gaia: (types,) each."""
    H = DWARFS["H-Ks"]
    G = DWARFS["G-Ks"]
    RP = G - DWARFS["G-RP"]
    return {"Ks": np.zeros_like(H), "H": H, "J": H + DWARFS["J-H"], "G": G, "RP": RP, "BP": RP + DWARFS["BP-RP"]}


def color_diagrams(stars: Stars, others: Mapping[str, Mapping[str, np.ndarray]] | None = None) -> Figure:
    """Number of stars, on a logarithmic scale, in three Hertzsprung-Russell and five color-color diagrams.

    Parameters
    ----------
    stars
        Modeled stars; their absolute magnitudes are shown.
    others
        Label -> band -> magnitudes of what is drawn over them as points, by default `mean_dwarfs`. In the planes of
        an absolute magnitude only those whose magnitudes have the key `absolute` are drawn.
    """
    others = {"mean dwarfs": mean_dwarfs()} if others is None else others
    modulus = 5.0 * np.log10(stars.distance) + 10.0
    absolute = {band: stars.magnitude(band) - modulus for band in BANDS}
    figure = Figure(15.0, 7.4)
    planes = zip(np.ravel(figure.subplots(2, 4)), _PLANES, strict=True)
    for axes, (across, up, x_range, y_range) in planes:
        limits = [x_range, tuple(sorted(y_range))]
        x, y = _quantity(absolute, across), _quantity(absolute, up)
        counts, x_edges, y_edges = np.histogram2d(x, y, _BINS, range=limits)
        axes.pcolormesh(x_edges, y_edges, np.ma.masked_less(counts.T, 1.0), norm=LogNorm(0.7), cmap="Greys")
        for (label, bands), color, marker in zip(others.items(), (SECOND, FIRST, "#009E73"), "o+x", strict=False):
            if _known(bands, across) and _known(bands, up) and ("-" in up or "absolute" in bands):
                axes.plot(_quantity(bands, across), _quantity(bands, up), marker, color=color, ms=3.5, label=label)
        _label(axes, across, up)
        axes.set(xlim=x_range, ylim=y_range)
    drawn = {str(line.get_label()): line for axes in figure.axes for line in axes.lines}
    if drawn:
        figure.legend(list(drawn.values()), list(drawn), loc="outside upper center", ncols=len(drawn))
    return figure


def _quantity(bands: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    blue, *red = name.split("-")
    return bands[blue] - bands[red[0]] if red else bands[blue]


def _known(bands: Mapping[str, np.ndarray], name: str) -> bool:
    return set(name.split("-")) <= set(bands)


def _label(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(f"{across} (mag)")
    axes.set_ylabel(f"{up} (mag)" if "-" in up else f"absolute {up} (mag)")
