"""The live views of a cube: Bokeh figures whose data are replaced, never redrawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.layouts import column, row
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    CustomJSTickFormatter,
    HoverTool,
    LinearAxis,
    LinearColorMapper,
    Range1d,
)

from milkyway_cnn.constants import R_SUN
from milkyway_cnn.extinction.arms import ARMS
from milkyway_cnn.figures import FIRST, largest
from milkyway_cnn.maps.faceon import ARM, SUN, net, trace, window
from milkyway_widgets._plot import DUST, frame
from milkyway_widgets.cube_state import MARK, CubeState, face_on_data, mark_data, profile_data, sky_data

__all__ = ["WIDTH", "CubeFigures"]

#: Width of the frame of the sky, and height of the frames below (pixels).
WIDTH, HEIGHT = 700, 300


class CubeFigures:
    """Three linked figures of a `CubeState`; `update` after the state has changed, `layout` to show."""

    def __init__(self, state: CubeState) -> None:
        self.state = state
        data = {
            "sky": sky_data(state),
            "above": face_on_data(state),
            "profile": profile_data(state),
            **mark_data(state),
        }
        self.sources = {name: ColumnDataSource(columns) for name, columns in data.items()}
        self.colors = {
            "sky": LinearColorMapper(DUST, low=0, nan_color="#cccccc"),
            "above": LinearColorMapper(DUST, low=0, nan_color="rgba(0, 0, 0, 0)"),
        }
        self.sky, self.above, self.profile = self._sky(), self._above(), self._profile()
        self._title_and_scale()
        self.layout = column(self.sky, row(self.above, self.profile))

    def update(self, trait: str) -> None:
        """Replace the data that depend on a trait of the state: `to`, `cell` or `shown`."""
        if trait in ("to", "shown"):
            self.sources["sky"].data = sky_data(self.state)
        if trait in ("cell", "shown"):
            self.sources["profile"].data = profile_data(self.state)
        if trait == "shown":
            self.sources["above"].data = face_on_data(self.state)
        for name, data in mark_data(self.state).items():
            self.sources[name].data = data
        self._title_and_scale()

    def _title_and_scale(self) -> None:
        state = self.state
        l, b = state.direction
        self.sky.title.text = f"{state.shown}, integrated to {state.to:.2f} kpc"
        self.profile.title.text = f"l = {l % 360:g}°, b = {b:g}°"
        for axis, column_name in ((self.profile.y_range, "total"), (self.profile.extra_y_ranges["bins"], "top")):
            axis.end = 1.05 * max(float(np.nanmax(self.sources["profile"].data[column_name], initial=0)), 0.01)
        for name, mapper in self.colors.items():
            mapper.high = largest(self.sources[name].data["image"][0])

    def _sky(self) -> Any:
        left, low, wide, high = (self.sources["sky"].data[name][0] for name in ("x", "y", "dw", "dh"))
        height = WIDTH * high / (wide * np.cos(np.radians(low + high / 2)))
        plot = frame(
            (WIDTH, max(height, 60)),
            (left + wide, left),
            (low, low + high),
            ("Galactic longitude l (deg)", "b (deg)"),
            tools="pan,wheel_zoom,box_zoom,reset",
        )
        plot.xaxis.formatter = CustomJSTickFormatter(code="return String(((tick % 360) + 360) % 360)")
        self._image(plot, "sky", "A_V (mag)", ("l, b", "$x{0.00}, $y{0.00} deg"))
        selected = {"fill_color": None, "line_color": MARK, "line_width": 2}
        plot.rect("x", "y", "width", "height", source=self.sources["cell"], **selected)
        plot.on_event(Tap, lambda event: self.state.look(event.x, event.y))
        return plot

    def _above(self) -> Any:
        state = self.state
        x_range, y_range = window(state.l, state.edges[-1])
        plot = frame(
            (HEIGHT * np.ptp(y_range) / np.ptp(x_range), HEIGHT),
            y_range,
            x_range,
            ("y (kpc), towards l = 90°", "x (kpc), from the Galactic center to the Sun"),
            tools="pan,wheel_zoom,reset",
        )
        self._image(plot, "above", "A_V per kpc (mag)", ("y, x", "$x{0.00}, $y{0.00} kpc"))
        l_edges = np.append(state.l - state.width / 2, state.l[-1] + state.width / 2)
        distances, longitudes = net(l_edges, float(state.face_on()["b"]), float(state.edges[-1]))
        for lines, align, baseline in ((distances, "left", "bottom"), (longitudes, "center", "middle")):
            style = {"text_font_size": "11px", "text_color": "#555555", "text_align": align, "text_baseline": baseline}
            for name, x, y, place in lines:
                plot.line(y, x, color="#999999", line_width=0.6)
                plot.text(*place, text=[name], **style)
        for arm in ARMS:
            x, y = trace(arm, np.geomspace(3.0, 20.0, 400))
            plot.line(y, x, color=ARM)
        turn = np.linspace(0, 2 * np.pi, 361)
        plot.line(R_SUN * np.sin(turn), R_SUN * np.cos(turn), color="gray", line_dash="dashed")
        plot.multi_line("xs", "ys", source=self.sources["above_marks"], color=MARK, line_width=2)
        plot.scatter([0], [R_SUN], color=SUN, line_color="black", size=8)
        plot.on_event(Tap, lambda event: state.look_from_above(event.x, event.y))
        return plot

    def _profile(self) -> Any:
        end, source = float(self.state.edges[-1]), self.sources["profile"]
        plot = frame((190, HEIGHT), (0, end), (0, 1), ("distance (kpc)", "A_V (mag)"))
        plot.extra_y_ranges = {"bins": Range1d(start=0, end=1)}
        plot.add_layout(LinearAxis(y_range_name="bins", axis_label="A_V per bin (mag), bars"), "right")
        plot.quad("left", "right", "top", 0, source=source, color=FIRST, alpha=0.35, y_range_name="bins")
        plot.line("right", "total", source=source, color=FIRST, line_width=2)
        plot.vspan("x", source=self.sources["distance"], color=MARK, line_width=2)
        plot.on_event(Tap, lambda event: self.state.set_trait("to", event.x))
        return plot

    def _image(self, plot: Any, name: str, title: str, place: tuple[str, str]) -> None:
        size = {"x": "x", "y": "y", "dw": "dw", "dh": "dh"}
        drawn = plot.image("image", **size, source=self.sources[name], color_mapper=self.colors[name])
        plot.add_layout(ColorBar(color_mapper=self.colors[name], title=title, width=12), "right")
        plot.add_tools(HoverTool(renderers=[drawn], tooltips=[place, (title, "@image{0.00}")]))
