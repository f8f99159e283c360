import re
import sys
from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.figures import Figure, in_longitude, largest, save_figure


def drawn() -> Figure:
    figure = Figure(3, 2)
    axes = figure.subplots()
    axes.plot([350, 370], [0, 1])
    in_longitude(axes.xaxis)
    return figure


def test_a_figure_shows_itself_and_is_unknown_to_pyplot() -> None:
    figure = drawn()
    assert figure._repr_png_().startswith(b"\x89PNG")
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_the_same_figure_makes_the_same_file(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        save_figure(drawn(), tmp_path / name)
    content = (tmp_path / "one.png").read_bytes()
    assert content == (tmp_path / "two.png").read_bytes()
    assert not re.search(rb"tEXt|tIME", content)


def test_a_caption_is_kept_in_the_file_which_is_what_the_figure_shows_from_then_on(tmp_path: Path) -> None:
    figure = drawn()
    save_figure(figure, tmp_path / "figure.png", "A line.")
    content = (tmp_path / "figure.png").read_bytes()
    assert b"tEXtDescription\0A line." in content and figure._repr_png_() == content


def test_longitudes_run_through_360() -> None:
    figure = drawn()
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert {"350", "0", "10"} <= {label.removesuffix(".0") for label in labels}
    assert figure.axes[0].get_xlabel() == "Galactic longitude $l$ (deg)"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([np.arange(1001.0)], 995.0),
        ([np.full(3, np.nan), np.ones(2)], 1.0),
        ([np.full(3, np.nan)], 1.0),
        ([np.zeros(4)], 1e-3),
    ],
)
def test_color_scale_ends_at_a_high_percentile_of_what_there_is(fields: list[np.ndarray], expected: float) -> None:
    assert largest(*fields) == pytest.approx(expected)
