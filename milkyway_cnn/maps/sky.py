"""The plane of the sky: extinction between two distances, in any projection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, PowerNorm, to_rgb
from matplotlib.image import AxesImage

from milkyway_cnn.cube import integrate
from milkyway_cnn.errors import InputError
from milkyway_cnn.figures import DIFFERENCE, EXTINCTION, UNOBSERVED, Figure, in_longitude, largest
from milkyway_cnn.maps.horizon import beyond, named, shade
from milkyway_cnn.maps.overlays import Overlay, draw_on_sky, legend_below
from milkyway_cnn.maps.projection import cells_of_map, pixel_places, project, sky_wcs
from milkyway_cnn.sightlines import Grid

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["between", "draw_sky", "plane_of_sky", "sky_title"]

#: A field narrower than this, in height over width, is stretched in latitude to it.
_NARROWEST = 0.1


def plane_of_sky(
    cube: xr.Dataset,
    to: float | Sequence[float] = 10.0,
    *,
    since: float = 0.0,
    beside: xr.Dataset | xr.DataArray | None = None,
    names: tuple[str, str] = ("map", "truth"),
    projection: str = "",
    overlays: Sequence[Overlay] = (),
    ratio: bool = False,
) -> Figure:
    """Integrated extinction on the sky, longitude increasing to the left.

    Parameters
    ----------
    to
        Distance, or distances, to which the extinction is integrated (kpc); a row of panels each.
    since
        Distance from which it is (kpc).
    beside
        A second cube on the same cells, or `A_V` on (b, l), drawn on the same scale, with the difference.
    names
        What the cube and `beside` are called.
    projection
        One of `projection.PROJECTIONS`; by default straight axes of l and b, true to scale in the middle, or
        stretched in latitude where the field is too narrow for that.
    overlays
        Tables of tracers and footprints, see `maps.overlays`.
    ratio
        Draw the ratio of the map to `beside`, too, in logarithmic colors.

    Returns
    -------
    Figure
        The color scale grows with the square root of A_V, to show faint structure beside dense clouds, and ends
        at the 99.5th percentile of its row; cells without value are gray. Where the cube has a horizon, what it
        says of farther distances is hatched.
    """
    if isinstance(beside, xr.Dataset) and "delta_A_V" not in beside:
        beside = beside["A_V"]
    sky = _Sky.of(cube, projection)
    distances = [float(distance) for distance in np.atleast_1d(to)]
    fields = 1 if beside is None else 3 + ratio
    stacked = len(distances) == 1  # a field is wider than high: alone, its panels stand below each other
    rows, columns = (fields, 1) if stacked else (len(distances), fields)
    width = 8.0 if columns == 1 else 4.2
    height = float(np.clip(width * sky.proportion, 0.7, 8.0))
    figure = Figure(columns * (width + 0.3) + 1.2, rows * (height + 0.4) + 0.4 + 0.3 * bool(overlays), "compressed")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True, subplot_kw=sky.axes)
    bar: dict[str, Any] = {"fraction": 0.03, "pad": 0.015, "aspect": 16}
    hidden = False

    for row, distance in enumerate(distances):
        panels = list(axes[:, 0] if stacked else axes[row])
        extinction, title = between(cube, since, distance), sky_title(since, distance)
        maps = {f"{names[0]}, {title}" if fields > 1 else title: extinction}
        if isinstance(beside, xr.Dataset):
            maps[f"{names[1]}, {title}"] = between(beside, since, distance)
        elif beside is not None:
            maps[names[1]] = beside
        vmax = largest(*maps.values())
        for panel, (title, field) in zip(panels, maps.items(), strict=False):
            image = sky.draw(panel, field, PowerNorm(0.5, 0.0, vmax))
            panel.set_title(title, loc="left", fontsize="medium")
            draw_on_sky(panel, overlays, sky.cells, sky.place, since, distance)
        figure.colorbar(image, ax=panels[: len(maps)], label="$A_V$ (mag)", extend="max", **bar)
        if fields > 1:
            this, other = xr.align(*maps.values(), join="exact")
            half = largest(abs(this - other))
            image = sky.draw(panels[2], this - other, Normalize(-half, half), DIFFERENCE)
            panels[2].set_title(f"{names[0]} − {names[1]}", loc="left", fontsize="medium")
            figure.colorbar(image, ax=panels[2], label="$\\Delta A_V$ (mag)", extend="both", **bar)
        if ratio and fields > 1:
            share = (this / other).where((this > 0) & (other > 0))
            image = sky.draw(panels[3], share, LogNorm(0.25, 4.0), DIFFERENCE)
            panels[3].set_title(f"{names[0]} / {names[1]}", loc="left", fontsize="medium")
            drawn = figure.colorbar(image, ax=panels[3], label="ratio of $A_V$", extend="both", **bar)
            drawn.set_ticks([0.25, 0.5, 1, 2, 4], labels=["1/4", "1/2", "1", "2", "4"], minor=False)
            drawn.ax.minorticks_off()
        mask = beyond(cube, distance)
        if mask is not None and mask.any():
            hidden = True
            for panel in panels[:1] + panels[2:]:  # all but that of `beside`
                sky.hide(panel, mask)

    sky.label(axes)
    legend_below(figure, axes.ravel(), [named()] * hidden)
    return figure


def between(cube: xr.Dataset, since: float, to: float) -> xr.DataArray:
    """Extinction (mag) from one distance to another (kpc), on (b, l).

    Raises
    ------
    InputError
        When the second is not farther, or not within the cube.
    """
    if not 0 <= since < to:
        msg = f"from {since:g} to {to:g} kpc is no way outwards; give a first distance of 0 or more below the second"
        raise InputError(msg)
    extinction = integrate(cube, to)
    if since > 0:
        extinction = extinction - integrate(cube, since)
        extinction.attrs = {"units": "mag", "long_name": f"visual extinction from {since:g} to {to:g} kpc"}
    return extinction


def sky_title(since: float, to: float) -> str:
    """What a panel between two distances (kpc) is called."""
    return f"{since:g} to {to:g} kpc" if since > 0 else f"to {to:g} kpc"


def draw_sky(axes: Axes, field: xr.DataArray, cell: float, norm: Normalize, cmap: str = EXTINCTION) -> AxesImage:
    """Draw a map on (b, l), a rectangle for each `cell` (deg), with true proportions at its middle latitude."""
    l, b = field["l"].values, field["b"].values
    extent = (l[-1] + cell / 2, l[0] - cell / 2, b[0] - cell / 2, b[-1] + cell / 2)
    values = field.transpose("b", "l").values[:, ::-1]
    axes.set_facecolor(UNOBSERVED)
    image = axes.imshow(values, origin="lower", extent=extent, norm=norm, cmap=cmap, interpolation="nearest")
    axes.set_aspect(_stretch(l, b) / _squeeze(b))
    return image


def _squeeze(b: np.ndarray) -> float:
    """Length of a degree of longitude in degrees of latitude, in the middle of the latitudes `b` (deg)."""
    return float(np.cos(np.radians((b[0] + b[-1]) / 2)))


def _stretch(l: np.ndarray, b: np.ndarray) -> float:
    """How much longer a degree of latitude is drawn than it is."""
    return max(1.0, _NARROWEST * l.size * _squeeze(b) / b.size)


@dataclass(frozen=True)
class _Sky:
    """How the sky is drawn: on straight axes, or in a projection."""

    cells: Grid
    wcs: WCS | None

    @classmethod
    def of(cls, cube: xr.Dataset, projection: str) -> _Sky:
        cells = cells_of_map(cube, cube.attrs["cell_deg"])
        return cls(cells, sky_wcs(cells, projection) if projection else None)

    @property
    def axes(self) -> dict[str, Any]:
        """How subplots are made."""
        if self.wcs is None:
            return {}
        from astropy.visualization.wcsaxes.frame import EllipticalFrame, RectangularFrame

        return {"projection": self.wcs, "frame_class": EllipticalFrame if self._oval else RectangularFrame}

    @property
    def _oval(self) -> bool:
        """Whether the map is of the whole sky, in a projection whose border is an ellipse."""
        whole = self.cells.shape[1] * self.cells.cell > 359 and self.cells.b_max - self.cells.b_min > 179
        return self.wcs is not None and whole and self.wcs.wcs.ctype[0][-3:] in ("AIT", "MOL")

    @property
    def proportion(self) -> float:
        """Height over width."""
        if self.wcs is not None:
            return self.wcs.array_shape[0] / self.wcs.array_shape[1]
        rows, columns = self.cells.shape
        return _stretch(self.cells.l, self.cells.b) * rows / (columns * _squeeze(self.cells.b))

    def place(self, l: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates in the axes of places (deg)."""
        if self.wcs is None:
            return self.cells.l_min + (l - self.cells.l_min) % 360.0, b
        seen = np.isfinite(l) & np.isfinite(b)
        x, y = self.wcs.wcs_world2pix(np.where(seen, l, self.cells.l[0]), np.where(seen, b, self.cells.b[0]), 0)
        return np.where(seen, x, np.nan), np.where(seen, y, np.nan)

    def draw(self, axes: Axes, field: xr.DataArray, norm: Normalize, cmap: str = EXTINCTION) -> AxesImage:
        if self.wcs is None:
            return draw_sky(axes, field, self.cells.cell, norm, cmap)
        ground = np.zeros((*self.wcs.array_shape, 4))
        ground[..., :3], ground[..., 3] = to_rgb(UNOBSERVED), np.isfinite(pixel_places(self.wcs)[0])
        axes.imshow(ground, origin="lower", interpolation="nearest")
        values = np.ma.masked_invalid(project(field, self.wcs, self.cells.cell))
        return axes.imshow(values, origin="lower", norm=norm, cmap=cmap, interpolation="nearest")

    def hide(self, axes: Axes, mask: xr.DataArray) -> None:
        if self.wcs is None:
            half = self.cells.cell / 2
            l, b = (np.append(mask[name].values - half, mask[name].values[-1] + half) for name in ("l", "b"))
            shade(axes, l, b, mask.values)
            return
        rows, columns = self.wcs.array_shape
        hidden = project(mask.astype(float), self.wcs, self.cells.cell) == 1.0
        shade(axes, np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5, hidden)

    def label(self, axes: np.ndarray) -> None:
        """Name the outer axes, after everything is drawn."""
        if self.wcs is None:
            for panel in axes[-1]:
                in_longitude(panel.xaxis)
            for panel in axes[:, 0]:
                panel.set_ylabel("$b$ (deg)")
            return
        from astropy.units import deg

        for (row, column), panel in np.ndenumerate(axes):
            panel.set(xlim=(-0.5, self.wcs.array_shape[1] - 0.5), ylim=(-0.5, self.wcs.array_shape[0] - 0.5))
            l, b = panel.coords
            panel.coords.grid(color="white", alpha=0.35, linewidth=0.5)
            for axis, name, outer in (
                (l, "Galactic longitude $l$", row == len(axes) - 1),
                (b, "$b$", column == 0),
            ):
                axis.set_major_formatter("d")
                axis.set_axislabel(name if outer else " ", minpad=0.6)
                axis.set_ticklabel_visible(outer)
                axis.set_ticks_visible(not self._oval)
            if self.proportion < _NARROWEST:  # no room for more than three
                b.set_ticks(spacing=(self.cells.b_max - self.cells.b_min) / 2 * deg)
            if self._oval:
                l.set_ticklabel(color="white", exclude_overlapping=True)
                l.set_axislabel("")
