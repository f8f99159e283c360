"""Runs beside each other: what they were made of, how they learned, and their scores."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import traitlets
import xarray as xr
from bokeh.layouts import row
from bokeh.models import CategoricalScale, ColumnDataSource, DataRange1d, FactorRange
from matplotlib import colormaps
from matplotlib.colors import to_hex

from milkyway_cnn.errors import InputError
from milkyway_cnn.figures import FIRST, Figure
from milkyway_cnn.pipeline.runs import Run, differences, opened
from milkyway_widgets._live import View, model
from milkyway_widgets._plot import frame

__all__ = ["BrowserState", "RunBrowser"]


#: Parameters that the picture's table has room for; the live table has all.
MOST_COLUMNS = 6


class BrowserState(traitlets.HasTraits):
    """Finished runs, and the score by which they are compared.

    Parameters
    ----------
    folders
        Of runs; those that no run has filled are passed over.

    Raises
    ------
    InputError
        When none of them is a run.
    """

    SHOWN = ("score",)

    #: Name of a score.
    score = traitlets.Unicode()

    def __init__(self, folders: Sequence[Path]) -> None:
        self.runs: dict[str, Run] = {}
        self.curves: dict[str, xr.Dataset | None] = {}
        for folder in folders:
            with suppress(InputError):
                run = opened(folder)
                self.runs[run.name], self.curves[run.name] = run, run.history()
        if not self.runs:
            named = ", ".join(map(str, folders)) or "an empty folder"
            msg = f"there is no run in {named}; give folders that runs have filled"
            raise InputError(msg)
        super().__init__(score=next(iter(self.scores), ""))

    @property
    def scores(self) -> list[str]:
        """Names of the scores that any run has."""
        return list(dict.fromkeys(name for run in self.runs.values() for name in run.scores))

    def values(self) -> list[float]:
        """Return the score of each run; NaN where it has none."""
        found = [run.scores.get(self.score, {}).get("value") for run in self.runs.values()]
        return [np.nan if value is None else float(value) for value in found]

    def differences(self) -> list[tuple[str, ...]]:
        """Return a table: a header, and for each run its name, the parameters in which they differ, and the score."""
        names = differences(list(self.runs.values()))
        rows = [
            (title, *(str(run.parameters.get(name)) for name in names), f"{value:.4g}")
            for (title, run), value in zip(self.runs.items(), self.values(), strict=True)
        ]
        return [("run", *names, self.score or "score"), *rows]

    def meaning(self) -> str:
        """Return what the score means."""
        found = (run.scores.get(self.score) for run in self.runs.values())
        return next((score["meaning"] for score in found if score), "")


def _colors(count: int) -> list[str]:
    return [to_hex(colormaps["viridis"](x)) for x in np.linspace(0.0, 0.85, count)]


class RunBrowser(View):
    """Compare runs, as those of a sweep: parameters in which they differ, validation losses, and a score.

    Parameters
    ----------
    runs
        Folders of runs, or one folder that holds them.
    """

    def __init__(self, runs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> None:
        one = isinstance(runs, str | os.PathLike)
        folders = sorted(Path(runs).glob("*")) if one else [Path(run) for run in runs]
        given = str(runs) if one else [str(run) for run in runs]
        super().__init__(BrowserState([f for f in folders if f.is_dir()]), f"RunBrowser({given!r})", "")

    @classmethod
    def of(cls, run: str | os.PathLike[str]) -> Self:
        """Compare a run with those that lie beside it."""
        made = cls(Path(run).absolute().parent)
        made.made, made.source = f"RunBrowser.of({str(run)!r})", {"run": str(Path(run).absolute())}
        return made

    def live(self) -> Any:
        """Return Bokeh figures of the present state, with their `layout`."""
        return BrowserFigures(self.state)

    def picture(self) -> Figure:
        """Draw the present state."""
        state = self.state
        figure = Figure(12.0, 4.2 + 0.25 * len(state.runs))
        upper, lower = figure.subfigures(2, 1, height_ratios=(3.6, 0.6 + 0.25 * len(state.runs)))
        curves, scores = upper.subplots(1, 2)
        for name, color in zip(state.runs, _colors(len(state.runs)), strict=True):
            if (history := state.curves[name]) is not None:
                curves.plot(history["epoch"], history["validation_loss"], "o-", ms=3, color=color, label=name)
        curves.set(xlabel="epoch", ylabel="validation loss", yscale="log")
        curves.legend(fontsize="small")
        scores.barh(list(state.runs), state.values(), color=FIRST)
        scores.invert_yaxis()
        scores.set_xlabel(state.score)
        scores.set_title(state.meaning(), fontsize="small", wrap=True)
        header, *rows = state.differences()
        axes = lower.subplots()
        axes.axis("off")
        kept = [0, *range(1, len(header) - 1)[:MOST_COLUMNS], len(header) - 1]  # more cannot be read
        cells = [[row[i] for i in kept] for row in rows]
        axes.table(cells, colLabels=[header[i] for i in kept], loc="center", edges="horizontal")
        return figure

    @cached_property
    def widget(self) -> Any:
        """The live view, made when first asked for."""
        import ipywidgets

        state, figures = self.state, self.live()
        choice = ipywidgets.Dropdown(options=state.scores or [""], description="score")
        traitlets.link((state, "score"), (choice, "value"))
        table = ipywidgets.HTML(_table(state))

        def show(_: Any) -> None:
            figures.update()
            table.value = _table(state)

        state.observe(show, "score")
        return ipywidgets.VBox([choice, model(figures.layout), table, self.code_button()])


class BrowserFigures:
    """Validation losses and scores of a `BrowserState`; `update` after the score has changed, `layout` to show."""

    def __init__(self, state: BrowserState) -> None:
        self.state = state
        self.source = ColumnDataSource({"name": list(state.runs), "value": state.values()}, name="score data")
        style = {"tools": "reset,hover", "name": "losses", "scales": ("linear", "log")}
        self.curves = frame((420, 280), (0, 1), (0, 1), ("epoch", "validation loss"), **style)
        self.curves.x_range, self.curves.y_range = DataRange1d(), DataRange1d()
        for name, color in zip(state.runs, _colors(len(state.runs)), strict=True):
            if (history := state.curves[name]) is not None:
                x, y = history["epoch"].values, history["validation_loss"].values
                self.curves.line(x, y, color=color, line_width=2, legend_label=name)
        self.curves.legend.click_policy = "hide"
        self.scores = frame((280, 280), (0, 1), (0, 1), ("", ""), tools="reset,hover", name="scores")
        self.scores.x_range, self.scores.y_range = DataRange1d(start=0), FactorRange(*reversed(list(state.runs)))
        self.scores.y_scale = CategoricalScale()
        self.scores.hbar("name", right="value", height=0.7, source=self.source, color=FIRST)
        self.layout = row(self.curves, self.scores)
        self.update()

    def update(self) -> None:
        """Replace the scores by those of the state."""
        self.source.data = {"name": list(self.state.runs), "value": self.state.values()}
        self.scores.xaxis.axis_label = self.state.score


def _table(state: BrowserState) -> str:
    header, *rows = state.differences()
    cells = ["".join(f"<th style='text-align:left;padding-right:1em'>{html.escape(name)}</th>" for name in header)]
    cells += ["".join(f"<td style='padding-right:1em'>{html.escape(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<p>{html.escape(state.meaning())}</p><table>{body}</table>"
