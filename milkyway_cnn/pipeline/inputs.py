"""The user's files and folder, checked before any work starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..storage import locked
from .parameters import INPUT_FILES, INPUT_LISTS, Parameters
from .record import digest

__all__ = ["contents", "held", "located"]

#: Seconds that a new process waits for the kernel of a killed one to end.
PATIENCE = 15.0


def located(parameters: Parameters) -> Parameters:
    """Return the parameters with absolute paths in place of those that the user gave.

    Raises
    ------
    InputError
        when a catalog is not there, cannot be read, lacks columns, or holds no star of the field; when there is no such
        sample, or no trained network that fits; when the cluster is no place to work; or when there is no such Galaxy,
        or none of its outputs is near the field.
    """
    from .. import cluster

    found: dict[str, Any] = _galaxy(parameters) | _beside(parameters)
    if parameters.cluster.endswith((".yaml", ".yml")):
        found["cluster"] = str(Path(parameters.cluster).expanduser().absolute())
    cluster.check(found.get("cluster", parameters.cluster))
    if parameters.training_sample:
        from .. import samples

        found["training_sample"] = str(Path(parameters.training_sample).expanduser().absolute())
        samples.load(found["training_sample"])
    if parameters.trained_network:
        found["trained_network"] = _network(parameters)
    if parameters.ensemble:
        from ..ensemble import Ensemble, network_file

        found["ensemble"] = [str(network_file(run)) for run in parameters.ensemble]
        Ensemble.of(found["ensemble"])
    if not parameters.catalog:
        return parameters.model_copy(update=found)
    from ..surveys.diagrams import diagram_named
    from ..surveys.partitions import check_partitions
    from ..surveys.read import check_catalog

    catalog = Path(parameters.catalog).expanduser().absolute()
    region = (parameters.l_min, parameters.l_max, parameters.b_min, parameters.b_max)
    found["catalog"] = str(catalog)
    for survey in dict.fromkeys(diagram_named(name).survey for name in parameters.diagrams):
        own = getattr(parameters, survey, "") if survey != "2mass" else ""
        path = Path(own).expanduser().absolute() if own else catalog
        if path.is_dir():
            check_partitions(path, region)
        elif survey == "2mass":
            check_catalog(path, region)
        else:
            check_catalog(path, region, survey=survey)
        if own:
            found[survey] = str(path)
    if parameters.control:
        control = Path(parameters.control).expanduser().absolute()
        if not control.exists():
            control = catalog.parent / parameters.control
        if not control.exists():
            msg = f"the control field {parameters.control} lies neither in {Path.cwd()} nor beside {catalog}"
            raise InputError(msg)
        check_catalog(control)
        found["control"] = str(control)
    return parameters.model_copy(update=found)


def _galaxy(parameters: Parameters) -> dict[str, str]:
    """Check that the Galaxy has stars wherever it is looked at; return its path, absolute, if it is one."""
    if parameters.galaxy == Parameters.model_fields["galaxy"].default:
        return {}
    from ..galaxy.besancon import BesanconModel
    from ..galaxy.models import MODELS, chosen

    if parameters.galaxy in MODELS:
        return {}
    path = Path(parameters.galaxy).expanduser().absolute()
    model = chosen(str(path) if path.exists() else parameters.galaxy)
    if isinstance(model, BesanconModel):
        for l in (parameters.l_min, parameters.l_max):
            for b in (parameters.b_min, parameters.b_max):
                model.nearest(l, b)
        for l, b in parameters.train_sightlines:
            model.nearest(l, b)
    return {"galaxy": str(path)}


def _beside(parameters: Parameters) -> dict[str, list[str]]:
    """Check that there are such maps, tables and arms to compare with; return the lists with absolute paths."""
    if not (parameters.arms or parameters.other_maps or parameters.tracers):
        return {}
    from ..comparison.beside import absolute
    from ..comparison.other_maps import MAPS
    from ..comparison.tracers import ARM_MODELS, CATALOGS

    if parameters.arms and parameters.arms not in ARM_MODELS:
        msg = f"there is no model {parameters.arms!r} of spiral arms; choose one of {', '.join(ARM_MODELS)}"
        raise InputError(msg)
    return {
        "other_maps": [absolute(name, MAPS) for name in parameters.other_maps],
        "tracers": [absolute(name, CATALOGS) for name in parameters.tracers],
    }


def contents(parameters: Parameters) -> dict[str, str]:
    """SHA-256 of the user's files, by the parameters that name them; names in lists that are no files stand as such."""
    found = {key: digest(path) for key in INPUT_FILES if (path := Path(getattr(parameters, key))).is_absolute()}
    for key in INPUT_LISTS:
        paths = [(name, Path(name.rpartition("=")[2])) for name in getattr(parameters, key)]
        if paths:
            found[key] = " ".join(digest(path) if path.is_absolute() else name for name, path in paths)
    return found


def _network(parameters: Parameters) -> str:
    """Check that another run's network is done and fits; return the path of its file."""
    from ..borrowed import Borrowed
    from ..sightlines import distance_edges
    from ..surveys.diagrams import diagram_named
    from .runs import training_ended

    folder = Path(parameters.trained_network).expanduser()
    if folder.is_dir() and not training_ended(folder):
        msg = f"the training of {folder} is not done; go on with that run first, or give its network file"
        raise InputError(msg)
    kinds = [diagram_named(name) for name in parameters.diagrams]
    edges = distance_edges(parameters.bins, parameters.bin_width)
    return str(Borrowed.of(folder, kinds, edges, parameters.counts, parameters.counts_scale).path)


@contextmanager
def held(folder: Path) -> Iterator[int]:
    """Make the folder of a run and hold it for this process and for the kernels that inherit the descriptor.

    Yields
    ------
    int
        file descriptor of the lock; the system lets go of it when the last process that has it is gone.

    Raises
    ------
    InputError
        when the folder cannot be made or written, holds something that is no run, or is held already.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
        if strangers and not (folder / "run.json").exists():
            msg = f"the output folder {folder} holds files that are no run, such as {min(strangers)}; choose another"
            raise InputError(msg)
        (folder / ".lock").touch()
    except OSError as error:
        msg = f"the output folder {folder} cannot be written ({error.strerror}); choose another with --output"
        raise InputError(msg) from None
    with locked(folder / ".lock", PATIENCE) as lock:
        if lock is None:
            msg = f"another run is at work in {folder}; wait for its end or choose another with --output"
            raise InputError(msg)
        yield lock
