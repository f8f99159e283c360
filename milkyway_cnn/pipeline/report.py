"""``report.html``: one file that opens anywhere, offline, and says what came out and how."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..storage import replacing
from .parameters import Parameters

__all__ = ["figure", "table", "write_page", "write_report"]

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1, h2, h3 { line-height: 1.2 } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc }
table { border-collapse: collapse; font-size: 0.9rem; display: block; overflow-x: auto }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid #eee }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
img, svg { max-width: 100%; height: auto } figure { margin: 1.5rem 0 } figcaption { color: #555; font-size: 0.9rem }
pre, code { font: 0.85rem/1.4 ui-monospace, monospace } pre { background: #f6f6f6; padding: 0.6rem; overflow-x: auto }
details { margin: 0.4rem 0 } summary { cursor: pointer } details.chapter > summary { font-size: 1.1rem }
details.chapter[open] { border-left: 3px solid #ddd; padding-left: 1rem } details.code > summary { color: #888 }
details.chapter h1, .anchor-link { display: none }
"""


def write_report(folder: Path) -> None:
    """Write the report of a run that is done.

    Parameters
    ----------
    folder
        of the run, with ``run.json`` and ``notebooks/``. Shown first where they are there:
        ``comparison/scores.json``, a mapping ``{name: {"value": number | None, "unit": str, "meaning": str}}`` with
        unit "1" for none, ``figures/*.png``, each with the caption in its PNG text ``Description``, and links to the
        pages ``figures/*.html`` and ``comparison/*.html``.
    """
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    seconds = {name: stage["seconds"] for name, stage in record["stages"].items()}
    body = [
        f"<h1>{escape(record['name'])}</h1>",
        f"<p>A 3D map of interstellar dust from star catalogs by a convolutional neural network; "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {sum(seconds.values()):.0f} s of work.</p>",
        "<h2>What came out</h2>",
        *_scores(folder / "comparison" / "scores.json"),
        *map(_figure, sorted((folder / "figures").glob("*.png"))),
        *_pages(folder),
        "<h2>The chapters</h2>",
        *(_chapter(folder / "notebooks" / f"{name}.ipynb", seconds[name]) for name in sorted(seconds)),
        "<h2>How it was made</h2>",
        "<p>To make it again, with the same result on the same machine, in a clone of the repository:</p>",
        f"<pre>{escape(record['command'])}</pre>",
        "<h3>Parameters</h3>",
        table(
            ("name", "value", "meaning"),
            ((key, value, Parameters.model_fields[key].description) for key, value in record["parameters"].items()),
        ),
        "<h3>Input files</h3>" * bool(record["inputs"]),
        table(("parameter", "SHA-256 of the file"), record["inputs"].items()) * bool(record["inputs"]),
        "<h3>Versions</h3>",
        table(("what", "version"), record["provenance"].items()),
        "<h3>Stages</h3>",
        table(
            ("stage", "seconds", "commit"),
            ((name, f"{stage['seconds']:.1f}", stage["commit"]) for name, stage in sorted(record["stages"].items())),
        ),
    ]
    write_page(folder / "report.html", record["name"], body)


def write_page(path: Path, title: str, body: Iterable[str]) -> None:
    """Write a page of HTML that needs no other file, whole or not at all."""
    head = f"<title>{escape(title)} - milkyway-cnn</title><style>{STYLE}</style>"
    with replacing(path) as part:
        page = ["<!doctype html>", '<html lang="en"><meta charset="utf-8">', head, *body, "</html>"]
        part.write_text("\n".join(page) + "\n", encoding="utf-8")


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a table of HTML; numbers stand to the right."""

    def row(tag: str, cells: Iterable[Any]) -> str:
        number = ' class="number"'
        marked = ((number if isinstance(cell, int | float) else "", escape(str(cell))) for cell in cells)
        return "<tr>" + "".join(f"<{tag}{mark}>{text}</{tag}>" for mark, text in marked) + "</tr>"

    return "<table>" + "\n".join([row("th", head), *(row("td", cells) for cells in rows)]) + "</table>"


def _scores(path: Path) -> list[str]:
    if not path.exists():
        return []
    scores: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return [table(("score", "value", "meaning"), ((name, _value(s), s["meaning"]) for name, s in scores.items()))]


def _value(score: Mapping[str, Any]) -> str:
    if score["value"] is None:
        return "undefined"
    return f"{score['value']:.4g} {score['unit']}".removesuffix(" 1")


def _figure(path: Path) -> str:
    from PIL import Image

    with Image.open(path) as image:
        caption = str(image.info.get("Description", path.stem.replace("_", " ")))
    return figure(path.read_bytes(), caption)


def figure(png: bytes, caption: str) -> str:
    """Return a figure of HTML with its picture inside."""
    data = base64.b64encode(png).decode()
    source = f"data:image/png;base64,{data}"
    return f'<figure><img alt="{escape(caption)}" src="{source}"><figcaption>{escape(caption)}</figcaption></figure>'


def _pages(folder: Path) -> list[str]:
    """Return links to the pages of the run that stay files of their own, for each holds a library to draw with."""
    pages = [page for name in ("figures", "comparison") for page in sorted((folder / name).glob("*.html"))]
    links = (
        f'<li><a href="{page.parent.name}/{quote(page.name)}">{escape(page.stem.replace("_", " "))}</a></li>'
        for page in pages
    )
    return ["<h2>To look around in</h2>", "<p>Pages that lie beside this one:</p>", "<ul>", *links, "</ul>"] * bool(
        pages
    )


def _chapter(path: Path, seconds: float) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lines = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown").splitlines()
    title = next((line[2:] for line in lines if line.startswith("# ")), path.stem)
    summary = f"<summary>{escape(path.stem[:2])} {escape(title)} ({seconds:.1f} s)</summary>"
    return f'<details class="chapter">{summary}{"".join(map(_cell, cells))}</details>'


def _cell(cell: Mapping[str, Any]) -> str:
    if {"parameters", "check"} & set(cell["metadata"].get("tags", [])):
        return ""  # defaults, and their check; the cell that papermill puts between has this run's values
    from nbconvert.filters import markdown2html

    source = "".join(cell["source"])
    if cell["cell_type"] != "code":
        return markdown2html(source)
    code = f'<details class="code"><summary>code</summary><pre>{escape(source)}</pre></details>'
    return code + "".join(map(_output, cell["outputs"]))


def _output(output: Mapping[str, Any]) -> str:
    data = {kind: "".join(value) for kind, value in output.get("data", {}).items() if isinstance(value, str | list)}
    if "image/png" in data:
        return f'<p><img alt="" src="data:image/png;base64,{data["image/png"].replace(chr(10), "")}"></p>'
    for kind in ("image/svg+xml", "text/html"):
        if kind in data and "<script" not in data[kind]:
            return data[kind]
    return f"<pre>{escape(data.get('text/plain') or ''.join(output.get('text', '')))}</pre>"
