"""How every figure of this package is made: no global state, shown inline in notebooks, saved reproducibly."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter

from milkyway_cnn.errors import InputError
from milkyway_cnn.storage import replacing

__all__ = [
    "DIFFERENCE",
    "EXTINCTION",
    "FIRST",
    "SECOND",
    "UNOBSERVED",
    "Figure",
    "in_longitude",
    "largest",
    "palette",
    "save_figure",
]

#: Color maps: perceptually uniform, and safe for the color-blind; the color of what has no value.
EXTINCTION, DIFFERENCE, UNOBSERVED = "inferno", "RdBu_r", "0.8"
#: A first and a second curve, apart from each other for the color-blind too.
FIRST, SECOND = "#0072B2", "#D55E00"
#: Resolution of saved figures (pixels per inch).
DPI = 160


class Figure(matplotlib.figure.Figure):
    """A Matplotlib figure that pyplot does not know; as the last line of a notebook cell it shows itself.

    Its layout is constrained, so that nothing is cut off or overlaps. It needs no closing. One that `save_figure` has
    written as PNG shows that picture: drawing takes a second.
    """

    #: The PNG file in which it was saved last.
    saved: bytes = b""

    def __init__(self, width: float, height: float, layout: Any = "constrained") -> None:
        super().__init__(figsize=(width, height), layout=layout)

    def _repr_png_(self) -> bytes:
        if self.saved:
            return self.saved
        image = io.BytesIO()
        self.savefig(image, format="png", dpi=DPI, metadata={"Software": None})
        return image.getvalue()


def save_figure(figure: matplotlib.figure.Figure, path: str | os.PathLike[str], caption: str = "") -> None:
    """Write a figure as PNG or, when the path ends so, PDF, whole or not at all; the same figure makes the same file.

    The caption is kept inside the file, as its text `Description` in PNG, where it stands below the figure in the
    report, or `Subject` in PDF, whose letters stay text and whose maps are images of 300 pixels an inch.

    Raises
    ------
    InputError
        For another ending.
    """
    from matplotlib import rc_context

    metadata: dict[str, Any]
    match suffix := Path(path).suffix.lower():
        case ".png":
            metadata, dpi = {"Software": None, "Description": caption or None}, DPI
        case ".pdf":
            metadata, dpi = {"Creator": None, "Producer": None, "CreationDate": None, "Subject": caption or None}, 300
        case _:
            msg = f"{path} must end in .png or .pdf, as figures do"
            raise InputError(msg)
    with replacing(path) as part, rc_context({"pdf.fonttype": 42}):
        figure.savefig(part, format=suffix[1:], dpi=dpi, metadata=metadata)
        if isinstance(figure, Figure) and suffix == ".png":
            figure.saved = part.read_bytes()


def largest(*fields: Any) -> float:
    """Upper end of a color scale common to all fields: the 99.5th percentile of their finite values."""
    values = np.concatenate([np.ravel(np.asarray(field, dtype=np.float64)) for field in fields])
    values = values[np.isfinite(values)]
    return max(float(np.quantile(values, 0.995)), 1e-3) if values.size else 1.0


def palette(name: str, power: float = 1.0) -> list[str]:
    """Colors of a color map for Bokeh, which knows linear scales alone: they grow with that power of the value."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(color) for color in colormaps[name](np.linspace(0, 1, 1024) ** power)]


def in_longitude(axis: Axis) -> None:
    """Label an axis in Galactic longitude, whose values may run beyond 360 deg."""
    axis.set_major_formatter(FuncFormatter(lambda l, _: f"{l % 360:g}"))
    axis.set_label_text("Galactic longitude $l$ (deg)")
