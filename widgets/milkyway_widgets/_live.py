"""The one place where Bokeh meets the notebook: what is shown live, and what stays when nobody is there."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import os
import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import traitlets

from milkyway_cnn.figures import Figure
from milkyway_cnn.storage import replacing

__all__ = ["View", "cell_sliders", "headless", "join", "model", "selection", "settle", "slider"]

#: Seconds without a change after which what was drawn roughly is drawn in full.
QUIET = 0.25


def headless() -> bool:
    """Whether the notebook is executed without a browser, as every run of the chapters is."""
    return bool(os.environ.get("MILKYWAY_HEADLESS"))


@cache
def _load() -> None:
    """Put BokehJS into the notebook, once; inline, so that it works without a network."""
    from bokeh.io import output_notebook
    from bokeh.resources import CDN

    output_notebook(CDN if os.environ.get("BOKEH_RESOURCES") == "cdn" else _inline(), hide_banner=True)


def _inline() -> Any:
    """BokehJS without tables, WebGL and formulas, which no view here has: a fifth of all of it."""
    from bokeh.resources import Resources

    return Resources("inline", components=["bokeh", "bokeh-widgets"])


def model(layout: Any) -> Any:
    """Wrap a Bokeh layout as a widget."""
    from jupyter_bokeh import BokehModel

    return BokehModel(layout)


def slider(state: traitlets.HasTraits, name: str, low: float, high: float, step: float, label: str) -> Any:
    """Make a slider of a number of the state; the arrow keys move it too."""
    import ipywidgets

    kind = ipywidgets.IntSlider if isinstance(getattr(state, name), int) else ipywidgets.FloatSlider
    made = kind(
        value=getattr(state, name),
        min=low,
        max=high,
        step=step,
        description=label,
        tooltip=label,
        style={"description_width": "150px"},
        layout=ipywidgets.Layout(width="460px"),
    )
    traitlets.link((state, name), (made, "value"))
    return made


def selection(options: list[tuple[str, Any]], label: str, width: str) -> Any:
    """Make a slider over named values; the arrow keys move it too."""
    import ipywidgets

    return ipywidgets.SelectionSlider(
        options=options,
        description=label,
        tooltip=label,
        style={"description_width": "120px"},
        layout=ipywidgets.Layout(width=width),
    )


def cell_sliders(l: np.ndarray, b: np.ndarray) -> tuple[Any, Any]:
    """Make sliders over the columns and rows of a map, given the middles of its cells (deg): what a click does."""
    columns = selection([(f"{x % 360:g}°", i) for i, x in enumerate(l)], "longitude", "350px")
    return columns, selection([(f"{y:g}°", i) for i, y in enumerate(b)], "latitude", "350px")


def join(state: traitlets.HasTraits, name: str, controls: Sequence[Any], read: Any = None, show: Any = None) -> None:
    """Let controls together be one trait of the state, a tuple of their values.

    Parameters
    ----------
    state, name
        Whose trait it is, and its name.
    controls
        Widgets with a `value`.
    read, show
        From a tuple of values to the trait, and back; by default as they are.
    """

    def take(_: Any) -> None:
        values = tuple(control.value for control in controls)
        setattr(state, name, read(values) if read else values)

    def put(_: Any = None) -> None:
        for control in controls:  # else they would ask, one after the other, for what is half of each
            control.unobserve(take, "value")
        value = getattr(state, name)
        for control, part in zip(controls, show(value) if show else value, strict=True):
            control.value = part
        for control in controls:
            control.observe(take, "value")

    for control in controls:
        control.observe(take, "value")
    put()
    state.observe(put, name)


_waiting: dict[int, asyncio.TimerHandle] = {}


def settle(state: Any) -> None:
    """Draw `state` roughly until nothing has changed for a moment; at once in full where no event loop runs."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    if id(state) in _waiting:
        _waiting[id(state)].cancel()
    state.rough = True
    _waiting[id(state)] = loop.call_later(QUIET, lambda: state.set_trait("rough", False))


