"""Figures that show a Galaxy model and hold it to what is known: counts, luminosity functions, anchors, real stars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from milkyway_cnn.figures import FIRST, SECOND, Figure, in_longitude
from milkyway_cnn.galaxy.anchors import Anchor
from milkyway_cnn.galaxy.besancon import BesanconCatalog
from milkyway_cnn.galaxy.density import GalaxyModel
from milkyway_cnn.galaxy.evolution import PHASES
from milkyway_cnn.galaxy.populations import states
from milkyway_cnn.galaxy.stars import Stars
from milkyway_cnn.galaxy.synthesis import expected_counts

__all__ = [
    "against_anchors",
    "against_stars",
    "counts_by_direction",
    "hertzsprung_russell",
    "luminosity_functions",
    "ridge",
]

#: Colors of several curves, apart for the color-blind too, and their line styles.
_CURVES = ((FIRST, "-"), (SECOND, "--"), ("#009E73", "-."), ("#CC79A7", ":"))
#: Colors of phases of evolution in the Hertzsprung-Russell diagram.
_PHASES = dict(zip(PHASES, ("0.6", "#56B4E9", FIRST, SECOND, "#F0E442", "#CC79A7"), strict=True))


def counts_by_direction(
    models: Mapping[str, GalaxyModel], latitudes: Sequence[float] = (0.0, 5.0, 20.0), step: float = 10.0
) -> Figure:
    """Stars per square degree with J < 15.8 and Ks < 14.3, without extinction, along lines of Galactic latitude."""
    longitude = np.arange(0.0, 360.0 + step / 2, step)
    figure = Figure(11.0, 4.2)
    for axes, b in zip(figure.subplots(1, len(latitudes), sharex=True), latitudes, strict=True):
        for (name, model), (color, style) in zip(models.items(), _CURVES, strict=False):
            counts = [expected_counts(float(l), b, model=model) for l in longitude]
            axes.plot(longitude, counts, style, color=color, label=name)
        axes.set_yscale("log")
        axes.set_title(f"b = {b:g} deg")
        in_longitude(axes.xaxis)
        axes.set_xlim(360.0, 0.0)
        axes.set_xticks(np.arange(0.0, 361.0, 90.0))
    figure.axes[0].set_ylabel("stars / deg$^2$ without dust")
    figure.axes[0].legend()
    return figure


def luminosity_functions(models: Mapping[str, GalaxyModel]) -> Figure:
    """Stars per pc^3 and magnitude at the Sun by M_Ks: thin disc, thick disc and spheroid of each model."""
    edges = np.arange(-8.0, 12.1, 0.25)
    figure = Figure(11.0, 4.2)
    parts = {"thin disc": range(1, 8), "thick disc": (8,), "spheroid": (9,)}
    for axes, (part, numbers) in zip(figure.subplots(1, 3, sharex=True), parts.items(), strict=True):
        for (name, model), (color, style) in zip(models.items(), _CURVES, strict=False):
            total = np.zeros(edges.size - 1)
            for number, component in zip(model.numbers, model.components, strict=True):
                if number in numbers:
                    s = states(component, model.binary_fraction, model.isochrones)
                    total += np.histogram(s.magnitudes[:, 2], edges, weights=s.number)[0]
            seen = np.where(total > 0, total / np.diff(edges), np.nan)
            axes.stairs(seen, edges, baseline=None, color=color, ls=style, label=name)
        axes.set_yscale("log")
        axes.set_title(part)
        axes.set_xlabel("$M_{K_s}$ (mag)")
        axes.set_xlim(edges[0], edges[-1])
    figure.axes[0].set_ylabel("stars / pc$^3$ / mag at the Sun")
    figure.axes[0].legend(loc="lower right")
    return figure


def against_anchors(anchors: Sequence[Anchor]) -> Figure:
    """Each number here over the published one, on its tolerance."""
    figure = Figure(9.0, 0.5 * len(anchors) + 1.2)
    axes = figure.subplots()
    for row, anchor in enumerate(anchors):
        axes.barh(row, 2 * anchor.tolerance, left=1 - anchor.tolerance, height=0.6, color="0.88")
        axes.plot(anchor.ours / anchor.published, row, "o", color=FIRST if anchor.holds else SECOND)
        axes.annotate(
            f"{anchor.ours / anchor.published - 1:+.1%}", (1.13, row), va="center", ha="right", fontsize="small"
        )
    axes.axvline(1.0, color="0.4", lw=1)
    axes.set_yticks(range(len(anchors)), [anchor.name for anchor in anchors])
    axes.set_xlim(0.86, 1.14)
    axes.set_ylim(len(anchors) - 0.4, -0.6)
    axes.set_xlabel("here / published (gray: tolerance)")
    return figure


def ridge(log_teff: np.ndarray, magnitude: np.ndarray, edges: np.ndarray, fewest: int = 15) -> np.ndarray:
    """Median log Teff in bins of absolute magnitude, NaN where there are fewer stars: (bins,)."""
    cell = np.digitize(magnitude, edges) - 1
    inside = [log_teff[cell == n] for n in range(edges.size - 1)]
    return np.array([np.median(some) if some.size >= fewest else np.nan for some in inside])


def hertzsprung_russell(
    stars: Stars,
    catalogs: Mapping[str, tuple[BesanconCatalog, Stars]] | None = None,
    components: Sequence[int] = (6, 8),
) -> Figure:
    """Modeled stars by class in the Hertzsprung-Russell diagram; beside it outputs of the Besancon model with ridges.

    Parameters
    ----------
    stars
        Modeled stars.
    catalogs
        Label -> output of the Besancon model, and modeled stars of the same direction and limits.
    components
        Whose stars and ridges (median Teff at each M_Ks) are compared.
    """
    catalogs = catalogs or {}
    figure = Figure(4.6 + 4.4 * len(catalogs), 5.0)
    first, *others = np.atleast_1d(figure.subplots(1, 1 + len(catalogs), sharex=True, sharey=True))
    table = stars.table()
    log_teff, magnitude = np.log10(table["Teff"].value), _absolute(stars)
    for number, name in ((5, "dwarfs"), (4, "subgiants"), (3, "giants"), (2, "bright giants"), (1, "supergiants")):
        chosen = np.flatnonzero(table["luminosity_class"] == number)[:20_000]
        color = list(_PHASES.values())[5 - number]
        first.plot(log_teff[chosen], magnitude[chosen], ".", ms=1.5, color=color, rasterized=True)
        first.plot([], [], "o", color=color, label=name)
    first.set(xlim=(4.3, 3.4), ylim=(11.0, -8.0), xlabel="log $T_{eff}$ (K)", ylabel="$M_{K_s}$ (mag)", title="model")
    first.legend(fontsize="small", loc="lower left")
    edges = np.arange(-6.0, 10.1, 1.0)
    middle = 0.5 * (edges[1:] + edges[:-1])
    for axes, (label, (catalog, ours)) in zip(others, catalogs.items(), strict=True):
        theirs = catalog.Ks - 5.0 * np.log10(catalog.distance) - 10.0
        axes.plot(catalog.log_teff, theirs, ".", ms=1.5, color="0.7", rasterized=True)
        teff = np.log10(ours.table()["Teff"].value)
        for number, (color, _) in zip(components, _CURVES, strict=False):
            here, there = ours.component == number, catalog.component == number
            model_ridge = ridge(teff[here], _absolute(ours)[here], edges)
            axes.plot(model_ridge, middle, "-", color=color, label=f"component {number}, here")
            axes.plot(ridge(catalog.log_teff[there], theirs[there], edges), middle, "o", color=color, label="Besancon")
        axes.set(title=label, xlabel="log $T_{eff}$ (K)")
        axes.legend(fontsize="small", loc="lower left")
    return figure


def against_stars(
    observed: tuple[np.ndarray, np.ndarray], modeled: tuple[np.ndarray, np.ndarray], times: float
) -> Figure:
    """Counts and median colors of real and modeled stars in half magnitudes of Ks from 9 to 14.

    Parameters
    ----------
    observed, modeled
        J and Ks (mag).
    times
        The modeled area over the observed one.
    """
    edges = np.arange(9.0, 14.1, 0.5)
    middle = 0.5 * (edges[1:] + edges[:-1])
    figure = Figure(11.0, 4.2)
    left, right = figure.subplots(1, 2, sharex=True)
    real, ours = (np.histogram(Ks, edges)[0] for _, Ks in (observed, modeled))
    left.axhspan(0.8, 1.2, color="0.9")
    ratio = ours / times / np.maximum(real, 1)
    left.errorbar(middle, ratio, ratio / np.sqrt(np.maximum(real, 1)), fmt="o", color=FIRST)
    left.set(xlabel="$K_s$ (mag)", ylabel="modeled / observed counts", ylim=(0.5, 1.5))
    left.axhline(1.0, color="0.4", lw=1)
    for (J, Ks), label, color, marker in ((observed, "observed", SECOND, "o"), (modeled, "modeled", FIRST, "s")):
        cell = np.digitize(Ks, edges) - 1
        colors = [(J - Ks)[cell == n] for n in range(middle.size)]
        median = np.array([np.median(some) if some.size else np.nan for some in colors])
        error = [1.253 * some.std() / np.sqrt(some.size) if some.size else np.nan for some in colors]
        right.errorbar(middle, median, error if label == "observed" else 0.05, fmt=marker, color=color, label=label)
    right.set(xlabel="$K_s$ (mag)", ylabel="median $J - K_s$ (mag)")
    right.legend(title="bars: error; 0.05 mag")
    return figure


def _absolute(stars: Stars) -> np.ndarray:
    return stars.Ks - 5.0 * np.log10(stars.distance) - 10.0
