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
from milkyway_cnn.diagrams import diagram_named
from milkyway_cnn.figures import FIRST, SECOND, largest
from milkyway_cnn.maps.faceon import ARM, SUN, net, window
from milkyway_widgets._plot import COUNTS, DUST, frame
from milkyway_widgets.cube_state import (
    MARK,
    CubeState,
    arm_data,
    cell_diagram_data,
    face_on_data,
    horizon_data,
    mark_data,
    overlay_data,
    profile_data,
    profile_title,
    sky_data,
)

__all__ = ["WIDTH", "CubeFigures"]

#: Width of the frame of the sky, and height of the frames below (pixels).
WIDTH, HEIGHT = 700, 280
#: Widest frame of the Galaxy from above, so that all three fit beside each other.
WIDEST = 340


class CubeFigures:
    """Linked figures of a `CubeState`; `update` after one of its traits has changed, `layout` to show."""

    def __init__(self, state: CubeState) -> None:
        self.state = state
        data = {
            "sky": sky_data(state),
            "beside": sky_data(state, state.other),
            "above": face_on_data(state),
            "profile": profile_data(state),
            "horizon": horizon_data(state),
            "other profile": profile_data(state, state.other),
            "diagram": cell_diagram_data(state),
            "tracers": overlay_data(state),
            "arms": arm_data(state),
            **mark_data(state),
        }
        self.sources = {name: ColumnDataSource(columns, name=f"{name} data") for name, columns in data.items()}
        self.colors = {
            "sky": LinearColorMapper(DUST, low=0, nan_color="#cccccc"),
            "above": LinearColorMapper(DUST, low=0, nan_color="rgba(0, 0, 0, 0)"),
            "diagram": LinearColorMapper(COUNTS, low=0),
        }
        self.sky, self.beside = self._sky("sky"), self._sky("beside")
        self.beside.x_range, self.beside.y_range = self.sky.x_range, self.sky.y_range
        self.above, self.profile, self.diagram = self._above(), self._profile(), self._diagram()
        self._title_and_scale()
        self.layout = column(self.sky, self.beside, row(self.above, self.profile, self.diagram))

    def update(self, trait: str) -> None:
        """Replace the data that depend on a trait of the state."""
        state = self.state
        if trait in ("to", "shown", "quantity", "beside"):
            self.sources["sky"].data = sky_data(state)
            if state.beside:
                self.sources["beside"].data = sky_data(state, state.other)
        if trait in ("cell", "shown"):
            self.sources["profile"].data = profile_data(state)
            self.sources["other profile"].data = profile_data(state, state.other)
            self.sources["horizon"].data = horizon_data(state)
        if trait == "cell":
            self.sources["diagram"].data = cell_diagram_data(state)
        if trait == "shown":
            self.sources["above"].data = face_on_data(state)
        if trait == "overlays":
            self.sources["tracers"].data, self.sources["arms"].data = overlay_data(state), arm_data(state)
        for name, data in mark_data(state).items():
            self.sources[name].data = data
        self._title_and_scale()

    def _title_and_scale(self) -> None:
        state = self.state
        for plot, name in ((self.sky, state.shown), (self.beside, state.other)):
            plot.title.text = f"{name}: {state.sky_label()}, to {state.to:.2f} kpc"
        self.beside.visible = state.beside and state.other != state.shown
        self.diagram.visible = state.observed is not None
        self.profile.title.text = profile_title(state)
        total, bins = (
            max(
                float(np.nanmax(self.sources[name].data[column_name], initial=0))
                for name in ("profile", "other profile")
            )
            for column_name in ("total", "top")
        )
        self.profile.y_range.end, self.profile.extra_y_ranges["bins"].end = (
            1.05 * max(total, 0.01),
            1.05 * max(bins, 0.01),
        )
        shown = [self.sources[name].data["image"][0] for name in ("sky", "beside")[: 1 + self.beside.visible]]
        self.colors["sky"].high = largest(*shown)
        self.colors["above"].high = largest(self.sources["above"].data["image"][0])
        if state.observed is not None:
            image = self.sources["diagram"].data["image"][0]
            self.colors["diagram"].high = max(1.0, largest(image))
            self.diagram.title.text = f"its {int(image.sum()):,} stars"

    def _sky(self, name: str) -> Any:
        left, low, wide, high = (self.sources["sky"].data[side][0] for side in ("x", "y", "dw", "dh"))
        height = WIDTH * high / (wide * np.cos(np.radians(low + high / 2)))
        plot = frame(
            (WIDTH, min(max(height, 60), 600)),
            (left + wide, left),
            (low, low + high),
            ("Galactic longitude l (deg)", "b (deg)"),
            tools="pan,wheel_zoom,box_zoom,reset",
            name=name,
        )
        plot.xaxis.formatter = CustomJSTickFormatter(code="return String(((tick % 360) + 360) % 360)")
        self._image(plot, name, "", ("l, b", "$x{0.00}, $y{0.00} deg"), "sky")
        selected = {"fill_color": None, "line_color": MARK, "line_width": 2}
        plot.rect("x", "y", "width", "height", source=self.sources["cell"], **selected)
        self._tracers(plot, "l", "b")
        plot.on_event(Tap, lambda event: self.state.look(event.x, event.y))
        return plot

    def _tracers(self, plot: Any, x: str, y: str) -> None:
        style = {"marker": "marker", "size": 8, "fill_color": "fill", "line_color": "line"}
        drawn = plot.scatter(x, y, source=self.sources["tracers"], **style)
        plot.add_tools(HoverTool(renderers=[drawn], tooltips=[("", "@name (@kind)")]))

    def _above(self) -> Any:
        state = self.state
        x_range, y_range = window(state.l, state.edges[-1])
        width = min(HEIGHT * np.ptp(y_range) / np.ptp(x_range), WIDEST)
        plot = frame(
            (width, width * np.ptp(x_range) / np.ptp(y_range)),
            y_range,
            x_range,
            ("y (kpc), towards l = 90°", "x (kpc), center to Sun"),
            tools="pan,wheel_zoom,reset",
            name="above",
        )
        self._image(plot, "above", "A_V per kpc (mag)", ("y, x", "$x{0.00}, $y{0.00} kpc"))
        l_edges = np.append(state.l - state.width / 2, state.l[-1] + state.width / 2)
        distances, longitudes = net(l_edges, float(state.face_on()["b"]), float(state.edges[-1]))
        for lines, align, baseline in ((distances, "left", "bottom"), (longitudes, "center", "middle")):
            style = {"text_font_size": "11px", "text_color": "#555555", "text_align": align, "text_baseline": baseline}
            for name, x, y, place in lines:
                plot.line(y, x, color="#999999", line_width=0.6)
                plot.text(*place, text=[name], **style)
        plot.multi_line("xs", "ys", source=self.sources["arms"], color=ARM)
        turn = np.linspace(0, 2 * np.pi, 361)
        plot.line(R_SUN * np.sin(turn), R_SUN * np.cos(turn), color="gray", line_dash="dashed")
        plot.multi_line("xs", "ys", source=self.sources["above_marks"], color=MARK, line_width=2)
        plot.scatter([0], [R_SUN], color=SUN, line_color="black", size=8)
        self._tracers(plot, "y", "x")
        plot.on_event(Tap, lambda event: state.look_from_above(event.x, event.y))
        return plot

    def _profile(self) -> Any:
        end, source, other = float(self.state.edges[-1]), self.sources["profile"], self.sources["other profile"]
        plot = frame((180, HEIGHT), (0, end), (0, 1), ("distance (kpc)", "A_V (mag)"), name="profile")
        plot.extra_y_ranges = {"bins": Range1d(start=0, end=1)}
        plot.add_layout(LinearAxis(y_range_name="bins", axis_label="A_V per bin (mag), bars"), "right")
        plot.quad("left", "right", "top", 0, source=source, color=FIRST, alpha=0.35, y_range_name="bins")
        if self.state.other != self.state.shown:
            plot.line("right", "total", source=other, color=SECOND, line_dash="dashed", line_width=2)
        plot.vstrip("left", "right", source=self.sources["horizon"], color="#999999", alpha=0.3)
        plot.varea("right", "low", "high", source=source, color=FIRST, alpha=0.25)
        plot.line("right", "total", source=source, color=FIRST, line_width=2)
        plot.vspan("x", source=self.sources["distance"], color=MARK, line_width=2)
        plot.on_event(Tap, lambda event: self.state.set_trait("to", event.x))
        return plot

    def _diagram(self) -> Any:
        state = self.state
        name = "2mass" if state.observed is None else state.observed.attrs["diagrams"][0]
        kind = diagram_named(name)
        low_color, per_color, low_magnitude, per_magnitude = map(float, kind.axes.kernel())
        ends = low_color + kind.axes.pixels / per_color, low_magnitude + kind.axes.pixels / per_magnitude
        labels = f"{kind.color} ({kind.color_unit})", f"{kind.magnitude} (mag)"
        plot = frame((180, HEIGHT), (low_color, ends[0]), (ends[1], low_magnitude), labels, name="diagram")
        self._image(plot, "diagram", "", (f"{kind.color}, {kind.magnitude}", "$x{0.00}, $y{0.00}"))
        return plot

    def _image(self, plot: Any, name: str, title: str, place: tuple[str, str], colors: str = "") -> None:
        size = {"x": "x", "y": "y", "dw": "dw", "dh": "dh"}
        mapper = self.colors[colors or name]
        drawn = plot.image("image", **size, source=self.sources[name], color_mapper=mapper)
        plot.add_layout(ColorBar(color_mapper=mapper, title=title, width=12), "right")
        plot.add_tools(HoverTool(renderers=[drawn], tooltips=[place, (title or "value", "@image{0.00}")]))
