"""The Galaxies that have a name, and a Galaxy as plain values in the attributes of a product."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from milkyway_cnn.errors import InputError
from milkyway_cnn.galaxy import density, gums
from milkyway_cnn.galaxy.besancon import BesanconModel, read_besancon
from milkyway_cnn.galaxy.density import GalaxyModel, ThinDisc
from milkyway_cnn.galaxy.gums import GUMS_DR3

__all__ = ["BESANCON_2003", "EMBEDDED", "GUMS_DR3", "MODELS", "Galaxy", "chosen", "describe", "named", "of", "rescaled"]

#: What stars are drawn from: a model, or outputs of the Besancon model in place of one.
Galaxy = GalaxyModel | BesanconModel

#: Of each age class: ages, axis ratio, density at the Sun, mean and spread of [Fe/H].
_THIN_2003 = (
    ((0.0, 0.15), 0.0140, 0.003999, +0.01, 0.12),
    ((0.15, 1.0), 0.0268, 0.007902, +0.03, 0.12),
    ((1.0, 2.0), 0.0375, 0.006224, +0.03, 0.10),
    ((2.0, 3.0), 0.0551, 0.004020, +0.01, 0.11),
    ((3.0, 5.0), 0.0696, 0.005814, -0.07, 0.18),
    ((5.0, 7.0), 0.0785, 0.004928, -0.14, 0.17),
    ((7.0, 10.0), 0.0791, 0.006590, -0.37, 0.20),
)

#: Robin et al. 2003, A&A 409, 523; the numbers are those that the model's own output prints (version 2003-12).
BESANCON_2003 = GalaxyModel(
    name="Besancon 2003",
    thin=tuple(
        ThinDisc(ages=ages, axis_ratio=ratio, mass_density=density, metallicity=mean, metallicity_spread=spread)
        for ages, ratio, density, mean, spread in _THIN_2003
    ),
)

#: The model that this package observes and learns from: that of 2003 with two changes [OC]. 40 % of its stars are
#: unresolved binaries (44 % of solar-type stars, Raghavan et al. 2010; fewer of the dwarfs below), and the warp has
#: half the slope, for 2MASS sees a weaker stellar warp (Reyle et al. 2009, A&A 495, 819). With them the counts and
#: the median colors of 2MASS stars around l = 233, b = -19 come out as the tests say, without any tuning per field.
EMBEDDED = replace(
    BESANCON_2003, name="embedded", warp=replace(BESANCON_2003.warp, north=0.09, south=0.09), binary_fraction=0.4
)

#: Models by the names that users choose them by.
MODELS = {"embedded": EMBEDDED, "besancon2003": BESANCON_2003, "gums_dr3": GUMS_DR3}


def named(name: str) -> GalaxyModel:
    """Return the model of this name, one of `MODELS`.

    Raises
    ------
    InputError
        When there is none.
    """
    if name not in MODELS:
        msg = f"there is no Galaxy model {name!r}; choose one of {', '.join(MODELS)}"
        raise InputError(msg)
    return MODELS[name]


def chosen(galaxy: str | dict[str, Any] | Galaxy) -> Galaxy:
    """Return the Galaxy that a run names: a model of `MODELS`, or outputs of the Besancon model in place of one.

    Parameters
    ----------
    galaxy
        A name, or the path of an output that states its solid angle (a catalog of the 2003 form, or what
        ``milkyway-cnn besancon`` wrote), or of a folder of such outputs and nothing else. A Galaxy itself, or what
        `describe` made of one, stands for itself.

    Raises
    ------
    InputError
        When it is neither, or a file cannot be used.
    """
    if isinstance(galaxy, GalaxyModel | BesanconModel):
        return galaxy
    if isinstance(galaxy, dict):
        return of(galaxy)
    if galaxy in MODELS:
        return MODELS[galaxy]
    place = Path(galaxy)
    outputs = sorted(path for path in place.glob("[!.]*") if path.is_file()) if place.is_dir() else [place]
    if not outputs or not all(path.exists() for path in outputs):
        msg = (
            f"the Galaxy {galaxy!r} is neither a model ({', '.join(MODELS)}) nor a file or folder with outputs of the "
            "Besancon model; fetch one with: milkyway-cnn besancon L,B"
        )
        raise InputError(msg)
    return BesanconModel.read(outputs)


def rescaled(model: GalaxyModel, scale_length: float) -> GalaxyModel:
    """Return the model with another scale length (kpc) of its thin disc older than 0.15 Gyr."""
    if not 0.5 <= scale_length <= 10.0:
        msg = f"scale_length (={scale_length:g} kpc) of the thin disc must lie from 0.5 to 10; 2.53 is that of 2003"
        raise InputError(msg)
    return replace(model, thin=tuple(replace(disc, scale_length=scale_length) for disc in model.thin))


_TYPES = {
    name: getattr(module, name)
    for module in (density, gums)
    for name in module.__all__
    if is_dataclass(getattr(module, name)) and isinstance(getattr(module, name), type)
}


def describe(model: Any) -> dict[str, Any]:
    """Return a Galaxy as plain values, fit for JSON; every part says its `type`. `of` makes the Galaxy of it again.

    Outputs of the Besancon model are described by the places of their files.
    """
    if isinstance(model, BesanconModel):
        files = [str(catalog.path.absolute()) for catalog in model.catalogs]
        areas = [catalog.solid_angle for catalog in model.catalogs]
        return {"type": "BesanconModel", "files": files, "solid_angles": areas, "within": model.within}

    def plain(value: Any) -> Any:
        if is_dataclass(value):
            parts = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
            return {"type": type(value).__name__, **parts}
        return [plain(part) for part in value] if isinstance(value, tuple) else value

    return plain(model)


def of(description: dict[str, Any]) -> Galaxy:
    """Make the Galaxy that `describe` described."""
    if description["type"] == "BesanconModel":
        outputs = zip(description["files"], description["solid_angles"], strict=True)
        return BesanconModel(tuple(read_besancon(file, area) for file, area in outputs), description["within"])

    def built(value: Any) -> Any:
        if isinstance(value, dict):
            return _TYPES[value["type"]](**{name: built(part) for name, part in value.items() if name != "type"})
        return tuple(built(part) for part in value) if isinstance(value, list) else value

    return built(description)
