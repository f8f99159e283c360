"""The live views of a mock sightline: diagram, distances of its stars, profile and the network's answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import ColorBar, ColumnDataSource, FixedTicker, HoverTool, LinearColorMapper

from milkyway_cnn.figures import FIRST, SECOND
from milkyway_widgets._plot import COUNTS, DIVERGING, frame
from milkyway_widgets.cube_state import MARK
from milkyway_widgets.sightline_state import (
    SightlineState,
    diagram_data,
    pixel_data,
    profile_data,
    scale,
    star_data,
    star_title,
)

__all__ = ["SightlineFigures"]

#: Side of the frames (pixels).
SIDE = 300


class SightlineFigures:
    """Figures of a `SightlineState`, `diagram`, `stars`, `total`, `density`; `update` after it has changed."""

    def __init__(self, state: SightlineState) -> None:
        self.state = state
        data = {"diagram": diagram_data(state), "pixel": pixel_data(state), "stars": star_data(state)}
        data |= profile_data(state)
        self.sources = {name: ColumnDataSource(columns, name=f"{name} data") for name, columns in data.items()}
        self.colors = LinearColorMapper(COUNTS)
        #: Whether the scale of `density` stays as it is, for something on it is being dragged.
        self.held = False
        self.diagram, self.stars = self._diagram(), self._stars()
        self.total = self._profile("total", "A_V to distance (mag)")
        self.density = self._profile("density", "A_V per kpc (mag / kpc)")
        self.total.legend.location = "top_left"
        self._scales()

    def update(self) -> None:
        """Replace all data by those of the state."""
        state = self.state
        self.sources["diagram"].data = diagram_data(state)
        self.sources["pixel"].data = pixel_data(state)
        self.sources["stars"].data = star_data(state)
        for name, data in profile_data(state).items():
            self.sources[name].data = data
        self._scales()

    def _scales(self) -> None:
        state = self.state
        self.colors.low, self.colors.high = scale(state)
        self.colors.palette = DIVERGING if state.view == "difference" else COUNTS
        self.diagram.title.text = f"{state.view}: {state.channel}" + (", a share of the stars" if state.rough else "")
        counts = self.sources["stars"].data["top"]
        self.stars.title.text = star_title(state)
        self.stars.y_range.end = 1.05 * max(float(counts.max()), 1.0)
        for name, plot in (("total", self.total), ("density", self.density)):
            if self.held and name == "density":
                continue
            highest = max(float(np.nanmax(self.sources[of].data[name], initial=0.0)) for of in ("profile", "answer"))
            plot.y_range.end = 1.1 * max(highest, 0.5)

    def _diagram(self) -> Any:
        kind = self.state.sightline.kind
        low_color, per_color, low_magnitude, per_magnitude = (float(number) for number in kind.axes.kernel())
        ends = low_color + kind.axes.pixels / per_color, low_magnitude + kind.axes.pixels / per_magnitude
        labels = f"{kind.color} ({kind.color_unit})", f"{kind.magnitude} (mag)"
        plot = frame((SIDE, SIDE), (low_color, ends[0]), (ends[1], low_magnitude), labels, name="diagram")
        if kind.axes.stretch:
            ticks = [tick for tick in (-1.0, -0.3, 0.0, 0.3, 1.0, 2.0, 5.0) if kind.axes.color[0] <= tick]
            places = [float(kind.axes.stretched(np.float32(tick))) for tick in ticks]
            plot.xaxis.ticker = FixedTicker(ticks=places)
            plot.xaxis.major_label_overrides = {place: f"{tick:g}" for place, tick in zip(places, ticks, strict=True)}
        size = {"x": "x", "y": "y", "dw": "dw", "dh": "dh"}
        drawn = plot.image("image", **size, source=self.sources["diagram"], color_mapper=self.colors)
        plot.add_layout(ColorBar(color_mapper=self.colors, title="stars / pixel", width=12), "right")
        tips = [(f"{kind.color}, {kind.magnitude}", "$x{0.00}, $y{0.00}"), ("stars", "@image{0.0}")]
        plot.add_tools(HoverTool(renderers=[drawn], tooltips=tips))
        mark = {"fill_color": None, "line_color": MARK, "line_width": 2}
        plot.rect("x", "y", "width", "height", source=self.sources["pixel"], **mark)
        plot.on_event(Tap, lambda event: self.state.look(event.x, event.y))
        return plot

    def _stars(self) -> Any:
        end = float(self.state.edges[-1])
        plot = frame((SIDE, SIDE), (0, end), (0, 1), ("distance (kpc)", "stars"), name="stars")
        plot.quad("left", "right", "top", 0, source=self.sources["stars"], color=MARK, alpha=0.6)
        return plot

    def _profile(self, column: str, label: str) -> Any:
        end = float(self.state.edges[-1])
        plot = frame((SIDE, SIDE), (0, end), (0, 1), ("distance (kpc)", label), name=column)
        for name, color, legend in (("profile", FIRST, "the dust"), ("answer", SECOND, "the network")):
            if name == "answer" and self.state.network is None:
                continue
            style = {"color": color, "line_width": 2, "legend_label": legend}
            if column == "density":
                plot.step("distance", column, source=self.sources[name], mode="after", **style)
            else:
                plot.line("distance", column, source=self.sources[name], **style)
        plot.legend.visible = self.state.network is not None
        plot.legend.background_fill_alpha = 0.7
        return plot
