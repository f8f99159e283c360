"""The recipes beside the chapters: every command can be read, names what there is, and the cheap ones run."""

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from milkyway_cnn import cli, cluster
from milkyway_cnn.pipeline.by_hand import check
from milkyway_cnn.pipeline.chapters import NOTEBOOKS, read
from milkyway_cnn.pipeline.parameters import Parameters, validated
from milkyway_cnn.pipeline.settings import settings
from milkyway_cnn.pipeline.sweep import read as read_sweep

PAGE = (NOTEBOOKS / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [line for kind, block in BLOCKS if not kind for line in block.splitlines()]
FILES = [yaml.safe_load(block) for kind, block in BLOCKS if kind == "yaml"]


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("milkyway-cnn ")])
def test_the_command_line_takes_it(line: str) -> None:
    words = shlex.split(line.partition(">")[0])[1:]
    command = typer.main.get_command(cli.app)
    context = command.make_context("milkyway-cnn", list(words))
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
        context = command.make_context(name, list(words), parent=context)
    values = settings(context.params.get("changes") or ())
    assert set(values) <= set(Parameters.model_fields)
    validated(values)
    cluster.check(context.params.get("cluster") or "")


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("papermill ")])
def test_papermill_gives_what_the_chapter_takes(line: str) -> None:
    notebook, _, *options = shlex.split(line)[1:]
    chapter = read(NOTEBOOKS.parent / notebook)
    given: dict[str, object] = {}
    while options:
        kind, word, *options = options
        if kind == "-p":
            value, *options = options
            given[word] = yaml.safe_load(value)
        else:
            given |= yaml.safe_load((NOTEBOOKS.parent / word).read_text() if kind == "-f" else word)
    injected = "\n".join(f"{name} = {value!r}" for name, value in given.items())
    own = "\n".join(f"{name} = {value!r}" for name, value in chapter.defaults.items())
    check({**chapter.defaults, **given, "In": ["", own, f"# Parameters\n{injected}"]})


def test_every_line_is_a_command_of_either_kind_and_the_files_are_files_of_theirs(tmp_path: Path) -> None:
    assert len(COMMANDS) > 15 and all(line.startswith(("milkyway-cnn ", "papermill ")) for line in COMMANDS)
    sweep, slurm = FILES
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    assert len(read_sweep(tmp_path / "sweep.yaml").members) == 4
    assert {"cores", "memory", "jobs"} <= set(slurm)
