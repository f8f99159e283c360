"""What a cube may hold: names, units and meanings, as attributes in the manner of the CF conventions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

__all__ = ["CARTESIAN", "FIELDS", "FLAGS", "described", "dimensions"]

#: Name, unit and meaning of everything a cube may hold.
FIELDS: Mapping[str, tuple[str, str]] = {
    "A_V": ("mag", "visual extinction from the Sun to the far edge of the distance bin"),
    "delta_A_V": ("mag", "visual extinction added in the distance bin"),
    "delta_A_V_raw": ("mag", "visual extinction added in the distance bin, as predicted, of either sign"),
    "A_V_std": ("mag", "standard deviation of the visual extinction to the far edge of the distance bin"),
    "delta_A_V_std": ("mag", "standard deviation of the predicted visual extinction in the distance bin"),
    "A_V_quantiles": ("mag", "quantiles of the visual extinction to the far edge of the distance bin"),
    "delta_A_V_quantiles": ("mag", "quantiles of the visual extinction in the distance bin"),
    "A_V_samples": ("mag", "draws of the visual extinction to the far edge of the distance bin"),
    "flags": ("1", "reasons to doubt a value"),
    "horizon": ("kpc", "distance up to which the stars tell of dust"),
    "nearest": ("kpc", "distance from which on the map follows the dust; nearer it leans towards what is common"),
    "novelty": ("1", "how unlike the training set the diagram is, over what 1 % of mock diagrams exceed"),
    "deviance": ("1", "how far the diagram is from the modeled, reddened one, over what 1 % of mocks exceed"),
    "stars": ("1", "stars that the prediction rests on"),
    "coverage": ("1", "fraction of the cell that the catalog covers"),
    "solid_angle": ("deg2", "solid angle of the cell that cells with a prediction cover"),
    "l": ("deg", "Galactic longitude of the cell center"),
    "b": ("deg", "Galactic latitude of the cell center"),
    "pixel": ("1", "number of the HEALPix pixel"),
    "distance": ("kpc", "distance from the Sun to the bin center"),
    "distance_edges": ("kpc", "distance from the Sun to the bin edges"),
    "quantile": ("1", "probability that the value is smaller"),
    "draw": ("1", "number of the draw"),
}
#: The same of a cube on (z, y, x), `maps.cartesian.to_cartesian`.
CARTESIAN: Mapping[str, tuple[str, str]] = {
    "density": ("mag kpc-1", "visual extinction per kpc"),
    "volume": ("kpc3", "volume of the voxel that the map covers"),
    "beyond_horizon": ("1", "share of it that lies beyond the distance up to which the stars tell of dust"),
    "x": ("kpc", "towards the Galactic center, as the Sun sees it"),
    "y": ("kpc", "towards l = 90 deg"),
    "z": ("kpc", "towards the North Galactic Pole"),
}
#: Bits of `flags`.
FLAGS: Mapping[str, int] = {"beyond_horizon": 1, "novel": 2, "model_disagrees": 4, "low_coverage": 8, "too_near": 16}

#: Fields of the sky alone, without a distance.
_PLANES = ("horizon", "nearest", "novelty", "deviance", "stars", "coverage", "solid_angle")
#: What is said about a field by others beside it.
_BESIDE = ("_std", "_quantiles", "_samples")


def dimensions(name: str, sky: tuple[str, ...] = ("b", "l")) -> tuple[str, ...]:
    """Dimensions of a field of `FIELDS`, where the cells lie along `sky`."""
    leading = {"quantiles": ("quantile",), "samples": ("draw",)}.get(name.rpartition("_")[2], ())
    return (*leading, *sky, *(() if name in _PLANES else ("distance",)))


def described(cube: xr.Dataset, fields: Mapping[str, tuple[str, str]] = FIELDS) -> xr.Dataset:
    """Return the cube with units and meanings of its fields: `units`, `long_name`, `flag_masks` and the like.

    Raises
    ------
    KeyError
        When it holds something that `fields` does not know.
    """
    cube = cube.copy()
    for name in map(str, cube.variables):
        units, meaning = fields[name]
        cube[name].attrs = {"units": units, "long_name": meaning}
        beside = [f"{name}{end}" for end in _BESIDE if f"{name}{end}" in cube]
        beside += ["flags"] * (name in ("A_V", "delta_A_V") and "flags" in cube)
        if beside:
            cube[name].attrs["ancillary_variables"] = " ".join(beside)
    if "flags" in cube:
        masks = np.array(list(FLAGS.values()), np.uint8)
        cube["flags"].attrs.update(flag_masks=masks, flag_meanings=" ".join(FLAGS))
    return cube