class View:
    """What a notebook shows of an object: a widget with a picture beneath it, or without a browser the picture.

    A subclass gives `picture`, a figure of its present state, `live`, the same in Bokeh, and `widget`, made when first
    asked for. The picture is what remains in a notebook that is opened without its kernel.

    Parameters
    ----------
    state
        What is looked at; its `SHOWN` names the traits that say what.
    made
        The Python expression that makes the view.
    run
        Folder of the run that it shows, if any.
    """

    widget: Any

    def __init__(self, state: Any, made: str, run: str | os.PathLike[str] = "") -> None:
        self.state, self.made = state, made
        #: What `notebooks/10_widgets.ipynb` needs to know to make the view; empty when it is made of objects in memory.
        self.source: dict[str, Any] = {"run": str(Path(run).absolute())} if str(run) else {}
        self._first = {name: getattr(state, name) for name in state.SHOWN}

    def picture(self) -> Figure:
        """Draw the present state."""
        raise NotImplementedError

    def live(self) -> Any:
        """Return Bokeh figures of the present state, with their `layout`."""
        raise NotImplementedError

    def set(self, **traits: Any) -> Self:
        """Change what is shown, by the names of the state's traits.

        Raises
        ------
        traitlets.TraitError
            When there is no such trait, or the value is not one of its own.
        """
        for name, value in traits.items():
            if name not in self.state.SHOWN:
                msg = f"{type(self).__name__} has no {name!r}; choose from {', '.join(self.state.SHOWN)}"
                raise traitlets.TraitError(msg)
            setattr(self.state, name, tuple(value) if isinstance(value, list) else value)
        return self

    def changed(self) -> dict[str, Any]:
        """Return what is not as it was at first, by name."""
        now = {name: getattr(self.state, name) for name in self.state.SHOWN}
        return {name: value for name, value in now.items() if value != self._first[name]}

    def call(self) -> str:
        """Return the Python expression that makes this view as it is now."""
        words = ", ".join(f"{name}={value!r}" for name, value in self.changed().items())
        return f"{self.made}.set({words})" if words else self.made

    def command(self) -> str:
        """Return the command line that leaves the same figure in a notebook, without a browser, given in the clone."""
        if not self.source:
            return "# made of objects in memory, which no command line has; see `of` and `towards`"
        told = json.dumps({**self.source, "widget": type(self).__name__, "state": self.changed()})
        return f"MILKYWAY_HEADLESS=1 papermill notebooks/10_widgets.ipynb widgets.ipynb -y {shlex.quote(told)}"

    def show(self) -> Self:
        """Show the view now where somebody looks; without a browser nothing, for its picture is yet to come."""
        from IPython.display import display

        if not headless():
            display(self)
        return self

    def save_html(self, path: str | os.PathLike[str]) -> None:
        """Write the figures of the present state as a page that opens anywhere, offline, to zoom and to point into."""
        from bokeh.embed import file_html
        from bokeh.resources import INLINE

        with replacing(path) as part:
            page = file_html(self.live().layout, INLINE, title=type(self).__name__, suppress_callback_warning=True)
            Path(part).write_text(page, encoding="utf-8")

    def code_button(self) -> Any:
        """Make the button that shows `call` and `command`."""
        import ipywidgets

        button = ipywidgets.ToggleButton(
            description="show the code", tooltip="The Python call and the command line that reproduce this view"
        )
        text = ipywidgets.HTML()

        def show(_: Any = None) -> None:
            lines = f"{self.call()}\n\n{self.command()}" if button.value else ""
            text.value = f"<pre style='white-space: pre-wrap'>{html.escape(lines)}</pre>" if lines else ""

        button.observe(show, "value")
        self.state.observe(show, list(self.state.SHOWN))
        return ipywidgets.VBox([button, text])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": f"<{type(self).__name__}>"}
        if not headless():
            _load()
            bundle |= self.widget._repr_mimebundle_()
        return bundle | {"image/png": base64.b64encode(self.picture()._repr_png_()).decode()}
