"""The parts of a stored sample: each is made, read and checked by itself, in whatever process.

Part 0 is what all examples share: bare diagrams and coordinates. Part k from 1 on is the k-th chunk of examples, one
file of each array. Zarr writes a file beside its place and renames it, and each ends with its own CRC-32C, so that what
can be read is whole.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from milkyway_cnn import diagrams
from milkyway_cnn.backend import current
from milkyway_cnn.samples.stream import Stream

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["checksum", "complete", "describe", "draw", "faults", "files", "make", "number_of", "prepare", "stored"]


def describe(stream: Stream, split: str, count: int, chunk: int) -> dict[str, Any]:
    """Return the attributes of a sample: what it is made of."""
    return {
        "diagrams": [kind.name for kind in stream.kinds],
        "split": split,
        "examples": count,
        "chunk": chunk,
        "stream": json.dumps(stream.describe()),
    }


def number_of(about: Any) -> int:
    """Count the parts of a sample with such attributes."""
    return 1 + math.ceil(about["examples"] / about["chunk"])


def opened(path: Path, mode: Literal["r", "r+"] = "r") -> Any:
    """Open the zarr group of a sample."""
    import zarr

    return zarr.open_group(path, mode=mode, zarr_format=3)


def prepare(path: Path, stream: Stream, about: dict[str, Any]) -> None:
    """Make the group and its arrays, still empty; attributes come last, so that a sample which has them has all."""
    import zarr
    from zarr.codecs import Crc32cCodec, ZstdCodec

    root = zarr.open_group(path, mode="w", zarr_format=3)
    for name, values in _examples(stream, about["split"], 0, 1).variables.items():
        several = values.dims[0] == "example"
        root.create_array(
            str(name),
            shape=(about["examples"], *values.shape[1:]) if several else values.shape,
            chunks=(about["chunk"], *values.shape[1:]) if several else values.shape,
            dtype=values.dtype,
            compressors=(ZstdCodec(level=3), Crc32cCodec()),
            dimension_names=[str(dimension) for dimension in values.dims],
            attributes=values.attrs,
        )
    root.attrs.put(about)


def draw(number: int, *, stream: Stream, path: Path) -> dict[str, np.ndarray]:
    """Make the arrays of a part, by name."""
    root = opened(path)
    part = _part(root, number)
    first, count = (part.start, part.stop - part.start) if number else (0, 1)
    made = _examples(stream, root.attrs["split"], first, count)
    return {name: made[name].values for name in _arrays(root, number)}


def make(number: int, *, stream: Stream, path: Path) -> list[tuple[int, str]]:
    """Make a part and write it; return its number and checksum, in a list, as `cluster.total` adds them up."""
    import zarr

    content = draw(number, stream=stream, path=path)
    root = opened(path, "r+")
    with zarr.config.set({"array.write_empty_chunks": True}):  # else a file of zeros is left out, as if it were missing
        for name, values in content.items():
            root[name][_part(root, number)] = values
    return [(number, checksum(content))]


def complete(number: int, *, stream: Stream, path: Path) -> list[tuple[int, str]]:
    """Do as `make`, unless the part is there."""
    content = stored(number, path)
    return make(number, stream=stream, path=path) if content is None else [(number, checksum(content))]


def stored(number: int, path: Path) -> dict[str, np.ndarray] | None:
    """Read the arrays of a part, by name; None where a file is missing or damaged."""
    content = _read(number, path)
    return None if any(values is None for values in content.values()) else content


def faults(number: int, *, path: Path, expected: list[str]) -> list[tuple[int, str]]:
    """Return number and file of whatever is missing or damaged of a part.

    Parameters
    ----------
    expected
        Checksums of all parts. Of a part that can be read but is another, all files are named.
    """
    content = _read(number, path)
    bad = [name for name, values in content.items() if values is None]
    if not bad and checksum(content) != expected[number]:
        bad = list(content)
    return [(number, files(opened(path), number)[name]) for name in bad]


def checksum(content: dict[str, Any]) -> str:
    """Return the first half of the SHA-256 of a part's numbers, in the order of the arrays' names."""
    total = hashlib.sha256()
    for name in sorted(content):
        total.update(np.ascontiguousarray(content[name], content[name].dtype.newbyteorder("<")).data)
    return total.hexdigest()[:32]


def files(root: Any, number: int) -> dict[str, str]:
    """Return the file of each array of a part, named from the root of the sample."""
    place = max(number - 1, 0)
    return {
        name: f"{name}/{array.metadata.encode_chunk_key((place, *(0,) * (array.ndim - 1)))}"
        for name, array in _arrays(root, number).items()
    }


def _read(number: int, path: Path) -> dict[str, Any]:
    root = opened(path)
    content = {}
    for name, file in files(root, number).items():
        try:
            content[name] = root[name][_part(root, number)] if (path / file).exists() else None
        except (ValueError, RuntimeError):  # of the checksum, of the decompression
            content[name] = None
    return content


def _part(root: Any, number: int) -> slice:
    """Return where a part lies in its arrays."""
    chunk, examples = root.attrs["chunk"], root.attrs["examples"]
    return slice((number - 1) * chunk, min(number * chunk, examples)) if number else slice(None)


def _arrays(root: Any, number: int) -> dict[str, Any]:
    """Return the arrays of a part, by name."""
    of_examples = number > 0
    return {name: a for name, a in sorted(root.arrays()) if (a.metadata.dimension_names[0] == "example") == of_examples}


def _examples(stream: Stream, split: str, first: int, count: int) -> xr.Dataset:
    """Make examples and label them."""
    import xarray as xr

    made, fetch = stream.examples(first, count, split), current().fetch
    several = ("channel",) if len(stream.kinds) > 1 else ()
    image = (*several, "magnitude", "color")
    middle = 0.5 * (stream.edges[:-1] + stream.edges[1:])
    labeled = xr.Dataset(
        {
            "diagram": (("example", *image), fetch(made.diagrams), {"units": "stars / pixel"}),
            "delta_A_V": (("example", "distance"), fetch(made.delta_A_V), {"units": "mag"}),
            "horizon": ("example", fetch(made.horizon), {"units": "kpc"}),
            "outside": (("example", *several), fetch(made.outside), {"units": "stars"}),
            "sightline": ("example", fetch(made.sightline)),
            "bare": (("sightline_number", *image), stream.bare, {"units": "stars / pixel"}),
        },
        coords={"distance": ("distance", middle, {"units": "kpc"}), **diagrams.pixel_centers(stream.kinds)},
    )
    return labeled.drop_vars("channel", errors="ignore")  # text has no type in zarr's third format; `load` names it
