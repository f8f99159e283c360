"""``run.json``: what a run is made of, and which of its stages are done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..storage import replacing
from .chapters import Chapter
from .execution import ChapterError

__all__ = ["Record", "digest"]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, empty when there is no such file.

    Of a folder, which may be too large to be read for this, names, sizes and times of its files are hashed.
    """
    if path.is_dir():
        files = [(file.relative_to(path).as_posix(), file.stat()) for file in sorted(path.rglob("*")) if file.is_file()]
        found = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in files]
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


class Record:
    """The stages of a run, on disk at every change.

    A stage is ``{"state": "running" | "failed" | "done", "identity": hash of all that it depends on}``. One that
    is done also has its ``seconds``, the ``commit`` of the package and its ``outputs``, file -> hash of the content.
    One that is not has the files that were ``present`` when it began, so that what it left can be told from what it
    found.
    """

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        self.folder, self.path, self.header = folder, folder / "run.json", header
        try:
            self.stages: dict[str, dict[str, Any]] = json.loads(self.path.read_text(encoding="utf-8"))["stages"]
        except (FileNotFoundError, ValueError, KeyError):
            self.stages = {}

    def kept(self, chapter: Chapter, identity: str) -> bool:
        """Return whether the stage is done, from the same things, and what it made is still there."""
        stage = self.stages.get(chapter.name, {})
        return (
            stage.get("state") == "done"
            and stage["identity"] == identity
            and self.executed(chapter.name).exists()
            and all(digest(self.folder / name) == content for name, content in stage["outputs"].items())
        )

    def executed(self, name: str) -> Path:
        """Return where the executed notebook of a stage lies."""
        return self.folder / "notebooks" / f"{name}.ipynb"

    def discard(self, names: Iterable[str], but: str = "") -> None:
        """Forget stages and remove what they made; an unfinished one with identity `but` keeps its leftovers."""
        for name in names:
            stage = self.stages.get(name)
            if stage is None or (stage["state"] != "done" and stage["identity"] == but):
                continue
            left = stage["outputs"] if stage["state"] == "done" else set(self._files()) - set(stage["present"])
            for path in (self.executed(name), *(self.folder / output for output in left)):
                path.unlink(missing_ok=True)
            del self.stages[name]

    def begin(self, chapter: Chapter, identity: str) -> None:
        """Note that a stage runs."""
        (self.folder / "report.html").unlink(missing_ok=True)
        self._before = self._files()
        present = self.stages.get(chapter.name, {}).get("present") or sorted(self._before)
        self.stages[chapter.name] = {"state": "running", "identity": identity, "present": present}
        self.write()

    def fail(self, chapter: Chapter, reason: str) -> None:
        """Note that a stage failed."""
        self.stages[chapter.name] |= {"state": "failed", "reason": reason}
        self.write()

    def finish(self, chapter: Chapter, seconds: float) -> None:
        """Note that a stage is done, and what it made: the files that are new or have changed since it began.

        Raises
        ------
        ChapterError
            when the stage changed a file of another stage, which could then neither be kept nor be told from a file
            that somebody damaged.
        """
        unfinished = self.stages[chapter.name]
        present = unfinished["present"]
        made = {name for name, stamp in self._files().items() if self._before.get(name) != stamp or name not in present}
        taken = made & {name for stage in self.stages.values() for name in stage.get("outputs", ())}
        if taken:
            msg = f"{chapter.name} changed {min(taken)}, the work of an earlier chapter; it must write files of its own"
            raise ChapterError(msg)
        self.stages[chapter.name] = {
            "state": "done",
            "identity": unfinished["identity"],
            "seconds": round(seconds, 3),
            "commit": self.header["provenance"]["commit"],
            "outputs": {name: digest(self.folder / name) for name in sorted(made)},
        }
        self.write()

    def write(self) -> None:
        """Write the file."""
        with replacing(self.path) as part:
            part.write_text(json.dumps({**self.header, "stages": self.stages}, indent=1) + "\n", encoding="utf-8")

    def _files(self) -> dict[str, tuple[int, int]]:
        """Return the artifacts: all files in subfolders but the executed notebooks, with what betrays a change."""
        files = [path for path in self.folder.glob("*/**/*") if path.is_file()]
        names = {path.relative_to(self.folder).as_posix(): path.stat() for path in files}
        return {name: (s.st_mtime_ns, s.st_size) for name, s in names.items() if not name.startswith("notebooks/")}
