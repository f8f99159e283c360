"""Progress bars: drawn where somebody looks, recorded where a notebook runs without a screen.

The calling code is the same everywhere::

    with progress.bar("training", total=epochs * examples, unit="examples") as bar:
        bar.update(128, epoch=3, loss=0.21)

In a live notebook or a terminal it draws a bar. In a kernel of a run (``MILKYWAY_HEADLESS``) it appends records to
the file that ``MILKYWAY_PROGRESS`` names, and the command line, which `watching` that file, draws the bar.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Bar", "bar", "watching"]

#: Seconds between two records of a bar, between two looks at them, and between two lines where nothing can be drawn.
RECORD_EVERY, LOOK_EVERY, LINE_EVERY = 0.25, 0.2, 30.0


class Bar(Protocol):
    """What the counting code sees."""

    def update(self, n: float = 1, **fields: Any) -> None:
        """Count `n` further units, and show the fields (such as ``epoch=3``) behind the bar."""


@contextmanager
def bar(stage: str, total: float | None = None, unit: str = "examples") -> Iterator[Bar]:
    """Show how far a stage has come, and its units per second.

    Parameters
    ----------
    stage
        what is being done, such as ``training``.
    total
        units until the end, where known.
    unit
        what is counted.
    """
    if not os.environ.get("MILKYWAY_HEADLESS"):
        from tqdm.auto import tqdm

        with tqdm(desc=stage, total=total, unit=f" {unit}", unit_scale=True) as drawn:
            yield _Drawn(drawn)
        return
    recorded = _Recorded(os.environ.get("MILKYWAY_PROGRESS"), {"stage": stage, "total": total, "unit": unit})
    try:
        yield recorded
    finally:
        recorded.write(closed=True)


class _Drawn:
    def __init__(self, drawn: Any) -> None:
        self.drawn = drawn

    def update(self, n: float = 1, **fields: Any) -> None:
        if fields:
            self.drawn.set_postfix(fields, refresh=False)
        self.drawn.update(n)


class _Recorded:
    def __init__(self, path: str | None, record: dict[str, Any]) -> None:
        self.path, self.record = path, {**record, "done": 0, "fields": {}}
        self.start, self.last = time.monotonic(), 0.0

    def update(self, n: float = 1, **fields: Any) -> None:
        self.record["done"] += n
        self.record["fields"] |= fields
        if time.monotonic() - self.last >= RECORD_EVERY:
            self.write()

    def write(self, closed: bool = False) -> None:
        self.last = time.monotonic()
        record = {**self.record, "seconds": round(self.last - self.start, 3), "closed": closed}
        if self.path:
            with suppress(OSError), Path(self.path).open("a", encoding="utf-8") as file:  # a full disk stops the work,
                file.write(json.dumps(record, default=float) + "\n")  # not its progress bar


@contextmanager
def watching(path: Path, title: str) -> Iterator[None]:
    """Draw on stderr, until the block ends, the bars that a kernel records in `path` from now on.

    Where stderr is no terminal, a bar is one line every half minute and one at its end.
    """
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    ended = threading.Event()
    start = path.stat().st_size if path.exists() else 0
    bars: dict[str, Any] = {}
    lines: dict[str, float] = {}

    def show(record: dict[str, Any]) -> None:
        stage = record["stage"]
        if terminal:
            if stage not in bars:
                bars[stage] = tqdm(
                    desc=f"{title} {stage}", total=record["total"], unit=f" {record['unit']}", unit_scale=True
                )
            bars[stage].set_postfix(record["fields"], refresh=False)
            bars[stage].update(record["done"] - bars[stage].n)
            if record["closed"]:
                bars.pop(stage).close()
        elif record["closed"] or time.monotonic() - lines.setdefault(stage, time.monotonic()) > LINE_EVERY:
            lines[stage] = time.monotonic()
            sys.stderr.write(f"{title} {_line(record)}\n")

    def watch() -> None:
        position, rest = start, ""
        clock = tqdm(desc=title, bar_format="{desc} {elapsed}", leave=False, disable=not terminal)
        while True:
            last = ended.wait(LOOK_EVERY)  # one more look after the end
            with suppress(OSError), path.open(encoding="utf-8") as file:
                file.seek(position)
                *records, rest = (rest + file.read()).split("\n")
                position = file.tell()
                for record in records:
                    with suppress(ValueError):  # half a line, left by a process that was killed
                        show(json.loads(record))
            clock.refresh()
            if last:
                break
        for left in (*bars.values(), clock):
            left.close()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _line(record: dict[str, Any]) -> str:
    """Return a record as text: ``training: 5120 of 12288 examples, 1230 examples/s, epoch 5``."""
    of = f" of {record['total']:.10g}" if record["total"] else ""
    rate = record["done"] / record["seconds"] if record["seconds"] else 0.0
    shown = (value if isinstance(value, int | str) else f"{value:.4g}" for value in record["fields"].values())
    fields = "".join(f", {name} {value}" for name, value in zip(record["fields"], shown, strict=True))
    return f"{record['stage']}: {record['done']:.10g}{of} {record['unit']}, {rate:.4g} {record['unit']}/s{fields}"
