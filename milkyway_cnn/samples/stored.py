"""Stored samples: the first examples of a split, in a zarr store that knows the stream that made it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from milkyway_cnn import diagrams
from milkyway_cnn.samples.stream import Examples, Stream
from milkyway_cnn.storage import replacing

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["load", "store"]

#: Examples made and written at once; the stored sample does not depend on it.
_CHUNK = 1024


def store(
    stream: Stream, split: str, count: int, path: Path, on_examples: Callable[[int], None] = lambda made: None
) -> None:
    """Write the first `count` examples of a split to a zarr store, with the stream's description.

    They are made and written 1024 at a time, so that memory does not grow with the sample.

    The store holds `diagram` (example, magnitude, color) uint16, `delta_A_V` (example, distance) float32, `horizon`,
    `sightline` and `outside` (example), and `bare` (sightline, magnitude, color) float32; of several kinds of diagrams
    `diagram` and `bare` have a `channel` before magnitude and color, and `outside` has one.

    Parameters
    ----------
    on_examples
        Called with the number of examples after each chunk.
    """
    from zarr.codecs import ZstdCodec

    compressed = {"compressors": (ZstdCodec(level=3),)}
    with replacing(path) as temporary:
        for first in range(0, count, _CHUNK):
            made = stream.examples(first, min(_CHUNK, count - first), split)
            part = _dataset(stream, made).assign_attrs(split=split, stream=json.dumps(stream.describe()))
            part = part.drop_vars("channel", errors="ignore")  # as `diagrams.save` does
            if first:
                fixed = [name for name in part.variables if "example" not in part[name].dims]
                part.drop_vars(fixed).to_zarr(temporary, append_dim="example", consolidated=False)
            else:
                chunked = {
                    name: {"chunks": (_CHUNK, *values.shape[1:]), **compressed}
                    for name, values in part.items()
                    if values.dims[0] == "example"
                }
                part.to_zarr(temporary, zarr_format=3, consolidated=False, encoding=chunked)
            on_examples(len(made.sightline))


def _dataset(stream: Stream, made: Examples) -> xr.Dataset:
    """Label examples."""
    import xarray as xr

    several = ("channel",) if len(stream.kinds) > 1 else ()
    image = (*several, "magnitude", "color")
    middle = 0.5 * (stream.edges[:-1] + stream.edges[1:])
    return xr.Dataset(
        {
            "diagram": (("example", *image), made.diagrams, {"units": "stars / pixel"}),
            "delta_A_V": (("example", "distance"), made.delta_A_V, {"units": "mag"}),
            "horizon": ("example", made.horizon, {"units": "kpc"}),
            "outside": (("example", *several), made.outside, {"units": "stars"}),
            "sightline": ("example", made.sightline),
            "bare": (("sightline_number", *image), stream.bare, {"units": "stars / pixel"}),
        },
        coords={"distance": ("distance", middle, {"units": "kpc"}), **diagrams.pixel_centers(stream.kinds)},
        attrs={"diagrams": [kind.name for kind in stream.kinds]},
    )


def load(path: Path) -> xr.Dataset:
    """Open a stored sample; `Stream.of(json.loads(sample.attrs["stream"]))` is the stream that made it."""
    return diagrams.load(path)
