"""Tiny chapters, made on the spot."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from milkyway_cnn.pipeline.chapters import Chapter, read

Write = Callable[..., Chapter]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a notebook: its name, its parameters cell, its other cells."""

    def write(name: str, parameters: str, *cells: str) -> Chapter:
        folder = tmp_path / "note books"
        folder.mkdir(exist_ok=True)
        content = [{"cell_type": "markdown", "id": "title", "metadata": {}, "source": f"# Chapter {name}\n\nWhy?"}]
        for i, source in enumerate((parameters, *cells)):
            tags = {"tags": ["parameters"]} if i == 0 else {}
            code = {"cell_type": "code", "id": f"code-{i}", "metadata": tags, "source": source}
            content.append({**code, "execution_count": None, "outputs": []})
        notebook = {"cells": content, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        path = folder / f"{name}.ipynb"
        path.write_text(json.dumps(notebook))
        return read(path)

    return write
