"""Figures of what goes in and of learning: star counts, diagrams, mock profiles, training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.figures import DIFFERENCE, UNOBSERVED, Figure, in_longitude
from milkyway_cnn.nn import Record
from milkyway_cnn.sightlines import cells_of

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = [
    "census",
    "diagrams",
    "diagrams_beside",
    "errors_by_distance",
    "held_out",
    "mock_profiles",
    "star_counts",
    "stars_per_square_degree",
    "training_curves",
    "trainings",
]

#: Color map of star counts: another one than that of extinction, equally safe for the color-blind.
STARS = "viridis"


def stars_per_square_degree(observed: xr.Dataset, least_coverage: float = 0.9) -> xr.DataArray:
    """Stars per square degree of `diagrams.over_channels`, (b, l); NaN where the catalog covers too little."""
    counts = (observed["stars"] + observed["outside"]) / observed["solid_angle"]
    return counts.transpose("b", "l").where(observed["coverage"] >= least_coverage)


def star_counts(observed: xr.Dataset, least_coverage: float = 0.9) -> Figure:
    """Stars per square degree that enter the diagrams, on the sky; gray where the catalog covers too little."""
    counts = stars_per_square_degree(observed, least_coverage) / 1e3
    l, b = observed["l"].values, observed["b"].values
    half = 0.5 * float(l[1] - l[0] if l.size > 1 else b[-1] - b[0] if b.size > 1 else 1.0)
    squeeze = float(np.cos(np.radians(b.mean())))
    figure = Figure(9.0, float(np.clip(8.0 * b.size / (l.size * squeeze), 1.2, 6.0)) + 1.0, layout="compressed")
    axes = figure.subplots()
    axes.set_facecolor(UNOBSERVED)
    extent = (l[-1] + half, l[0] - half, b[0] - half, b[-1] + half)
    image = axes.imshow(counts.values[:, ::-1], origin="lower", extent=extent, cmap=STARS, interpolation="nearest")
    axes.set_aspect(1.0 / squeeze)
    in_longitude(axes.xaxis)
    axes.set_ylabel("Galactic latitude $b$ (deg)")
    figure.colorbar(image, ax=axes, label="1000 stars / deg$^2$", fraction=0.03, pad=0.015)
    return figure


def census(counted: xr.Dataset, band: str | None = None) -> Figure:
    """Maps of `surveys.census`: stars that a diagram accepts, and in a band what crowding costs and where counts end.

    Parameters
    ----------
    band
        By default the last.
    """
    from matplotlib.collections import PolyCollection

    cells = cells_of(counted.attrs)
    band = str(counted["band"].values[-1]) if band is None else band
    here = counted.sel(band=band)
    name = "$K_s$" if band == "Ks" else f"${band}$"
    panels = {
        "1000 stars / deg$^2$": here["star_density"] / 1e3,
        f"crowding, {name} (mag)": here["crowding"],
        f"turnover, {name} (mag)": here["turnover"],
    }
    corners = cells.outlines()
    middle = float(corners[..., 1].mean())
    squeeze = float(np.cos(np.radians(middle)))
    width, height = np.ptp(corners[..., 0]) * squeeze, np.ptp(corners[..., 1])
    figure = Figure(9.0, 3 * (float(np.clip(7.5 * height / width, 1.0, 5.0)) + 0.5) + 0.5, layout="compressed")
    for axes, (label, values) in zip(figure.subplots(3, 1, sharex=True), panels.items(), strict=True):
        axes.set_facecolor(UNOBSERVED)
        shown = np.ma.masked_invalid(values.where(here["stars"] > 0).values.ravel())
        drawn = PolyCollection(list(corners), array=shown, cmap=STARS, lw=0)
        if label.startswith("crowding"):
            drawn.set_clim(0.0, max(0.1, float(shown.max() or 0.0)))
        axes.add_collection(drawn)
        axes.set_xlim(corners[..., 0].max(), corners[..., 0].min())
        axes.set_ylim(corners[..., 1].min(), corners[..., 1].max())
        axes.set_aspect(1.0 / squeeze)
        axes.set_ylabel("$b$ (deg)")
        figure.colorbar(drawn, ax=axes, label=label, fraction=0.03, pad=0.015)
    in_longitude(axes.xaxis)
    return figure


def diagrams(dusty: xr.DataArray, bare: xr.DataArray, names: Sequence[str] = ("observed", "without dust")) -> Figure:
    """A diagram beside its dust-free counterpart, and the difference, on (magnitude, color), stars per pixel."""
    figure = Figure(11.0, 4.2)
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    top = max(float(dusty.max()), float(bare.max()), 1.0)
    difference = dusty.astype(np.float32) - bare
    depth = max(float(np.abs(difference).max()), 1.0)
    for axes, image, name in zip(panels, (dusty, bare, difference), (*names, "difference"), strict=True):
        signed = name == "difference"
        # The square root shows the sparse giants beside the crowded main sequence.
        norm: Any = _signed(depth) if signed else _root(top)
        mesh = axes.pcolormesh(
            image["color"], image["magnitude"], image, norm=norm, cmap=DIFFERENCE if signed else STARS
        )
        axes.set_title(name)
        axes.set_xlabel(_label(image["color"], "$J - K_s$"))
        if "parallax" not in image["color"].attrs.get("long_name", ""):
            axes.set_xlim(-0.3, min(4.0, float(image["color"].max())))
        bar = figure.colorbar(mesh, ax=axes, label="stars / pixel")
        if signed:  # those next to zero would stand on each other
            powers = 10.0 ** np.arange(np.ceil(np.log10(2 * norm.linthresh)), np.log10(depth) + 1e-9)
            ticks = [*(-powers[::-1]), 0.0, *powers]
            bar.set_ticks(ticks, labels=[f"{tick:g}".replace("-", "−") for tick in ticks])
            bar.minorticks_off()
    bright, faint = float(dusty["magnitude"].min()), float(dusty["magnitude"].max())
    panels[0].set_ylim(faint, bright)
    panels[0].set_ylabel(_label(dusty["magnitude"], "$K_s$"))
    return figure


def diagrams_beside(images: Mapping[str, xr.DataArray]) -> Figure:
    """Diagrams on (magnitude, color), stars per pixel, by their titles, up to four in a row, on one scale of colors.

    Raises
    ------
    InputError
        When there is none.
    """
    if not images:
        msg = "there is no diagram to be drawn; pick at least one sightline"
        raise InputError(msg)
    columns, rows = min(len(images), 4), -(-len(images) // 4)
    figure = Figure(3.0 * columns + 1.0, 3.6 * rows)
    panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    norm = _root(max(1.0, *(float(image.max()) for image in images.values())))
    for axes, (title, image) in zip(panels, images.items(), strict=False):
        mesh = axes.pcolormesh(image["color"], image["magnitude"], image, norm=norm, cmap=STARS)
        axes.set_title(f"{title}\n{int(image.sum()):,} stars", fontsize="medium")
        axes.set_xlabel(_label(image["color"], "$J - K_s$"))
    for axes in panels[len(images) :]:
        axes.set_visible(False)
    first = next(iter(images.values()))["magnitude"]
    panels[0].set_ylim(float(first.max()), float(first.min()))
    for axes in panels[::columns]:
        axes.set_ylabel(_label(first, "$K_s$"))
    figure.colorbar(mesh, ax=list(panels), label="stars / pixel")
    return figure


def _label(axis: xr.DataArray, otherwise: str) -> str:
    """Name of what an axis measures, with its unit."""
    parts = axis.attrs.get("long_name", "").split("-")
    symbols = ["$K_s$" if part == "Ks" else part if part == "parallax" else f"${part}$" for part in parts]
    return f"{' − '.join(symbols) if parts[0] else otherwise} ({axis.attrs.get('units', 'mag')})"


def _root(top: float) -> Any:
    from matplotlib.colors import PowerNorm

    return PowerNorm(0.5, vmin=0.0, vmax=top)


def _signed(depth: float) -> Any:
    from matplotlib.colors import SymLogNorm

    return SymLogNorm(linthresh=max(1.0, depth / 30), vmin=-depth, vmax=depth)


def mock_profiles(delta_A_V: np.ndarray, edges: np.ndarray, shown: int = 12) -> Figure:
    """The first mock profiles, per bin and cumulative, over the median and the middle 68 % of all of them.

    Parameters
    ----------
    delta_A_V
        (profiles, bins) in mag.
    edges
        Bin edges (kpc): (bins + 1,).
    """
    from matplotlib import colormaps

    figure = Figure(11.0, 4.2)
    below, above = figure.subplots(1, 2)
    total = np.cumsum(delta_A_V, axis=1)
    for axes, values, label in ((below, delta_A_V, "$A_V$ per bin (mag)"), (above, total, "$A_V$ to distance (mag)")):
        low, middle, high = np.quantile(values, (0.16, 0.5, 0.84), axis=0)
        axes.stairs(high, edges, baseline=low, fill=True, color="0.85", label="middle 68 %")
        axes.stairs(middle, edges, baseline=None, color="k", lw=1.5, label="median")
        for profile, color in zip(values, colormaps[STARS](np.linspace(0, 0.9, shown)), strict=False):
            axes.stairs(profile, edges, baseline=None, lw=0.9, alpha=0.8, color=color)
        axes.set_xlabel("distance (kpc)")
        axes.set_ylabel(label)
        axes.set_xlim(0, edges[-1])
        axes.set_yscale("symlog", linthresh=0.1 if axes is below else 1.0)
        axes.set_ylim(bottom=0)
    above.legend(loc="lower right")
    return figure


def training_curves(records: Sequence[Record]) -> Figure:
    """Loss of training and validation, and the learning rate, epoch by epoch."""
    figure = Figure(8.0, 4.2)
    axes = figure.subplots()
    epochs = [record.epoch for record in records]
    axes.plot(epochs, [record.loss for record in records], "o-", ms=3, label="training")
    axes.plot(epochs, [record.validation_loss for record in records], "s-", ms=3, label="validation")
    axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    rate = axes.twinx()
    rate.plot(epochs, [record.rate for record in records], ":", color="0.4", label="learning rate")
    rate.set_yscale("log")
    rate.set_ylabel("learning rate")
    axes.legend(handles=[*axes.lines, *rate.lines])
    return figure


def trainings(histories: Mapping[str, xr.Dataset]) -> Figure:
    """Validation loss by epoch of several trainings, name -> history (see `training.history`)."""
    figure = Figure(8.0, 4.2)
    axes = figure.subplots()
    _in_turn(axes, len(histories))
    for name, history in histories.items():
        axes.plot(history["epoch"], history["validation_loss"], marker="o", ms=3, label=name)
    axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation loss")
    axes.legend(fontsize="small")
    return figure


def errors_by_distance(errors: Mapping[str, Mapping[float, float]]) -> Figure:
    """Relative error of A_V to some distances of several maps, name -> distance (kpc) -> error."""
    figure = Figure(8.0, 4.2)
    axes = figure.subplots()
    _in_turn(axes, len(errors))
    for name, values in errors.items():
        axes.plot(list(values), [100 * value for value in values.values()], marker="o", label=name)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("distance (kpc)")
    axes.set_ylabel("median error of $A_V$ to distance (%)")
    axes.legend(fontsize="small")
    return figure


def _in_turn(axes: Axes, curves: int) -> None:
    """Give as many curves colors and dashes that the color-blind can tell apart."""
    from cycler import cycler
    from matplotlib import colormaps

    colors = colormaps["viridis"](np.linspace(0, 0.9, max(curves, 1)))
    dashes = [("-", "--", ":", "-.")[place % 4] for place in range(max(curves, 1))]
    axes.set_prop_cycle(cycler(color=colors) + cycler(linestyle=dashes))


def held_out(predicted: np.ndarray, true: np.ndarray, edges: np.ndarray, at: Sequence[float] = (1, 2, 4, 8)) -> Figure:
    """Predicted against true cumulative A_V of a held-out sample at some distances (kpc).

    `predicted` and `true` are A_V per bin, (examples, bins) in mag.
    """
    from matplotlib.colors import LogNorm

    figure = Figure(3.2 * len(at) + 0.8, 3.6)
    norm = LogNorm(1, max(len(predicted) / 30, 2))
    panels: list[Axes] = list(np.atleast_1d(figure.subplots(1, len(at))))
    for axes, distance in zip(panels, at, strict=True):
        last = min(int(np.searchsorted(edges, distance - 1e-6)), true.shape[1])
        x, y = true[:, :last].sum(axis=1), predicted[:, :last].sum(axis=1)
        top = max(float(np.quantile(x, 0.995)), 1.0)
        drawn = axes.hexbin(x, y, gridsize=40, extent=(0, top, 0, top), norm=norm, mincnt=1, cmap=STARS)
        axes.plot([0, top], [0, top], color="0.5", lw=1)
        axes.set_title(f"to {distance:g} kpc")
        axes.set_xlabel("true $A_V$ (mag)")
        axes.set_aspect("equal")
    panels[0].set_ylabel("predicted $A_V$ (mag)")
    figure.colorbar(drawn, ax=panels, label="examples", extend="max", pad=0.01, fraction=0.04, aspect=20)
    return figure
