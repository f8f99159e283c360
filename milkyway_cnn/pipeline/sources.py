"""Which modules of the package a notebook stands on, read from the import statements without executing any."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterable
from functools import cache
from pathlib import Path

__all__ = ["import_statements", "modules", "sources_digest"]

PACKAGE = Path(__file__).resolve().parents[1]


def sources_digest(cells: Iterable[str]) -> str:
    """Return one hash of all modules of the package that the cells import, directly or through others."""
    total = hashlib.sha256()
    for module in sorted(modules(cells)):
        total.update(f"{module}\n".encode() + _file(module).read_bytes())
    return total.hexdigest()


def modules(cells: Iterable[str]) -> set[str]:
    """Return the names of these modules; imports inside functions count."""
    found: set[str] = set()
    waiting = set().union(*(_imported(cell, "") for cell in cells))
    while waiting:
        module = waiting.pop()
        found.add(module)
        path = _file(module)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        waiting |= _imported(path.read_text(encoding="utf-8"), package) - found
    return found


def import_statements(cells: Iterable[str]) -> str:
    """Return the import statements of the cells, but for those inside functions and conditions, one a line."""
    statements = (statement for cell in cells for statement in _parsed(cell).body)
    return "\n".join(ast.unparse(one) for one in statements if isinstance(one, ast.Import | ast.ImportFrom))


def _parsed(source: str) -> ast.Module:
    lines = (line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))  # IPython's own
    try:
        return ast.parse("\n".join(lines))
    except SyntaxError:  # the kernel will say so better
        return ast.Module([], [])


@cache
def _imported(source: str, package: str) -> frozenset[str]:
    """Return the modules of the package, and the packages around them, that one source imports."""
    named: set[str] = set()
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            named |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    ours = [name.split(".") for name in named if name.split(".")[0] == PACKAGE.name]
    around = {".".join(parts[:length]) for parts in ours for length in range(1, len(parts) + 1)}
    return frozenset(name for name in around if _file(name).exists())


def _file(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
