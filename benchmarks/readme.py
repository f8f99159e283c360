"""The README's measured tables, each between two comments that name the module that measured it."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
RESULTS = Path(__file__).parent / "results"


def _pattern(module: str) -> str:
    return f"(<!-- measured: python -m {re.escape(module)} -->\n)(.*?)\n?(<!-- end of measured -->)"


def renew(module: str, table: str) -> None:
    """Put a table in its place."""
    text = README.read_text()
    README.write_text(re.sub(_pattern(module), lambda match: match[1] + table + "\n" + match[3], text, flags=re.DOTALL))


def stored(module: str) -> str:
    """Return the table that stands there."""
    match = re.search(_pattern(module), README.read_text(), flags=re.DOTALL)
    return match[2] if match else ""
