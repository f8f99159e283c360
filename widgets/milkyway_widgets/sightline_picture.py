"""The static twins of the views of a mock sightline."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, PowerNorm

from milkyway_cnn.figures import DIFFERENCE, FIRST, SECOND
from milkyway_cnn.plots import STARS
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

__all__ = ["draw_diagram", "draw_profiles", "draw_stars"]


def draw_diagram(axes: Axes, state: SightlineState) -> None:
    """Draw the diagram as it is shown, with the pixel that is looked at."""
    kind = state.sightline.kind
    data = {name: values[0] for name, values in diagram_data(state).items()}
    extent = (data["x"], data["x"] + data["dw"], data["y"] + data["dh"], data["y"])
    low, high = scale(state)
    signed = state.view == "difference"
    norm = Normalize(low, high) if signed else PowerNorm(0.5, low, high)
    cmap = DIFFERENCE if signed else STARS
    image = axes.imshow(data["image"], extent=extent, norm=norm, cmap=cmap, aspect="auto", interpolation="nearest")
    pixel = pixel_data(state)
    axes.plot(pixel["x"], pixel["y"], "s", mfc="none", mec=MARK)
    if kind.axes.stretch:
        ticks = np.array([tick for tick in (-1.0, -0.3, 0.0, 0.3, 1.0, 2.0, 5.0) if kind.axes.color[0] <= tick])
        axes.set_xticks(kind.axes.stretched(ticks), [f"{tick:g}" for tick in ticks])
    axes.set(title=f"{state.view}: {state.channel}", xlabel=f"{kind.color} ({kind.color_unit})")
    axes.set_ylabel(f"{kind.magnitude} (mag)")
    assert axes.figure is not None
    axes.figure.colorbar(image, ax=axes, label="stars / pixel")


def draw_stars(axes: Axes, state: SightlineState) -> None:
    """Draw the distances of the stars of the pixel, or of all."""
    data = star_data(state)
    axes.stairs(data["top"], np.append(data["left"], data["right"][-1]), fill=True, color=MARK, alpha=0.6)
    axes.set(title=star_title(state), xlabel="distance (kpc)", ylabel="stars")
    axes.set(xlim=state.edges[[0, -1]], ylim=(0, None))


def draw_profiles(total: Axes, density: Axes, state: SightlineState) -> None:
    """Draw A_V to a distance, and A_V per kpc, of the dust and of the network's answer."""
    curves = profile_data(state)
    for name, color, label in (("profile", FIRST, "the dust"), ("answer", SECOND, "the network")):
        if name == "profile" or state.network is not None:
            total.plot(curves[name]["distance"], curves[name]["total"], color=color, label=label)
            density.stairs(curves[name]["density"][:-1], state.edges, color=color)
    if state.network is not None:
        total.legend(loc="upper left")
    total.set(ylabel="$A_V$ to distance (mag)")
    density.set(ylabel="$A_V$ per kpc (mag / kpc)")
    for axes in (total, density):
        axes.set(xlabel="distance (kpc)", xlim=state.edges[[0, -1]], ylim=(0, None))
