"""What is looked at in a cube, and the data that its views draw; neither knows how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
import xarray as xr

from milkyway_cnn.comparison.tracers import plane_position
from milkyway_cnn.constants import R_SUN
from milkyway_cnn.cube.fields import FLAGS
from milkyway_cnn.diagrams import diagram_named
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.arms import ARMS, trace
from milkyway_cnn.maps.density import plane_density
from milkyway_cnn.maps.faceon import image_from_above
from milkyway_cnn.maps.interactive import MARKERS
from milkyway_cnn.maps.overlays import style, traces
from milkyway_cnn.maps.profiles import cell_of
from milkyway_cnn.sightlines import galactocentric

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = [
    "MARK",
    "CubeState",
    "arm_data",
    "cell_diagram_data",
    "face_on_data",
    "horizon_data",
    "mark_data",
    "overlay_data",
    "profile_data",
    "profile_title",
    "sky_data",
]

#: Pixels of the face-on image along its longer side.
RESOLUTION = 300
#: Color of what is selected, apart from arms, Sun and the color map for the color-blind too.
MARK = "#009E73"
#: Kind of the tracers that are lines.
_ARM = "spiral arm"
#: What can be seen on the sky, where a cube has it.
QUANTITIES = (
    "A_V",
    "A_V_std",
    "delta_A_V",
    "delta_A_V_std",
    "horizon",
    "novelty",
    "deviance",
    "flags",
    "stars",
    "coverage",
)


class CubeState(traitlets.HasTraits):
    """What is looked at: one of several cubes of the same cells, to a distance, in a direction.

    Parameters
    ----------
    cubes
        The cubes by name, the first of them shown first.
    b_max
        Face-on, the mean is taken over |b| <= b_max (deg); by default over all latitudes.
    observed
        `diagrams.observe_cells` of the same cells, to show the diagram of the one looked at.
    tracers
        Tables of `comparison.tracers` by name, to be laid over the maps; spiral arms among them take the place of our
        model's.
    """

    SHOWN = ("shown", "quantity", "to", "cell", "beside", "overlays")

    #: Name of the cube shown.
    shown = traitlets.Unicode()
    #: What of it is shown on the sky, one of `quantities`.
    quantity = traitlets.Unicode("A_V")
    #: Distance (kpc) to which the sky is integrated; snaps to the edges of the bins.
    to = traitlets.Float()
    #: Row and column of the cell looked at.
    cell = traitlets.Tuple(traitlets.Int(), traitlets.Int())
    #: Whether the next cube is shown beside this one.
    beside = traitlets.Bool(False)
    #: Names of the tracers that are laid over the maps.
    overlays = traitlets.Tuple()

    def __init__(
        self,
        cubes: Mapping[str, xr.Dataset],
        *,
        b_max: float | None = None,
        observed: xr.Dataset | None = None,
        tracers: Mapping[str, Table] | None = None,
    ) -> None:
        self.cubes, self.b_max, self.observed, self.tracers = dict(cubes), b_max, observed, dict(tracers or {})
        first = next(iter(self.cubes.values()))
        self.edges, self.l, self.b = (first[name].values for name in ("distance_edges", "l", "b"))
        self.width = first.attrs["cell_deg"]
        self._face_on: dict[str, xr.DataArray] = {}
        self._image: dict[str, dict[str, list[Any]]] = {}
        middle = (len(self.b) // 2, len(self.l) // 2)
        overlays = tuple(self.tracers)
        super().__init__(shown=next(iter(self.cubes)), to=float(self.edges[-1]), cell=middle, overlays=overlays)

    @traitlets.validate("shown", "quantity")
    def _known(self, proposal: Any) -> str:
        kind, known = ("cube", self.cubes) if proposal["trait"].name == "shown" else ("quantity", self.quantities)
        if proposal["value"] not in known:
            msg = f"there is no {kind} {proposal['value']!r}; choose from {', '.join(known)}"
            raise traitlets.TraitError(msg)
        return str(proposal["value"])

    @traitlets.validate("overlays")
    def _known_tracers(self, proposal: Any) -> tuple[str, ...]:
        return tuple(name for name in self.tracers if name in proposal["value"])

    @traitlets.validate("to")
    def _on_edge(self, proposal: Any) -> float:
        return float(self.edges[1:][np.abs(self.edges[1:] - proposal["value"]).argmin()])

    @property
    def cube(self) -> xr.Dataset:
        """The cube shown."""
        return self.cubes[self.shown]

    @property
    def other(self) -> str:
        """Name of the next cube, or of the same where there is but one."""
        names = list(self.cubes)
        return names[(names.index(self.shown) + 1) % len(names)]

    @property
    def overlaid(self) -> list[Table]:
        """Tables of the tracers that are laid over the maps."""
        return [self.tracers[name] for name in self.overlays]

    @property
    def quantities(self) -> tuple[str, ...]:
        """What of any of the cubes can be shown on the sky."""
        return tuple(name for name in QUANTITIES if any(name in cube for cube in self.cubes.values()))

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

    def sky(self, name: str | None = None) -> np.ndarray:
        """Return the quantity at the distance, (b, l) float32, of a cube, by default the one shown; NaN without it."""
        cube = self.cubes[name or self.shown]
        if self.quantity not in cube:
            return np.full((len(self.b), len(self.l)), np.nan, np.float32)
        values = cube[self.quantity].transpose("b", "l", ...).values.astype(np.float32)
        return values if values.ndim == 2 else values[..., int(np.abs(self.edges - self.to).argmin()) - 1]

    def sky_label(self) -> str:
        """Return the name of the quantity with its unit."""
        units = next(
            (cube[self.quantity].attrs.get("units", "") for cube in self.cubes.values() if self.quantity in cube), ""
        )
        return self.quantity if units in ("", "1") else f"{self.quantity} ({units})"

    def face_on(self) -> xr.DataArray:
        """Extinction per kpc (mag / kpc) on (l, distance)."""
        if self.shown not in self._face_on:
            self._face_on[self.shown] = plane_density(self.cube, self.b_max)
        return self._face_on[self.shown]


def sky_data(state: CubeState, name: str | None = None) -> dict[str, list[Any]]:
    """One image, from the lowest l and b upwards, of a cube, by default the one shown."""
    half, (rows, columns) = state.width / 2, (len(state.b), len(state.l))
    place = {"x": state.l[0] - half, "y": state.b[0] - half, "dw": columns * state.width, "dh": rows * state.width}
    return {"image": [state.sky(name)], **{key: [float(value)] for key, value in place.items()}}


def face_on_data(state: CubeState) -> dict[str, list[Any]]:
    """One image in Galactocentric y (columns) and x (rows); NaN where no sightline passes."""
    if state.shown not in state._image:  # each is made once: to blink must be quick
        state._image[state.shown] = _seen_from_above(state)
    return state._image[state.shown]


def _seen_from_above(state: CubeState) -> dict[str, list[Any]]:
    image, x_range, y_range, pixel = image_from_above(state.face_on(), state.edges, state.width, RESOLUTION)
    size = {"dw": [image.shape[1] * pixel], "dh": [image.shape[0] * pixel]}
    return {"image": [image], "x": [float(y_range[0])], "y": [float(x_range[0])], **size}


def profile_data(state: CubeState, name: str | None = None) -> dict[str, np.ndarray]:
    """Profile of the cell looked at, of a cube, by default the one shown.

    Edges and heights of the bins (mag), the sum up to each bin's far edge, and limits of the middle 68 % of both, from
    quantiles or else from the standard deviation; NaN where the cube has neither.
    """
    profile = state.cubes[name or state.shown].isel(b=state.cell[0], l=state.cell[1])
    heights, total = profile["delta_A_V"].values, profile["A_V"].values
    data = {"left": state.edges[:-1], "right": state.edges[1:], "top": heights, "total": total}
    for of, middle, (low, high) in (("A_V", total, ("low", "high")), ("delta_A_V", heights, ("bin_low", "bin_high"))):
        data[low], data[high] = _middle(profile, of, middle)
    return data


def _middle(profile: xr.Dataset, name: str, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if f"{name}_quantiles" in profile:
        quantiles = profile[f"{name}_quantiles"].sel(quantile=[0.16, 0.84], method="nearest")
        low, high = quantiles.transpose("quantile", "distance").values
        return low, high
    if f"{name}_std" in profile:
        std = profile[f"{name}_std"].values
        return np.maximum(middle - std, 0), middle + std
    nothing = np.full_like(middle, np.nan)
    return nothing, nothing


def horizon_data(state: CubeState) -> dict[str, list[float]]:
    """The part of the profile behind the horizon of the cell looked at (kpc), as a box; nothing where none is known."""
    horizon = float(state.cube["horizon"][state.cell]) if "horizon" in state.cube else np.nan
    if not horizon < state.edges[-1]:
        return {"left": [], "right": []}
    return {"left": [horizon], "right": [float(state.edges[-1])]}


def _doubts(state: CubeState) -> list[str]:
    """Names of the flags that are set in the cell looked at, other than for the bins behind its horizon."""
    if "flags" not in state.cube:
        return []
    flags = state.cube["flags"].isel(b=state.cell[0], l=state.cell[1]).values
    found = int(np.bitwise_or.reduce(flags.astype(np.uint8), axis=None))
    return [name.replace("_", " ") for name, bit in FLAGS.items() if found & bit and name != "beyond_horizon"]


def cell_diagram_data(state: CubeState) -> dict[str, list[Any]]:
    """The observed diagram of the cell looked at (of several the first), from the bluest and brightest pixel on."""
    if state.observed is None:
        return {name: [] for name in ("image", "x", "y", "dw", "dh")}
    l, b = state.direction
    image = state.observed["diagram"].sel(l=l, b=b, method="nearest")
    if "channel" in image.dims:
        image = image.isel(channel=0)
    axes = diagram_named(state.observed.attrs["diagrams"][0]).axes
    low_color, per_color, low_magnitude, per_magnitude = map(float, axes.kernel())
    size = {"dw": [axes.pixels / per_color], "dh": [axes.pixels / per_magnitude]}
    return {"image": [image.values.astype(np.float32)], "x": [low_color], "y": [low_magnitude], **size}


def overlay_data(state: CubeState) -> dict[str, Any]:
    """Tracers that are laid over the maps, one a point: arms are lines.

    l and b (deg, l within the map's turn), y and x (kpc, NaN where the distance is not known), name and kind, and the
    marker and colors of the kind; hollow where the distance is not known.
    """
    points = [table[np.asarray(table["kind"]) != _ARM] for table in state.overlaid]
    places: dict[str, list[float]] = {name: [] for name in ("l", "b", "y", "x")}
    texts: dict[str, list[str]] = {name: [] for name in ("name", "kind", "marker", "fill", "line")}
    middle = (state.l[0] + state.l[-1]) / 2
    for table in points:
        x, y = plane_position(table)
        l = (np.asarray(table["l"], float) - middle + 180) % 360 - 180 + middle
        for name, values in zip(places, (l, np.asarray(table["b"], float), y, x), strict=True):
            places[name].extend(values.tolist())
        for name, kind, known in zip(table["name"], table["kind"], np.isfinite(x), strict=True):
            how = style(str(kind))
            fill = how["markerfacecolor"] if known else "rgba(0, 0, 0, 0)"
            row = str(name), str(kind), MARKERS[how["marker"]], fill, how["markeredgecolor"]
            for column, text in zip(texts.values(), row, strict=True):
                column.append(text)
    return {name: np.array(values) for name, values in places.items()} | texts  # a browser takes no text in arrays


def arm_data(state: CubeState) -> dict[str, list[list[float]]]:
    """Spiral arms seen from above (kpc): those that are laid over the maps, or else those of our model."""
    arms = [table[np.asarray(table["kind"]) == _ARM] for table in state.overlaid]
    lines = [line for table in arms if len(table) for line in traces(table)]
    lines = lines or [trace(arm, np.geomspace(3.0, 20.0, 400)) for arm in ARMS]
    return {"xs": [y.tolist() for _, y in lines], "ys": [x.tolist() for x, _ in lines]}


def profile_title(state: CubeState) -> str:
    """The direction looked at, and reasons to doubt what is seen there."""
    l, b = state.direction
    return "; ".join([f"l = {l % 360:g}°, b = {b:g}°", *_doubts(state)])


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
