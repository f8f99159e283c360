"""How every live figure looks: empty plots, color bars, and colors that the color-blind can tell apart."""

from __future__ import annotations

from typing import Any

from bokeh.models import Range1d
from bokeh.plotting import figure

from milkyway_cnn.figures import DIFFERENCE, EXTINCTION, palette
from milkyway_cnn.plots import STARS

__all__ = ["COUNTS", "DIVERGING", "DUST", "frame"]


#: Extinction and star counts, in colors that grow with the square root of the value as in the figures of the package.
DUST, COUNTS = palette(EXTINCTION, 0.5), palette(STARS, 0.5)
#: Differences, on a scale symmetric about zero.
DIVERGING = palette(DIFFERENCE)


def frame(
    size: tuple[float, float],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    labels: tuple[str, str],
    *,
    tools: str = "reset",
    name: str = "",
    scales: tuple[str, str] = ("linear", "linear"),
) -> Any:
    """Make an empty plot with a frame of `size` (pixels), whose axes begin and end at the ranges, "linear" or "log"."""
    made = figure(
        frame_width=round(size[0]),
        frame_height=round(size[1]),
        x_range=Range1d(start=x_range[0], end=x_range[1]),
        y_range=Range1d(start=y_range[0], end=y_range[1]),
        x_axis_label=labels[0],
        y_axis_label=labels[1],
        x_axis_type=scales[0],
        y_axis_type=scales[1],
        tools=tools,
        toolbar_location="above",
        name=name or None,
    )
    made.axis.minor_tick_line_color = None
    made.grid.visible = False
    made.toolbar.logo = None
    return made
