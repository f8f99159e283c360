"""The Galaxy seen from its north pole: extinction per kpc around the Sun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from milkyway_cnn.constants import R_SUN
from milkyway_cnn.cube import within
from milkyway_cnn.extinction.arms import ARMS, trace
from milkyway_cnn.figures import EXTINCTION, UNOBSERVED, Figure, largest
from milkyway_cnn.maps.density import near_plane, titled_densities
from milkyway_cnn.maps.horizon import named, shade_between, untold_along
from milkyway_cnn.maps.overlays import ARM, Overlay, draw_from_above, legend_below
from milkyway_cnn.sightlines import Footprint, galactocentric

__all__ = ["ARM", "draw_face_on", "face_on", "image_from_above", "net", "window", "with_arms"]

#: Color of the Sun, apart from the arms' and from the color map for the color-blind too.
SUN = "#E69F00"

#: Degrees between longitudes whose names, at the end of a map, do not meet.
_APART = 3.0

#: The name of a line, its x and y (kpc), and where its name belongs.
Line = tuple[str, np.ndarray, np.ndarray, tuple[float, float]]


def face_on(
    cube: xr.Dataset,
    *,
    b_max: float | None = None,
    to: float | None = None,
    beside: xr.Dataset | None = None,
    names: tuple[str, str] = ("map", "truth"),
    overlays: Sequence[Overlay] = (),
) -> Figure:
    """Extinction per kpc seen from the north Galactic pole, the Galactic center below the Sun.

    Parameters
    ----------
    b_max
        The mean is taken over cells with |b| <= b_max (deg); by default over all of them.
    to
        Distance (kpc) at which the view ends; by default the end of the cube.
    beside
        A second cube, drawn on the same scale.
    names
        What the cube and `beside` are called.
    overlays
        Tables of tracers and footprints, see `maps.overlays`; spiral arms among them take the place of our model's.

    Returns
    -------
    Figure
        The color scale grows with the square root of A_V per kpc and ends at its 99.5th percentile. What the cube says
        behind its horizon, and nearer than its stars tell, is hatched; the dotted borders are medians over latitude.
    """
    densities = titled_densities(cube, beside, names, b_max, to)
    edges = within(cube, to or np.inf)["distance_edges"].values
    norm = PowerNorm(0.5, 0.0, largest(*densities.values()))
    x, y = window(cube["l"].values, edges[-1])
    near = near_plane(cube, b_max)
    half = cube.attrs["cell_deg"] / 2
    b_range = float(near["b"][0] - half), float(near["b"][-1] + half)
    width = 7.5 if beside is None else 6.0
    height = width * (x[1] - x[0]) / (y[1] - y[0])
    figure = Figure(len(densities) * width + 1.5, min(height, 9.0) + 0.9, layout="compressed")
    axes = figure.subplots(1, len(densities), squeeze=False, sharex=True, sharey=True)[0]
    for panel, (title, density) in zip(axes, densities.items(), strict=True):
        mesh = draw_face_on(panel, density, edges, cube.attrs["cell_deg"], norm, arms=not with_arms(overlays))
        draw_from_above(panel, overlays, b_range)
        panel.set_title(title, loc="left", fontsize="medium")
        panel.label_outer()
    hidden = _hide(axes[0], near, edges[-1])
    legend_below(figure, axes, [named()] * hidden)
    label = "$A_V$ per kpc (mag kpc$^{-1}$)"
    figure.colorbar(mesh, ax=list(axes), label=label, extend="max", fraction=0.04, pad=0.02, aspect=25)
    return figure


def draw_face_on(
    axes: Axes, density: xr.DataArray, edges: np.ndarray, cell: float, norm: Normalize, *, arms: bool = True
) -> QuadMesh:
    """Draw a `plane_density` of the distance `edges` (kpc), with Sun, center, distances, longitudes and spiral `arms`.

    The horizontal axis is the Galactocentric y, the vertical axis x (`sightlines.galactocentric`).
    """
    l, b = density["l"].values, float(density["b"])
    l_edges = np.append(l - cell / 2, l[-1] + cell / 2)
    x, y, _ = galactocentric(l_edges[:, None], b, edges)
    values = np.ma.masked_invalid(density.values)
    cmap = colormaps[EXTINCTION].with_extremes(bad=UNOBSERVED)
    mesh = axes.pcolormesh(y, x, values, norm=norm, cmap=cmap, rasterized=True)
    _draw_net(axes, l_edges, b, edges[-1])
    for arm in ARMS if arms else ():
        x, y = trace(arm, np.geomspace(3.0, 20.0, 1000))
        axes.plot(y, x, color=ARM, linewidth=1.2, label="spiral arms")
    turn = np.linspace(0, 2 * np.pi, 721)
    circle = R_SUN * np.sin(turn), R_SUN * np.cos(turn)
    axes.plot(*circle, color="0.5", linewidth=1, linestyle="--", label="solar circle")
    axes.plot(0, R_SUN, "o", color=SUN, markeredgecolor="black", label="Sun", linestyle="none")
    axes.plot(0, 0, "X", color="black", markeredgecolor="white", label="Galactic center", linestyle="none")
    x_range, y_range = window(l, edges[-1])
    axes.set(aspect="equal", xlim=y_range, ylim=x_range)
    axes.set(xlabel="$y$ (kpc), towards $l$ = 90°", ylabel="$x$ (kpc), center to Sun")
    return mesh


def image_from_above(
    density: xr.DataArray, edges: np.ndarray, cell: float, pixels: int = 600
) -> tuple[np.ndarray, tuple[float, float], tuple[float, float], float]:
    """Sample a `plane_density` on square pixels of the Galactic plane.

    Returns
    -------
    image, x_range, y_range, pixel
        A_V per kpc in Galactocentric y (columns) and x (rows), float32, NaN where no sightline passes; the `window` in
        kpc, at whose lower ends it begins; and the side of a pixel, of which the longer side of the image has `pixels`.
    """
    l = density["l"].values
    x_range, y_range = window(l, edges[-1])
    pixel = max(np.ptp(x_range), np.ptp(y_range)) / pixels
    y, x = (np.arange(low + pixel / 2, high, pixel) for low, high in (y_range, x_range))
    towards, away = R_SUN - x[:, None], y[None, :]
    distance = np.hypot(away, towards) / np.cos(np.radians(float(density["b"])))
    column = np.floor((np.degrees(np.arctan2(away, towards)) - l[0] + cell / 2) % 360 / cell).astype(int)
    bins = np.searchsorted(edges, distance, side="right") - 1
    inside = (column < len(l)) & (bins >= 0) & (bins < len(edges) - 1)
    image = np.full(inside.shape, np.nan, dtype=np.float32)
    image[inside] = density.values[column[inside], bins[inside]]
    return image, x_range, y_range, float(pixel)


def _hide(axes: Axes, cube: xr.Dataset, reach: float) -> bool:
    """Hatch what the stars of the cube do not tell of; say whether there is something."""
    l, bands = untold_along(cube, "l", reach)
    for band in bands:
        shade_between(axes, *(np.array(galactocentric(l, 0.0, distance)[1::-1]) for distance in band))
    return bool(bands)


def with_arms(overlays: Sequence[Overlay]) -> bool:
    """Whether there are spiral arms among the overlays."""
    return any("spiral arm" in np.asarray(each["kind"]) for each in overlays if not isinstance(each, Footprint))


def _draw_net(axes: Axes, l_edges: np.ndarray, b: float, reach: float) -> None:
    """Draw and name distances and longitudes across the sightlines."""
    thin: dict[str, Any] = {"color": "0.6", "linewidth": 0.6}
    small: dict[str, Any] = {"fontsize": "small", "color": "0.3"}
    small["path_effects"] = [withStroke(linewidth=2, foreground="white")]
    distances, longitudes = net(l_edges, b, reach)
    for _, x, y, _ in distances + longitudes:
        axes.plot(y, x, **thin)
    for name, _, _, place in distances:
        axes.annotate(name, place, xytext=(0, 3), textcoords="offset points", **small)
    for name, _, _, place in longitudes:
        axes.text(*place, name, ha="center", va="center", **small)


def net(l_edges: np.ndarray, b: float, reach: float) -> tuple[list[Line], list[Line]]:
    """Round distances (kpc) and longitudes (deg) across the sightlines.

    Returns
    -------
    distances, longitudes
        For each line its name, its x and y (kpc), and (y, x) where the name belongs: at the lower end of a
        distance, centered beyond the end of a longitude.
    """
    distances = np.asarray(MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(0, reach))
    round_longitudes = MaxNLocator(6 if np.ptp(l_edges) > 15 else 2, steps=[1, 2, 3, 5, 10])
    longitudes = np.asarray(round_longitudes.tick_values(*l_edges[[0, -1]]))
    longitudes = longitudes[(longitudes >= l_edges[0]) & (longitudes <= l_edges[-1])]
    each = int(np.ceil(_APART / np.diff(longitudes).min(initial=360.0)))
    lines: tuple[list[Line], list[Line]] = [], []
    for distance in distances[(distances > 0) & (distances <= reach)]:
        x, y, _ = galactocentric(np.linspace(l_edges[0], l_edges[-1], 200), b, distance)
        lines[0].append((f"{distance:g} kpc", x, y, (y[0], x[0])))
    for l in longitudes[len(longitudes) // 2 % each :: each]:
        x, y, _ = galactocentric(l, b, np.array([0.0, reach, 1.055 * reach]))
        lines[1].append((f"{l % 360:g}°", x[:2], y[:2], (y[2], x[2])))
    return lines


def window(l: np.ndarray, reach: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ranges of x and y (kpc) that hold the Sun and all sightlines to `reach` (kpc), with a margin."""
    x, y, _ = galactocentric(np.linspace(l[0], l[-1], 100), 0.0, reach)
    x, y = np.append(x, R_SUN), np.append(y, 0.0)
    margin = 0.1 * reach
    return (x.min() - margin, x.max() + margin), (y.min() - margin, y.max() + margin)
