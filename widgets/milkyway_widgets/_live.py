"""The one place where Bokeh meets the notebook: what is shown live, and what stays when nobody is there."""

from __future__ import annotations

import base64
import os
from functools import cache
from typing import Any

from milkyway_cnn.figures import Figure

__all__ = ["View", "headless", "model"]


def headless() -> bool:
    """Whether the notebook is executed without a browser, as every run of the chapters is."""
    return bool(os.environ.get("MILKYWAY_HEADLESS"))


@cache
def _load() -> None:
    """Put BokehJS into the notebook, once; inline, so that it works without a network."""
    from bokeh.io import output_notebook
    from bokeh.resources import CDN, INLINE

    output_notebook(CDN if os.environ.get("BOKEH_RESOURCES") == "cdn" else INLINE, hide_banner=True)


def model(layout: Any) -> Any:
    """Wrap a Bokeh layout as a widget."""
    from jupyter_bokeh import BokehModel

    return BokehModel(layout)


class View:
    """What a notebook shows of an object: a widget with a picture beneath it, or without a browser the picture.

    A subclass gives `picture`, a figure of its present state, and `widget`, made when first asked for. The picture
    is what remains in a notebook that is opened without its kernel.
    """

    widget: Any

    def picture(self) -> Figure:
        """Draw the present state."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": f"<{type(self).__name__}>"}
        if not headless():
            _load()
            bundle |= self.widget._repr_mimebundle_()
        return bundle | {"image/png": base64.b64encode(self.picture()._repr_png_()).decode()}
