"""The stream of a run without its chapters, to store samples of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .. import samples
from ..errors import InputError
from ..extinction.profiles import ProfilePrior
from ..sightlines import Grid, distance_edges, solid_angle
from .parameters import Parameters, validated
from .settings import load, settings

__all__ = ["directions_of", "stream_named", "stream_of"]


def directions_of(parameters: Parameters) -> list[tuple[float, float]]:
    """Sightlines (l, b) of the training sample (deg): those that are listed, or the pattern over the field."""
    grid = Grid(parameters.l_min, parameters.l_max, parameters.b_min, parameters.b_max, parameters.cell)
    listed = [(l, b) for l, b in parameters.train_sightlines]
    return listed or grid.division(parameters.train_columns, parameters.train_rows)


def stream_of(parameters: Parameters) -> samples.Stream:
    """Make the stream that the chapters make of the same parameters, but for the sightline of a control field."""
    directions = directions_of(parameters)
    b = np.array([b for _, b in directions])
    areas = solid_angle(parameters.cell, b - parameters.cell / 2, b + parameters.cell / 2)
    prior = {name: value for name, value in parameters if name in ProfilePrior.__dataclass_fields__}
    return samples.Stream(
        directions,
        np.asarray(areas),
        distance_edges(parameters.bins, parameters.bin_width),
        seed=parameters.seed,
        prior=ProfilePrior.of(prior),
        randomization=samples.Randomization(
            parameters.density_jitter,
            parameters.color_jitter,
            parameters.beam,
            parameters.magnitude_jitter,
            parameters.depth_jitter,
            parameters.R_V_jitter,
        ),
        law=parameters.law,
        R_V=parameters.R_V,
        galaxy=parameters.galaxy,
        kinds=parameters.diagrams,
    )


def stream_named(name: str, changes: Iterable[str], folder: Path) -> tuple[samples.Stream, str]:
    """Make the stream of a run, and say where its samples are to be made.

    Parameters
    ----------
    name
        A set of parameters in `folder`, a YAML file, or the folder of a run whose chapter of diagrams is done.
    changes
        Words KEY=VALUE that change parameters; none where a run's folder is named, for it is as it is.

    Raises
    ------
    InputError
        When there is no such run, or its parameters cannot be used: those that name a control field cannot, for that is
        a sightline which the chapters look up.
    """
    changed = settings(changes)
    if Path(name).is_dir():
        if changed:
            msg = f"{min(changed)} cannot be set for {name}, a run that is done; name its set of parameters instead"
            raise InputError(msg)
        return samples.Stream.of(json.loads(samples.load(Path(name, "sample/validation.zarr")).attrs["stream"])), ""
    values = load(name, folder) | changed
    if values.get("control"):
        msg = (
            f"control = {values['control']!r} adds a sightline that the chapters look up; run them, and name the "
            "folder of the run in place of its parameters"
        )
        raise InputError(msg)
    parameters = validated(values)
    return stream_of(parameters), parameters.cluster
