"""What is looked at in a cube, and the data that its views draw; neither knows how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import traitlets
import xarray as xr

from milkyway_cnn.constants import R_SUN
from milkyway_cnn.errors import InputError
from milkyway_cnn.maps.density import plane_density
from milkyway_cnn.maps.faceon import window
from milkyway_cnn.maps.profiles import cell_of
from milkyway_cnn.sightlines import galactocentric

__all__ = ["MARK", "CubeState", "face_on_data", "mark_data", "profile_data", "sky_data"]

#: Pixels of the face-on image along its longer side.
RESOLUTION = 300
#: Color of what is selected, apart from arms, Sun and the color map for the color-blind too.
MARK = "#009E73"


class CubeState(traitlets.HasTraits):
    """What is looked at: one of several cubes of the same cells, to a distance, in a direction.

    Parameters
    ----------
    cubes
        The cubes by name, the first of them shown first.
    b_max
        Face-on, the mean is taken over |b| <= b_max (deg); by default over all latitudes.
    """

    SHOWN = ("to", "cell", "shown")

    #: Name of the cube shown.
    shown = traitlets.Unicode()
    #: Distance (kpc) to which the sky is integrated; snaps to the edges of the bins.
    to = traitlets.Float()
    #: Row and column of the cell looked at.
    cell = traitlets.Tuple(traitlets.Int(), traitlets.Int())

    def __init__(self, cubes: Mapping[str, xr.Dataset], *, b_max: float | None = None) -> None:
        self.cubes, self.b_max = dict(cubes), b_max
        first = next(iter(self.cubes.values()))
        self.edges, self.l, self.b = (first[name].values for name in ("distance_edges", "l", "b"))
        self.width = first.attrs["cell_deg"]
        middle = (len(self.b) // 2, len(self.l) // 2)
        super().__init__(shown=next(iter(self.cubes)), to=float(self.edges[-1]), cell=middle)

    @traitlets.validate("shown")
    def _known(self, proposal: Any) -> str:
        if proposal["value"] not in self.cubes:
            msg = f"there is no cube {proposal['value']!r}; choose from {', '.join(self.cubes)}"
            raise traitlets.TraitError(msg)
        return str(proposal["value"])

    @traitlets.validate("to")
    def _on_edge(self, proposal: Any) -> float:
        return float(self.edges[1:][np.abs(self.edges[1:] - proposal["value"]).argmin()])

    @property
    def cube(self) -> xr.Dataset:
        """The cube shown."""
        return self.cubes[self.shown]

    @property
    def direction(self) -> tuple[float, float]:
        """Longitude and latitude (deg) of the middle of the cell looked at."""
        return float(self.l[self.cell[1]]), float(self.b[self.cell[0]])

    def look(self, l: float, b: float) -> None:
        """Look at the cell that holds a direction (deg); outside the cube, keep the one looked at."""
        try:
            self.cell = cell_of(self.cube, l, b)
        except InputError:
            return

    def look_from_above(self, y: float, x: float) -> None:
        """Look towards a Galactocentric place (kpc), at the present latitude, and integrate to it."""
        _, b = self.direction
        self.to = float(np.hypot(y, R_SUN - x) / np.cos(np.radians(b)))
        self.look(float(np.degrees(np.arctan2(y, R_SUN - x))) % 360, b)

    def sky(self) -> np.ndarray:
        """Extinction to the distance (mag), (b, l)."""
        return self.cube["A_V"].values[..., int(np.abs(self.edges - self.to).argmin()) - 1]

    def face_on(self) -> xr.DataArray:
        """Extinction per kpc (mag / kpc) on (l, distance)."""
        return plane_density(self.cube, self.b_max)


def sky_data(state: CubeState) -> dict[str, list[Any]]:
    """One image, from the lowest l and b upwards."""
    half, (rows, columns) = state.width / 2, (len(state.b), len(state.l))
    place = {"x": state.l[0] - half, "y": state.b[0] - half, "dw": columns * state.width, "dh": rows * state.width}
    return {"image": [state.sky()], **{name: [float(value)] for name, value in place.items()}}


def face_on_data(state: CubeState) -> dict[str, list[Any]]:
    """One image in Galactocentric y (columns) and x (rows); NaN where no sightline passes."""
    density = state.face_on()
    x_range, y_range = window(state.l, state.edges[-1])
    pixel = max(np.ptp(x_range), np.ptp(y_range)) / RESOLUTION
    y, x = (np.arange(low + pixel / 2, high, pixel) for low, high in (y_range, x_range))
    towards, away = R_SUN - x[:, None], y[None, :]
    distance = np.hypot(away, towards) / np.cos(np.radians(float(density["b"])))
    l_low = state.l[0] - state.width / 2
    column = np.floor((np.degrees(np.arctan2(away, towards)) - l_low) % 360 / state.width).astype(int)
    bins = np.searchsorted(state.edges, distance, side="right") - 1
    inside = (column < len(state.l)) & (bins < len(state.edges) - 1)
    image = np.full(inside.shape, np.nan, dtype=np.float32)
    image[inside] = density.values[column[inside], bins[inside]]
    size = {"dw": [y.size * pixel], "dh": [x.size * pixel]}
    return {"image": [image], "x": [float(y_range[0])], "y": [float(x_range[0])], **size}


def profile_data(state: CubeState) -> dict[str, np.ndarray]:
    """Edges and heights of the bins (mag), and the sum up to each bin's far edge, of the cell looked at."""
    profile = state.cube.isel(b=state.cell[0], l=state.cell[1])
    heights, total = profile["delta_A_V"].values, profile["A_V"].values
    return {"left": state.edges[:-1], "right": state.edges[1:], "top": heights, "total": total}


def mark_data(state: CubeState) -> dict[str, dict[str, list[Any]]]:
    """The distance and the direction as marks on each of the views."""
    l, b = state.direction
    l_range = np.linspace(state.l[0] - state.width / 2, state.l[-1] + state.width / 2, 100)
    arc_x, arc_y, _ = galactocentric(l_range, b, state.to)
    ray_x, ray_y, _ = galactocentric(l, b, np.array([0.0, state.edges[-1]]))
    return {
        "cell": {"x": [l], "y": [b], "width": [state.width], "height": [state.width]},
        "above_marks": {"xs": [arc_y.tolist(), ray_y.tolist()], "ys": [arc_x.tolist(), ray_x.tolist()]},
        "distance": {"x": [state.to]},
    }
