"""Formats of the Besancon model's output, as columns by name: fixed width (2003), '#' and names (m1612), and CSV."""

from __future__ import annotations

import csv
import gzip
import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from milkyway_cnn.errors import InputError

__all__ = ["read_table"]

_TOTAL = re.compile(r"TOTAL NUMBER OF STARS :\s*(\d+)")


def read_table(path: Path) -> tuple[dict[str, np.ndarray], float | None]:
    """Read an output in any of its formats: columns by name, (rows,) float64, and the solid angle where it is stated.

    Raises
    ------
    InputError
        When the file is of no such format, holds no stars, is cut off, or has what is no number.
    """
    lines, stated = _lines(path), None
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("#"):
        names, rows = first.lstrip("#").split(), [line.split() for line in lines if not line.startswith("#")]
        rows, remarks = [row for row in rows if row], " ".join(line for line in lines if line.startswith("#"))
        stated = _stated_angle(remarks)
        _check_total(path, len(rows), remarks)
    elif "," in first and "Dist" in first:
        names, *rows = csv.reader(lines)
    elif any("BESANCON MODEL" in line for line in lines[:10]):
        names, rows = _fixed_width(path, lines)
        stated = _stated_angle(" ".join(lines[:30]))
    else:
        msg = (
            f"{path.name} is no output of the Besancon model: it begins with {first.strip()[:40]!r}; give a catalog of "
            "the 2003 form, of the service m1612 ('#' and names), or CSV with a column Dist"
        )
        raise InputError(msg)
    rows = [row for row in rows if row]
    try:
        values = np.array(rows, dtype=float).reshape(-1, len(names))
    except ValueError:
        short = next((n for n, row in enumerate(rows, 1) if len(row) != len(names)), None)
        where = f"row {short} has not the {len(names)} values" if short else "a value is no number"
        msg = f"{path.name} names {len(names)} columns, but {where}; the file is cut off or was changed"
        raise InputError(msg) from None
    if not rows:
        msg = f"{path.name} holds no stars; ask the Besancon model for fainter limits or a larger solid angle"
        raise InputError(msg)
    return dict(zip(names, values.T, strict=True)), stated


def _lines(path: Path) -> list[str]:
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8").splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read as an output of the Besancon model ({error}); give the catalog as it came"
        raise InputError(msg) from None


def _fixed_width(path: Path, lines: list[str]) -> tuple[list[str], list[list[str]]]:
    """Names and rows of a catalog of 2003; its header line stands above and below the table."""
    heads = [n for n, line in enumerate(lines) if {"Dist", "Mv", "CL"} <= set(line.split())]
    total = next((line for line in lines[::-1] if _TOTAL.search(line)), None)
    if len(heads) < 2 or total is None:
        msg = f"{path.name} is cut off: the table of the Besancon model ends with its header and the number of stars"
        raise InputError(msg)
    names = lines[heads[0]].split()
    table = lines[heads[0] + 1 : heads[1]]
    # Columns are flush right and may touch; a row whose values do not touch shows where they end.
    model = next((row for row in table if len(row.split()) == len(names)), "")
    ends = [0, *(match.end() for match in re.finditer(r"\S+", model))]
    rows = [[row[a:b].strip() for a, b in pairwise(ends)] for row in table]
    _check_total(path, len(rows), total)
    return names, rows


def _stated_angle(text: str) -> float | None:
    angle = re.search(r"Solid angle\s+(\d*\.?\d+(?:e-?\d+)?)\s+square degree", text)
    return float(angle[1]) if angle else None


def _check_total(path: Path, rows: int, text: str) -> None:
    total = _TOTAL.search(text)
    if total and rows != int(total[1]):
        msg = f"{path.name} holds {rows} of the {int(total[1])} stars that it states; fetch it anew"
        raise InputError(msg)
