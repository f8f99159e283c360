"""Stored samples: the first examples of a split in a zarr store, made in parallel, completed, checked and mended.

A sample holds `diagram` (example, magnitude, color) uint16, `delta_A_V` (example, distance) float32, `horizon`,
`sightline` and `outside` (example), and `bare` (sightline_number, magnitude, color) float32; of several kinds of
diagrams `diagram` and `bare` have a `channel` before magnitude and color, and `outside` has one. Attributes say the
split, the stream and, once all is there, the checksum of each part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milkyway_cnn import cluster as clusters
from milkyway_cnn import diagrams
from milkyway_cnn.errors import InputError
from milkyway_cnn.samples import parts
from milkyway_cnn.samples.stream import Stream
from milkyway_cnn.storage import completing, remove, writable

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["CHUNK", "checksum", "damaged", "load", "mend", "reading", "store"]

#: Examples of a chunk, and so of a part.
CHUNK = 1024


def store(stream: Stream, split: str, count: int, path: Path | str, *, cluster: str = "", chunk: int = CHUNK) -> None:
    """Store the first `count` examples of a split.

    Parts are made and written one by one, so that memory does not grow with the sample. What a call that was cut off
    left beside `path` is completed. A sample of the same examples that is at `path` already is kept, and mended where
    it is damaged; anything else there is replaced at the end.

    Parameters
    ----------
    cluster
        Where parts are made, see `milkyway_cnn.cluster`; its workers must see the same files. The sample is the same.
    chunk
        Examples of a chunk.

    Raises
    ------
    InputError
        When there are no examples, the cluster is no place to work, or the place cannot be written or is full, in
        which case the same call goes on from there.
    """
    path = Path(path).absolute()
    if min(count, chunk) < 1:
        msg = f"a sample of {count} examples in chunks of {chunk} cannot be stored; give at least 1 of each"
        raise InputError(msg)
    clusters.check(cluster)
    about = parts.describe(stream, split, count, chunk)
    with writable(path):
        if "checksums" in _about(path) and _begun(path, about, stream):
            mend(path, cluster=cluster)
            return
        with completing(path) as part:
            if not _begun(part, about, stream):
                remove(part)
                parts.prepare(part, stream, about)
            work = partial(parts.complete, stream=stream, path=part)
            numbers = range(parts.number_of(about))
            made = clusters.total(work, numbers, cluster, stage=f"{split} sample", unit="parts")
            for stray in part.rglob("*.partial"):  # of a writer that was killed
                stray.unlink()
            parts.opened(part, "r+").attrs["checksums"] = [value for _, value in sorted(made)]


def damaged(path: Path | str, *, cluster: str = "") -> list[str]:
    """Return the files of a sample that are missing or hold other than what was written.

    Raises
    ------
    InputError
        When there is no stored sample, or its description cannot be read.
    """
    return [file for _, file in _faults(Path(path).absolute(), cluster)]


def mend(path: Path | str, *, cluster: str = "") -> list[str]:
    """Make the damaged parts of a sample again, from the numbers of their examples; return the files at fault.

    Raises
    ------
    InputError
        As `damaged`; when the place cannot be written; or when the stream draws other examples than it did when the
        sample was stored, as after a change of the package.
    """
    path = Path(path).absolute()
    faults = _faults(path, cluster)
    if not faults:
        return []
    about = _known(path)
    work = partial(parts.make, stream=Stream.of(json.loads(about["stream"])), path=path)
    with writable(path):
        made = clusters.total(work, sorted({number for number, _ in faults}), cluster, stage="mending", unit="parts")
    other = [number for number, value in made if value != about["checksums"][number]]
    if other:
        msg = (
            f"{path} was stored by another version of the stream, whose examples cannot be made again: "
            f"{len(other)} of its chunks stay damaged; remove it and build it anew"
        )
        raise InputError(msg)
    return [file for _, file in faults]


def load(path: Path | str) -> xr.Dataset:
    """Open a stored sample; `Stream.of(json.loads(sample.attrs["stream"]))` is the stream that made it.

    Raises
    ------
    InputError
        When there is no stored sample, or files of it are missing, which zarr would read as zeros.
    """
    path = Path(path)
    about = _known(path)
    root = parts.opened(path)
    for number in range(parts.number_of(about)):
        for file in parts.files(root, number).values():
            if not (path / file).exists():
                msg = f"the sample {path} lacks {file}; 'milkyway-cnn sample {path}' makes it again"
                raise InputError(msg)
    return diagrams.load(path)


@contextmanager
def reading(sample: xr.Dataset) -> Iterator[None]:
    """Refuse in one sentence a chunk that is found damaged when the block, which does nothing else, reads it.

    Raises
    ------
    InputError
        In place of what zarr raises.
    """
    try:
        yield
    except (ValueError, RuntimeError) as error:  # of a checksum, of the decompression
        path = sample.encoding["source"]
        msg = f"the sample {path} is damaged ({error}); 'milkyway-cnn sample {path}' mends it"
        raise InputError(msg) from None


def checksum(path: Path | str) -> str:
    """SHA-256 of the checksums of a sample's parts: the same where all examples are, however they are stored."""
    return hashlib.sha256("".join(_known(Path(path))["checksums"]).encode()).hexdigest()


def _about(path: Path) -> dict[str, Any]:
    """Return the attributes of the group at a path, none where it cannot be read."""
    try:
        return dict(parts.opened(path).attrs)
    except Exception:  # zarr has many, for what is missing, damaged or something else
        return {}


def _known(path: Path) -> dict[str, Any]:
    about = _about(path)
    if "checksums" not in about:
        msg = f"{path} is no stored sample, or its zarr.json is damaged; 'milkyway-cnn sample' builds one"
        raise InputError(msg)
    return about


def _faults(path: Path, cluster: str) -> list[tuple[int, str]]:
    about = _known(path)
    work = partial(parts.faults, path=path, expected=about["checksums"])
    return sorted(clusters.total(work, range(parts.number_of(about)), cluster, stage="checking", unit="parts"))


def _begun(path: Path, about: dict[str, Any], stream: Stream) -> bool:
    """Tell whether a sample with these attributes lies at a path, and the stream still draws what was stored.

    It may not after a change of the package, or on another machine: the first chunk there is, drawn again, shows it.
    """
    found = _about(path)
    found.pop("checksums", None)
    if found != about:
        return False
    for number in range(1, parts.number_of(about)):
        there = parts.stored(number, path)
        if there is not None:
            return parts.checksum(there) == parts.checksum(parts.draw(number, stream=stream, path=path))
    return True
