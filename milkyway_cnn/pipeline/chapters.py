"""The notebooks as data: their order, what their parameters cells name, and whether they have changed."""

from __future__ import annotations

import ast
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from .parameters import Parameters
from .sources import import_statements, sources_digest

__all__ = ["CHAPTERS", "NOTEBOOKS", "TRAINING", "Chapter", "planned", "read"]

#: The folder of the clone; an installed package finds it because the clone is installed in place.
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"

#: The chapters in the order of the flow. The first is for runs without a catalog of their own.
CHAPTERS = (
    "02_mock_sky",
    "03_sightlines",
    "04_profiles",
    "05_diagrams",
    "06_training",
    "07_prediction",
    "08_maps",
    "09_comparison",
)

#: Those that make a trained network; they need no catalog but for a control field.
TRAINING = CHAPTERS[2:5]


@dataclass(frozen=True)
class Chapter:
    """A notebook and what a run needs to know of it."""

    path: Path
    #: names and defaults in the cell tagged `parameters`, among them `run`, the folder of the run
    defaults: dict[str, Any]
    #: hash of the cells' sources and of the modules of the package that they import; blind to outputs
    digest: str
    #: the import statements of its cells, which a kernel can execute ahead
    imports: str

    @property
    def name(self) -> str:
        """The file's name without its ending, such as ``03_sightlines``."""
        return self.path.stem


def read(path: Path) -> Chapter:
    """Read a notebook.

    Raises
    ------
    InputError
        when the notebook is not there, or its cell tagged `parameters` is missing, holds more than assignments of
        plain values, or names what the model of parameters does not have.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except FileNotFoundError:
        msg = f"the notebook {path} is missing; run from a clone of the repository"
        raise InputError(msg) from None
    sources = [(cell["cell_type"], cell["metadata"].get("tags", []), "".join(cell["source"])) for cell in cells]
    tagged = [source for _, tags, source in sources if "parameters" in tags]
    defaults: dict[str, Any] = {}
    try:
        for statement in ast.parse(tagged[0]).body:
            defaults[statement.targets[0].id] = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
    except (IndexError, AttributeError, ValueError, SyntaxError):
        msg = f"the notebook {path} needs one cell tagged 'parameters' that holds lines 'name = plain value' only"
        raise InputError(msg) from None
    unknown = sorted(set(defaults) - {"run"} - set(Parameters.model_fields))
    if unknown:
        msg = f"the notebook {path} names the parameters {unknown}, which the model of parameters does not have"
        raise InputError(msg)
    # What checks the parameters makes nothing of what comes out.
    stands_on = sources_digest(source for kind, tags, source in sources if kind == "code" and "check" not in tags)
    digest = hashlib.sha256(json.dumps([sources, stands_on]).encode()).hexdigest()
    return Chapter(path, defaults, digest, import_statements(source for kind, _, source in sources if kind == "code"))


def planned(parameters: Parameters, folder: Path = NOTEBOOKS, *, training: bool = False) -> list[Chapter]:
    """Return the chapters of a run, in order: all, or all but the mock sky where there is a catalog.

    Raises
    ------
    InputError
        When those of the training are asked for alone, and there is a control field, which another chapter reads.
    """
    if training:
        if parameters.control:
            msg = f"control = {parameters.control!r} needs the chapter of sightlines; leave it out, or --training"
            raise InputError(msg)
        return [read(folder / f"{name}.ipynb") for name in TRAINING]
    return [read(folder / f"{name}.ipynb") for name in CHAPTERS if not (parameters.catalog and name == CHAPTERS[0])]
