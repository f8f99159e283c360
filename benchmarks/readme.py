"""The measured tables of README and instructor's page, each between two comments that name what measured it."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
TEACHING = README.parent / "notebooks" / "TEACHING.md"
RESULTS = Path(__file__).parent / "results"


def _pattern(module: str) -> str:
    return f"(<!-- measured: python -m {re.escape(module)} -->\n)(.*?)\n?(<!-- end of measured -->)"


def renew(module: str, table: str, page: Path | None = None) -> None:
    """Put a table in its place, by default in the README."""
    page = page or README
    text = page.read_text()
    page.write_text(re.sub(_pattern(module), lambda match: match[1] + table + "\n" + match[3], text, flags=re.DOTALL))


def stored(module: str, page: Path | None = None) -> str:
    """Return the table that stands there."""
    match = re.search(_pattern(module), (page or README).read_text(), flags=re.DOTALL)
    return match[2] if match else ""
