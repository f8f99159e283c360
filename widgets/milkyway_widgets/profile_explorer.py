"""Put dust before the stars of a direction, by sliders or by hand, and watch diagram and network answer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import traitlets
from bokeh.events import Pan, PanEnd, PanStart
from bokeh.layouts import column, row
from bokeh.models import ColumnDataSource, CustomJS, DataRange1d, PointDrawTool

from milkyway_cnn.figures import FIRST, SECOND, Figure
from milkyway_cnn.mock_sightline import MockSightline
from milkyway_cnn.nn import Network
from milkyway_cnn.sightlines import distance_edges
from milkyway_widgets._live import View, model, settle, slider
from milkyway_widgets._plot import frame
from milkyway_widgets.diagram_inspector import DiagramInspector, pixel_sliders
from milkyway_widgets.profile_state import MODES, ProfileState, band_data, knot_data, spectrum_data
from milkyway_widgets.sightline_figures import SIDE, SightlineFigures
from milkyway_widgets.sightline_picture import draw_diagram, draw_profiles, draw_stars
from milkyway_widgets.sightline_state import VIEWS

__all__ = ["CloudViewer", "ProfileExplorer"]

#: While a knot is dragged, Bokeh keeps from Python where it is until it is let go; this tells it, ten times a second.
TELL = """
const now = Date.now()
if (knots.data.x.length && now - (knots.told ?? 0) > 100) {
    knots.told = now
    const data = {x: Array.from(knots.data.x), y: Array.from(knots.data.y)}
    knots.setv({data}, {check_eq: false})  // the tool has moved the knots in place: nothing looks new
}
"""


class ProfileFigures(SightlineFigures):
    """The figures of a sightline, with the draws' band and spectrum, and knots to drag."""

    def __init__(self, state: ProfileState) -> None:
        super().__init__(state)
        self.state: ProfileState = state
        more = {"band": band_data(state), "spectrum": spectrum_data(state), "knots": knot_data(state)}
        self.sources |= {name: ColumnDataSource(columns, name=f"{name} data") for name, columns in more.items()}
        self.total.varea("distance", "low", "high", source=self.sources["band"], color=FIRST, alpha=0.15)
        self.spectrum = self._spectrum()
        self._draw_knots()
        self.layout = column(row(self.diagram, self.total), row(self.density, self.stars), self.spectrum)
        self._show()

    def update(self) -> None:
        """Replace all data by those of the state."""
        super().update()
        self.sources["band"].data = band_data(self.state)
        self.sources["spectrum"].data = spectrum_data(self.state)
        knots = knot_data(self.state)
        if not self._dragged and knots != self.sources["knots"].data:  # what the browser has is not sent back to it
            self.sources["knots"].data = knots
        self._show()

    def _show(self) -> None:
        self.spectrum.visible = self.state.mode == "field"
        by_hand = self.state.mode == "by hand"
        self.draw.add = self.draw.drag = self.draw.visible = by_hand
        end, beside = float(self.state.edges[-1]), 0.03 if by_hand else 0.0  # knots at the ends are to be seen whole
        self.density.x_range.start, self.density.x_range.end = -beside * end, (1.0 + beside) * end
        if by_hand and not self.held:  # room to drag a knot upwards
            self.density.y_range.end = max(3.0, 1.5 * self.density.y_range.end)

    def _spectrum(self) -> Any:
        plot = frame(
            (SIDE, SIDE // 2),
            (0, 1),
            (0, 1),
            ("frequency (1 / kpc)", "power of ln(density)"),
            name="spectrum",
            scales=("log", "log"),
        )
        plot.x_range, plot.y_range = DataRange1d(), DataRange1d()
        for name, color, dash in (("drawn", FIRST, "solid"), ("asked", SECOND, "dashed")):
            plot.line(
                "frequency", name, source=self.sources["spectrum"], color=color, line_dash=dash, legend_label=name
            )
        return plot

    def _draw_knots(self) -> None:
        self._dragged = False
        knots = self.density.scatter("x", "y", source=self.sources["knots"], size=12, color=FIRST, line_color="black")
        self.draw = PointDrawTool(renderers=[knots], add=True)
        self.density.add_tools(self.draw)
        self.density.toolbar.active_tap = self.draw
        self.density.js_on_event(Pan, CustomJS(args={"knots": self.sources["knots"]}, code=TELL))
        self.sources["knots"].on_change("data", self._moved)
        self.density.on_event(PanStart, lambda _: self._drag(True))
        self.density.on_event(PanEnd, lambda _: self._drag(False))

    def _drag(self, now: bool) -> None:
        if self.state.mode == "by hand":
            self.held = now
            self.state.rough = now

    def _moved(self, attribute: str, old: Any, new: Any) -> None:
        knots = tuple(zip(new["x"], new["y"], strict=True))
        if self.state.mode == "by hand" and len(knots) > 1 and knots != self.state.knots:
            self._dragged = True
            self.state.knots = knots
            self._dragged = False


class ProfileExplorer(View):
    """A profile on one line of sight, its diagram, and what a network reads from it.

    Parameters
    ----------
    sightlines
        One direction in one diagram, or in several that are channels of the network.
    network
        Trained on such diagrams; none: no answer is drawn.

    Attributes
    ----------
    state
        `ProfileState`: everything that the sliders and the mouse can do.
    widget
        The widget, for a layout of your own.
    """

    #: Ways to make a profile that are offered.
    modes: tuple[str, ...] = MODES

    def __init__(
        self,
        sightlines: MockSightline | Sequence[MockSightline],
        network: Network | None = None,
        *,
        made: str = "",
        run: str = "",
    ) -> None:
        several = [sightlines] if isinstance(sightlines, MockSightline) else list(sightlines)
        name = type(self).__name__
        super().__init__(ProfileState(several, network), made or f"{name}(sightlines, network)", run)

    @classmethod
    def of(cls, run: str | os.PathLike[str]) -> Self:
        """Explore the first training sightline of a run, with its network."""
        known = DiagramInspector.of(run).state
        made = f"{cls.__name__}.of({str(run)!r})"
        return cls(list(known.sightlines.values()), known.network, made=made, run=str(run))

    @classmethod
    def towards(
        cls,
        l: float,
        b: float,
        *,
        bins: int = 64,
        bin_width: float = 0.1,
        seed: int = 1,
        diagrams: Sequence[str] = ("2mass",),
        network: str | os.PathLike[str] = "",
    ) -> Self:
        """Explore a direction of the embedded Galaxy, without any run.

        Parameters
        ----------
        l, b
            Direction (deg).
        bins, bin_width
            Number of distance bins, and their width (kpc).
        seed
            Of the stars.
        diagrams
            Names of diagrams, the channels of the network.
        network
            File of a network trained on such diagrams; none: no answer is drawn.
        """
        given = {"l": l, "b": b, "bins": bins, "bin_width": bin_width, "seed": seed}
        given |= {"diagrams": list(diagrams)} if tuple(diagrams) != ("2mass",) else {}
        given |= {"network": str(Path(network).absolute())} if network else {}
        words = ", ".join(f"{name}={value!r}" for name, value in given.items())
        sightlines = [_sightline(l, b, bins, bin_width, seed, name) for name in diagrams]
        trained = Network.load(Path(network)) if network else None
        explorer = cls(sightlines, trained, made=f"{cls.__name__}.towards({words})")
        explorer.source = {"towards": given}
        return explorer

    def live(self) -> ProfileFigures:
        """Return Bokeh figures of the present state, with their `layout`."""
        return ProfileFigures(self.state)

    def picture(self) -> Figure:
        """Draw the present state."""
        figure = Figure(12.0, 7.6)
        (diagram, total), (density, stars) = figure.subplots(2, 2)
        draw_diagram(diagram, self.state)
        draw_profiles(total, density, self.state)
        draw_stars(stars, self.state)
        band = band_data(self.state)
        if band["distance"].size:
            total.fill_between(band["distance"], band["low"], band["high"], color=FIRST, alpha=0.15, lw=0)
        knots = knot_data(self.state)
        density.plot(knots["x"], knots["y"], "o", color=FIRST, mec="k")
        return figure

    def diagram_picture(self, view: str = "dusty") -> Figure:
        """Draw the diagram alone, in one of `VIEWS`: the dust stays secret."""
        shown = self.state.view
        self.state.view = view
        figure = Figure(6.4, 4.6)
        draw_diagram(figure.subplots(), self.state)
        self.state.view = shown
        return figure

    @cached_property
    def widget(self) -> Any:
        """The live view, made when first asked for."""
        import ipywidgets

        state, figures = self.state, self.live()
        end = float(state.edges[-1])
        boxes = {
            "cloud": [
                slider(state, "cloud_distance", 0.1, end, 0.05, "cloud's distance (kpc)"),
                slider(state, "cloud_A_V", 0.0, 10.0, 0.1, "cloud's A_V (mag)"),
                slider(state, "cloud_depth", 0.03, 0.5, 0.01, "cloud's depth (kpc)"),
                slider(state, "disc", 0.0, 2.0, 0.05, "smooth disc (times)"),
            ],
            "field": [
                slider(state, "slope", 0.5, 3.0, 0.05, "spectral slope"),
                slider(state, "contrast", 0.0, 2.5, 0.05, "contrast of ln(density)"),
                slider(state, "total", 0.5, 30.0, 0.5, "total A_V (mag)"),
                slider(state, "clouds", 0.0, 4.0, 0.1, "clouds, mean number"),
                slider(state, "draw", 0, 199, 1, "which draw"),
            ],
            "by hand": [
                _knot_text(state),
                ipywidgets.Label("Drag a knot where A_V per kpc is drawn; a click makes one, backspace removes one."),
            ],
        }
        mode = ipywidgets.ToggleButtons(options=list(self.modes), description="dust")
        view = ipywidgets.ToggleButtons(options=list(VIEWS), description="diagram")
        channel = ipywidgets.Dropdown(options=list(state.sightlines), description="channel")
        for name, control in (("mode", mode), ("view", view), ("channel", channel)):
            traitlets.link((state, name), (control, "value"))
        sliders = ipywidgets.VBox(boxes[state.mode])
        state.observe(lambda change: setattr(sliders, "children", boxes[change["new"]]), "mode")
        moving = [name for name in state.SHOWN if name not in ("mode", "knots", "channel", "view", "pixel")]
        state.observe(lambda _: settle(state), moving)
        state.observe(lambda _: figures.update(), ["delta_A_V", "rough", "channel", "view", "pixel"])
        shown = [mode] if len(self.modes) > 1 else []
        shown += [channel] if len(state.sightlines) > 1 else []
        controls = [*shown, sliders, view, pixel_sliders(state)]
        return ipywidgets.VBox([*controls, model(figures.layout), self.code_button()])


class CloudViewer(ProfileExplorer):
    """One cloud over the smooth disc, moved in distance and extinction; the rest as in `ProfileExplorer`."""

    modes = ("cloud",)


@lru_cache(8)  # views of one direction share its stars
def _sightline(l: float, b: float, bins: int, bin_width: float, seed: int, name: str) -> MockSightline:
    return MockSightline(l, b, distance_edges(bins, bin_width), seed=seed, kind=name)


def _knot_text(state: ProfileState) -> Any:
    """Make a line of text that holds the knots: what the mouse does, by keyboard."""
    import ipywidgets

    text = ipywidgets.Text(
        description="knots (kpc: mag / kpc)",
        tooltip="distance: density, ...; press Enter",
        continuous_update=False,
        style={"description_width": "150px"},
        layout=ipywidgets.Layout(width="700px"),
    )

    def told() -> str:
        return ", ".join(f"{distance:.4g}: {density:.4g}" for distance, density in state.knots)

    def read(change: Any) -> None:
        if change["new"] != told():
            with suppress(ValueError):  # what cannot be read as knots changes nothing
                pairs = [pair.split(":") for pair in change["new"].split(",")]
                state.knots = tuple((float(distance), float(density)) for distance, density in pairs)
            write()

    def write(_: Any = None) -> None:
        text.value = told()

    write()
    text.observe(read, "value")
    state.observe(write, "knots")
    return text
