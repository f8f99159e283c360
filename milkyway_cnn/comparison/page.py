"""One self-contained HTML page of a comparison: tables and figures, opened by any browser, offline."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from milkyway_cnn.comparison.scores import Score
from milkyway_cnn.figures import DPI, Figure
from milkyway_cnn.storage import replacing

__all__ = ["Table", "score_table", "write_page"]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; font-size: 0.9rem } th, td { text-align: left; vertical-align: top;
padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid #eee } img { max-width: 100%; height: auto }
figure { margin: 1.5rem 0 } figcaption { color: #555; font-size: 0.9rem }
"""

#: The head of a table, and its rows.
Table = tuple[Sequence[str], Sequence[Sequence[Any]]]


def score_table(scores: Mapping[str, Score]) -> Table:
    """Put scores into a table: name, value with unit, meaning."""
    rows = []
    for name, each in scores.items():
        value = "undefined" if each["value"] is None else f"{each['value']:.4g} {each['unit']}".removesuffix(" 1")
        rows.append((name, value, each["meaning"]))
    return ("score", "value", "meaning"), rows


def write_page(
    path: str | os.PathLike[str],
    title: str,
    tables: Mapping[str, Table],
    figures: Mapping[str, Figure],
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write the page, whole or not at all.

    Parameters
    ----------
    title
        Of the page.
    tables, figures
        By their captions, in order.
    attributes
        Where the data come from, listed at the end.
    """
    parts = [f"<h1>{escape(title)}</h1>"]
    for caption, table in tables.items():
        parts += [f"<h2>{escape(caption)}</h2>", _table(*table)]
    for caption, figure in figures.items():
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=DPI, metadata={"Software": None})
        data = base64.b64encode(image.getvalue()).decode()
        source = f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        parts.append(f"<figure>{source}<figcaption>{escape(caption)}</figcaption></figure>")
    if attributes:
        parts += ["<h2>Sources</h2>", _table(("what", "value"), list(attributes.items()))]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    with replacing(path) as part:
        part.write_text("\n".join([head, *parts, "</html>"]) + "\n", encoding="utf-8")


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = ["".join(f"<th>{escape(str(cell))}</th>" for cell in head)]
    lines += ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    return "<table>" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
