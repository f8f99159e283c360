"""What a validation found: lines for the terminal, a figure of each sky, a page with both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from milkyway_cnn.comparison.page import write_page
from milkyway_cnn.figures import FIRST, SECOND, Figure
from milkyway_cnn.storage import replacing
from milkyway_cnn.validation.checks import Check

__all__ = ["lines", "sky_figure", "write_validation"]

_CURVES = {
    "truth": ("0.2", "-"),
    "map": (FIRST, "-"),
    "network": (FIRST, ":"),
    "classical": (SECOND, "--"),
    "ridge": ("#009E73", "-."),
}


def lines(checks: Sequence[Check]) -> list[str]:
    """Lines of the checks and scores: whether it holds, the sky, the score, its value and bound."""
    return [f"{_verdict(check):6} {check.sky:13} {check.name:32} {_value(check)}" for check in checks]


def _verdict(check: Check) -> str:
    if check.at_most is None and check.at_least is None:
        return ""
    return "holds" if check.holds else "FAILS"


def _value(check: Check) -> str:
    value, unit = check.score["value"], check.score["unit"].removeprefix("1")
    text = "undefined" if value is None else f"{value:.3f} {unit}".strip()
    bounds = (("at most", check.at_most), ("at least", check.at_least))
    return " ".join([text, *(f"({word} {bound:g})" for word, bound in bounds if bound is not None)])


def sky_figure(sky: str, cubes: Mapping[str, xr.Dataset]) -> Figure:
    """Mean over the cells of A_V up to each distance, with 16 to 84 % of the map's cells, and of A_V per kpc."""
    figure = Figure(9.0, 3.6)
    left, right = figure.subplots(1, 2, sharex=True)
    edges = cubes["truth"]["distance_edges"].values
    for name, each in cubes.items():
        color, dashes = _CURVES[name]
        A_V = each["A_V"].transpose("b", "l", "distance").values.reshape(-1, len(edges) - 1)
        density = np.nanmean(each["delta_A_V"].values, axis=(0, 1)) / np.diff(edges)
        left.plot(edges[1:], np.nanmean(A_V, axis=0), color=color, linestyle=dashes, label=name)
        right.stairs(density, edges, color=color, linestyle=dashes, label=name)
        if name == "map":
            low, high = np.nanquantile(A_V, (0.16, 0.84), axis=0)
            left.fill_between(edges[1:], low, high, color=color, alpha=0.2, linewidth=0)
    left.set_ylabel("mean $A_V$ (mag)")
    right.set_ylabel("mean $A_V$ per kpc (mag kpc$^{-1}$)")
    left.set_title(sky, loc="left", fontsize="medium")
    for panel in (left, right):
        panel.set(xlabel="distance (kpc)", xlim=(0.0, edges[-1]))
        panel.set_ylim(bottom=0.0)
        panel.grid(color="0.9", linewidth=0.6)
        panel.set_axisbelow(True)
    left.legend(frameon=False)
    return figure


def write_validation(
    checks: Sequence[Check], skies: Mapping[str, Mapping[str, xr.Dataset]], folder: str | Path, run: str | Path
) -> Path:
    """Write validation.json and validation.html into a folder; return the page's path."""
    folder = Path(folder)
    with replacing(folder / "validation.json") as part:
        kept = [
            {"sky": c.sky, "name": c.name, **c.score, "at_most": c.at_most, "at_least": c.at_least, "holds": c.holds}
            for c in checks
        ]
        part.write_text(json.dumps(kept, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    rows = [(_verdict(c), c.sky, c.name, _value(c), c.score["meaning"]) for c in checks]
    tables = {"Checks and scores": (("", "sky", "score", "value", "meaning"), rows)}
    figures = {f"The sky {name}: means over the cells.": sky_figure(name, cubes) for name, cubes in skies.items()}
    write_page(folder / "validation.html", "Mock skies with known dust", tables, figures, {"run": run})
    return folder / "validation.html"
