"""The views in Bokeh, from the same data as the figures: to zoom, and to point into for values."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.constants import R_SUN
from milkyway_cnn.cube import within
from milkyway_cnn.extinction.arms import ARMS, trace
from milkyway_cnn.figures import EXTINCTION, FIRST, SECOND, largest, palette
from milkyway_cnn.maps.density import around, latitude_density, near_plane, plane_density
from milkyway_cnn.maps.faceon import SUN, image_from_above, net
from milkyway_cnn.maps.horizon import beyond, untold, untold_along
from milkyway_cnn.maps.overlays import ARM, BORDER, Overlay, style, traces
from milkyway_cnn.maps.profiles import cell_of
from milkyway_cnn.maps.projection import cells_of_map, pixel_places, project, sky_wcs
from milkyway_cnn.maps.sky import between, sky_title
from milkyway_cnn.sightlines import Footprint, galactocentric
from milkyway_cnn.storage import replacing

__all__ = ["MARKERS", "face_on", "profile", "save_page", "sky", "slice_of"]

#: Names of Matplotlib's markers in Bokeh.
MARKERS = {"s": "square", "o": "circle", "*": "star", "D": "diamond"}
#: Longer side of a frame (pixels).
_SIZE = 900
_BEYOND: dict[str, Any] = {
    "fill_color": "#d9d9d9", "fill_alpha": 0.6, "line_color": None, "hatch_pattern": "right_diagonal_line",
    "hatch_color": "#555555", "hatch_weight": 1, "hatch_scale": 10, "legend_label": "not told by the stars",
}  # fmt: skip
#: Brings l, b (deg) and distance (kpc) to the coordinates of a plot.
_Place = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def sky(
    cube: xr.Dataset,
    to: float = 10.0,
    *,
    since: float = 0.0,
    projection: str = "",
    overlays: Sequence[Overlay] = (),
) -> Any:
    """Extinction between two distances on the sky, as `sky.plane_of_sky` draws it; CAR by default."""
    cells = cells_of_map(cube, cube.attrs["cell_deg"])
    wcs = sky_wcs(cells, projection or "CAR")
    l, b = pixel_places(wcs)
    values = project(between(cube, since, to), wcs, cells.cell)
    rows, columns = values.shape
    plot = _frame(sky_title(since, to), (0, columns), (0, rows), rows / columns, ("", ""))
    plot.axis.visible = False
    box = {"x": 0, "y": 0, "dw": columns, "dh": rows}
    told = [("l, b", "@l{0.00}°, @b{0.00}°"), ("A_V", "@image{0.00} mag")]
    _image(plot, values, box, "A_V (mag)", told, l=l, b=b)
    mask = beyond(cube, to)
    if mask is not None and mask.any():
        hidden = project(mask.astype(float), wcs, cells.cell) == 1.0
        gray = np.where(hidden, 0xB0D9D9D9, 0).astype(np.uint32)
        plot.image_rgba([gray], **box)

    def place(l: np.ndarray, b: np.ndarray, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = cells.cell_index(l, b) >= 0
        x, y = wcs.wcs_world2pix(np.where(inside, l, cells.l[0]), np.where(inside, b, cells.b[0]), 0)
        return np.where(inside, x + 0.5, np.nan), np.where(inside, y + 0.5, np.nan)

    _graticule(plot, cells.region, place, columns)
    for overlay in overlays:
        if isinstance(overlay, Footprint):
            x, y = place(*overlay.outline(), np.array(0.0))
            plot.line(*_broken(x, y, columns / 2), color=BORDER, line_width=2, legend_label=overlay.name)
        else:
            _tracers(plot, overlay, place, since, to, unknown=True)
    return plot


def face_on(
    cube: xr.Dataset, *, b_max: float | None = None, to: float | None = None, overlays: Sequence[Overlay] = ()
) -> Any:
    """Extinction per kpc seen from the north Galactic pole, as `faceon.face_on` draws it, on square pixels."""
    cube = within(cube, to or np.inf)
    density, edges, cell = plane_density(cube, b_max), cube["distance_edges"].values, cube.attrs["cell_deg"]
    image, x_range, y_range, pixel = image_from_above(density, edges, cell, _SIZE)
    labels = "y (kpc), towards l = 90°", "x (kpc), center to Sun"
    plot = _frame("from above", y_range, x_range, np.ptp(x_range) / np.ptp(y_range), labels)
    box = {"x": y_range[0], "y": x_range[0], "dw": image.shape[1] * pixel, "dh": image.shape[0] * pixel}
    _image(plot, image, box, "A_V per kpc (mag / kpc)", [("y, x", "$x{0.00}, $y{0.00} kpc"), ("", "@image{0.00}")])
    l, bands = untold_along(near_plane(cube, b_max), "l", edges[-1])
    for band in bands:
        _hide(plot, *(galactocentric(l, 0.0, distance)[1::-1] for distance in band))
    l_edges = np.append(density["l"].values - cell / 2, density["l"].values[-1] + cell / 2)
    for lines, align, baseline in zip(
        net(l_edges, float(density["b"]), edges[-1]), ("left", "center"), ("bottom", "middle"), strict=True
    ):
        for name, x, y, at in lines:
            plot.line(y, x, color="#999999", line_width=0.6)
            plot.text(
                *at, text=[name], text_font_size="12px", text_color="#555555", text_align=align, text_baseline=baseline
            )
    turn = np.linspace(0, 2 * np.pi, 361)
    circle = R_SUN * np.sin(turn), R_SUN * np.cos(turn)
    plot.line(*circle, color="gray", line_dash="dashed", legend_label="solar circle")
    given = [each for each in overlays if not isinstance(each, Footprint) and "spiral arm" in np.asarray(each["kind"])]
    arms = {str(each.meta.get("source", "arms")).rsplit("/", 1)[-1]: traces(each) for each in given}
    arms = arms or {"spiral arms": [trace(arm, np.geomspace(3.0, 20.0, 400)) for arm in ARMS]}
    for name, curves in arms.items():
        for x, y in curves:
            plot.line(y, x, color=ARM, line_width=1.5, legend_label=name)
    plot.scatter([0], [R_SUN], color=SUN, line_color="black", size=9, legend_label="Sun")
    plot.scatter([0], [0], color="black", line_color="white", marker="x", size=9, legend_label="Galactic center")
    for overlay in overlays:
        if not isinstance(overlay, Footprint):
            _tracers(plot, overlay, lambda l, b, distance: galactocentric(l, b, distance)[1::-1])
    return plot


def slice_of(
    cube: xr.Dataset,
    angle: str = "l",
    *,
    window: tuple[float, float] | None = None,
    to: float | None = None,
    overlays: Sequence[Overlay] = (),
) -> Any:
    """Extinction per kpc against an angle and distance, as `slices` draws it; see `export.slice_to_fits`."""
    cube = within(cube, to or np.inf)
    if angle == "l":
        density, cells = (
            plane_density(cube, window[1] if window else None),
            near_plane(cube, window[1] if window else None),
        )
    else:
        density, cells = latitude_density(cube, window), around(cube, window)
    half, edges = cube.attrs["cell_deg"] / 2, cube["distance_edges"].values
    low, high = float(density[angle][0]) - half, float(density[angle][-1]) + half
    name = "Galactic longitude l (deg)" if angle == "l" else "Galactic latitude b (deg)"
    ends = (high, low) if angle == "l" else (low, high)
    plot = _frame("along the line of sight", ends, (edges[0], edges[-1]), 0.5, (name, "distance (kpc)"))
    values = density.transpose("distance", angle).values
    box = {"x": low, "y": edges[0], "dw": high - low, "dh": edges[-1] - edges[0]}
    told = [(f"{angle}, distance", "$x{0.00}°, $y{0.00} kpc"), ("", "@image{0.00}")]
    _image(plot, values, box, "A_V per kpc (mag / kpc)", told)
    along, bands = untold_along(cells, angle, edges[-1])
    for band in bands:
        _hide(plot, *((along, distance) for distance in band))

    def place(l: np.ndarray, b: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first = float(cells["l"][0]) - half
        turned = first + (l - first) % 360.0
        inside = (turned <= float(cells["l"][-1]) + half) & (b >= float(cells["b"][0]) - half)
        inside &= (b <= float(cells["b"][-1]) + half) & (distance <= edges[-1])
        return np.where(inside, turned if angle == "l" else b, np.nan), distance

    for overlay in overlays:
        if not isinstance(overlay, Footprint):
            _tracers(plot, overlay, place)
    return plot


def profile(cube: xr.Dataset, l: float, b: float, *, to: float | None = None) -> Any:
    """Extinction against distance on one sightline, as `profiles.profiles` draws it: the sum, and per bin."""
    from bokeh.models import ColumnDataSource, LinearAxis, Range1d

    row, place = cell_of(cube, l, b)
    cube = within(cube, to or np.inf)
    here, edges = cube.isel(b=row, l=place), cube["distance_edges"].values
    total, heights = np.append(0.0, here["A_V"].values), here["delta_A_V"].values
    top = float(np.nanmax(total, initial=0.1)) * 1.1
    title = f"l = {float(here['l']) % 360:g}°, b = {float(here['b']):g}°"
    plot = _frame(title, (0, edges[-1]), (0, top), 0.5, ("distance (kpc)", "A_V (mag)"))
    plot.extra_y_ranges = {"bins": Range1d(start=0, end=2 * float(np.nanmax(heights, initial=0.01)))}
    plot.add_layout(LinearAxis(y_range_name="bins", axis_label="A_V per bin (mag), bars"), "right")
    plot.quad(edges[:-1], edges[1:], heights, 0, color=SECOND, alpha=0.4, y_range_name="bins", legend_label="per bin")
    if "A_V_quantiles" in here:
        quantiles = here["A_V_quantiles"].transpose("quantile", "distance")
        for low, high, alpha, name in ((0.025, 0.975, 0.15, "95 %"), (0.16, 0.84, 0.3, "68 %")):
            ends = [np.append(0.0, quantiles.sel(quantile=level, method="nearest").values) for level in (low, high)]
            plot.varea(edges, *ends, color=FIRST, alpha=alpha, legend_label=name)
    source = ColumnDataSource({"distance": edges, "A_V": total})
    line = plot.line("distance", "A_V", source=source, color=FIRST, line_width=2, legend_label="sum")
    _hover(plot, line, [("distance", "@distance{0.00} kpc"), ("A_V", "@A_V{0.00} mag")])
    for first, last in untold(here):
        plot.quad([first], [last], [10 * top], [0], **_BEYOND)
    return plot


def save_page(layout: Any, path: str | os.PathLike[str], title: str = "") -> None:
    """Write a view as a page that opens anywhere, offline."""
    from bokeh.embed import file_html
    from bokeh.resources import INLINE

    with replacing(path) as part:
        Path(part).write_text(file_html(layout, INLINE, title=title or "milkyway-cnn"), encoding="utf-8")


def _frame(
    title: str, x_range: tuple[float, float], y_range: tuple[float, float], shape: float, labels: tuple[str, str]
) -> Any:
    from bokeh.plotting import figure

    width = min(_SIZE, int(_SIZE / shape)) if shape > 0.8 else _SIZE
    plot = figure(
        frame_width=width, frame_height=max(int(width * shape), 90), x_range=x_range, y_range=y_range, title=title,
        x_axis_label=labels[0], y_axis_label=labels[1], tools="pan,wheel_zoom,box_zoom,reset,save",
        toolbar_location="above",
    )  # fmt: skip
    plot.grid.visible = False
    plot.toolbar.logo = None
    return plot


def _image(
    plot: Any, values: np.ndarray, box: dict[str, Any], title: str, told: list[tuple[str, str]], **beside: np.ndarray
) -> None:
    """Draw an image whose colors grow with the square root of its values, as in the figures."""
    from bokeh.models import ColorBar, ColumnDataSource, LinearColorMapper

    colors = LinearColorMapper(palette(EXTINCTION, 0.5), low=0, high=largest(values), nan_color=(0, 0, 0, 0))
    columns = {name: [np.asarray(each, np.float32)] for name, each in {"image": values, **beside}.items()}
    drawn = plot.image("image", **box, source=ColumnDataSource(columns), color_mapper=colors)
    plot.add_layout(ColorBar(color_mapper=colors, title=title, width=14), "right")
    plot.background_fill_color = "#f4f4f4"
    _hover(plot, drawn, told)


def _hover(plot: Any, drawn: Any, told: list[tuple[str, str]]) -> None:
    from bokeh.models import HoverTool

    plot.add_tools(HoverTool(renderers=[drawn], tooltips=told))


def _hide(plot: Any, border: Any, end: Any) -> None:
    known = np.isfinite(border).all(axis=0)
    x, y = (np.concatenate([border[k][known], end[k][known][::-1]]) for k in (0, 1))
    plot.patch(x, y, **_BEYOND)
    plot.line(border[0], border[1], color="white", line_dash="dotted", line_width=2)


def _tracers(
    plot: Any, table: Any, place: _Place, since: float = 0.0, to: float = np.inf, unknown: bool = False
) -> None:
    """Draw the tracers of a table, but arms, at distances (kpc) from `since` to `to`, or `unknown` ones too."""
    from bokeh.models import ColumnDataSource

    for kind in dict.fromkeys(map(str, table["kind"])):
        here = table[np.asarray(table["kind"]) == kind]
        l, b, distance = (np.asarray(here[name], float) for name in ("l", "b", "distance"))
        x, y = place(l, b, distance)
        seen = (distance >= since) & (distance <= to) | (np.isnan(distance) & unknown)
        seen &= np.isfinite(x) & np.isfinite(y)
        if kind == "spiral arm" or not seen.any():
            continue
        marker = MARKERS[style(kind)["marker"]]
        data = {"x": x[seen], "y": y[seen], "name": np.asarray(here["name"])[seen], "distance": distance[seen]}
        drawn = plot.scatter(
            "x", "y", source=ColumnDataSource(data), marker=marker, size=7, legend_label=kind or "tracer",
            fill_color=style(kind)["markerfacecolor"], line_color=style(kind)["markeredgecolor"],
        )  # fmt: skip
        _hover(plot, drawn, [("", "@name"), ("distance", "@distance{0.00} kpc")])


def _graticule(plot: Any, region: tuple[float, float, float, float], place: _Place, columns: int) -> None:
    """Draw and name round longitudes and latitudes."""
    from matplotlib.ticker import MaxNLocator

    l_min, l_max, b_min, b_max = region
    small = {"text_font_size": "12px", "text_color": "white", "text_outline_color": "black"}
    locator = MaxNLocator(6, steps=[1, 2, 3, 5, 6, 9, 10])
    inside = 1e-6 * (l_max - l_min)
    for lines, along, names in (
        (locator.tick_values(l_min, l_max), np.linspace(b_min, b_max - inside, 181), "l"),
        (locator.tick_values(b_min, b_max), np.linspace(l_min, l_max - inside, 721), "b"),
    ):
        for value in lines:
            same = np.full_like(along, value)
            l, b = (same, along) if names == "l" else (along, same)
            x, y = place(l, b, same)
            if np.isfinite(x).sum() > 1:
                plot.line(*_broken(x, y, columns / 2), color="white", alpha=0.4, line_width=0.6)
                at = int(np.flatnonzero(np.isfinite(x))[0 if names == "l" else -1])
                text = f"{value % 360:g}°" if names == "l" else f"{value:g}°"
                plot.text([x[at]], [y[at]], text=[text], text_align="left", **small)


def _broken(x: np.ndarray, y: np.ndarray, gap: float) -> tuple[np.ndarray, np.ndarray]:
    """The line, with NaN where it leaps farther than `gap`."""
    leaps = np.flatnonzero(np.abs(np.diff(x)) > gap) + 1
    return np.insert(x, leaps, np.nan), np.insert(y, leaps, np.nan)
