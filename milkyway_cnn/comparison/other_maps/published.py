"""The maps of the package `dustmaps`, each with its unit; nothing is downloaded unless the user does."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from milkyway_cnn.comparison.other_maps.sampling import sample_plane, sample_volume
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.law import DEFAULT, ratio
from milkyway_cnn.sightlines import Grid

__all__ = ["MAPS", "PublishedMap", "published"]

_SF11 = "A_V = 2.742 of SFD's unit: Schlafly & Finkbeiner 2011, ApJ 737, 103, Table 6 (Landolt V, R_V = 3.1)"
_R_V = "A_V = 3.1 E(B-V)"


@dataclass(frozen=True)
class PublishedMap:
    """A map of `dustmaps`.

    Parameters
    ----------
    module, query
        Of `dustmaps`, and the class in it.
    factor
        A_V (mag) of its unit; 0 for the reciprocal of A_band / A_V of `band`.
    unit
        Why.
    band
        In which it gives extinction.
    reach
        Distance at which it ends (kpc); 0 for a map of the sky alone.
    density
        Whether it gives extinction per kpc.
    options
        Of the class.
    fetch
        Words of `fetch` in the module.
    """

    module: str
    query: str
    factor: float
    unit: str
    band: str = ""
    reach: float = 0.0
    density: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    fetch: str = ""

    @property
    def command(self) -> str:
        """What fetches its data, into the folder that the configuration of `dustmaps` names."""
        return f"python -c 'import dustmaps.{self.module} as m; m.fetch({self.fetch})'"


#: By name; [M]: remembered, to be confirmed in the map's paper.
MAPS = {
    "planck": PublishedMap("planck", "PlanckQuery", 3.1, _R_V),
    "planck-gnilc": PublishedMap("planck", "PlanckGNILCQuery", 3.1, _R_V, fetch='which="GNILC"'),
    "sfd": PublishedMap("sfd", "SFDQuery", 2.742, _SF11),
    "csfd": PublishedMap("csfd", "CSFDQuery", 2.742, _SF11),
    "lenz2017": PublishedMap("lenz2017", "Lenz2017Query", 3.1, _R_V),
    "marshall2006": PublishedMap("marshall", "MarshallQuery", 0.0, "A_Ks, by the extinction law", "Ks", reach=25.0),
    "bayestar2019": PublishedMap(
        "bayestar", "BayestarQuery", 2.742, f"{_SF11}; the unit of Bayestar19 counts as SFD's [M]", reach=63.0,
        options={"max_samples": 1},
    ),
    "decaps2025": PublishedMap(
        "decaps", "DECaPSQueryLite", 3.32, "A_V = 3.32 E(B-V), the mean R_V of its stars' models [M]", reach=63.0,
        options={"mean_only": True}, fetch="mean_only=True",
    ),
    "edenhofer2024": PublishedMap(
        "edenhofer2023", "Edenhofer2023Query", 2.8, "A_V = 2.8 E of Zhang, Green & Rix 2023 [M]", reach=1.25,
        options={"integrated": True},
    ),
    "leike2020": PublishedMap(
        "leike2020", "Leike2020Query", 1.0857 / 0.789, "1.0857 mag of A_G per e-folding, A_G = 0.789 A_V [M]",
        reach=0.37, density=True,
    ),
    "chen2014": PublishedMap("chen2014", "Chen2014Query", 0.0, "A_r, by the extinction law", "r", reach=4.5),
    "iphas": PublishedMap("iphas", "IPHASQuery", 1.0, "A_0 at 541 nm counts as A_V", reach=15.0),
}  # fmt: skip


def published(
    name: str | PublishedMap, grid: Grid, edges: np.ndarray | None = None, *, law: str = DEFAULT, R_V: float = 3.1
) -> xr.Dataset:
    """Sample a published map on our cells, in A_V.

    Parameters
    ----------
    name
        One of `MAPS`, or another map of `dustmaps`.
    edges
        Edges of the distance bins (kpc), for a map in three dimensions.
    law, R_V
        By which extinction in another band becomes A_V.

    Returns
    -------
    Of a map of the sky `sample_plane`, else the cube of `sample_volume`; attributes name the map, the factor and why.

    Raises
    ------
    InputError
        When the map is not known, or `dustmaps` or the map's data are not there: then with the command that gets them.
    """
    if isinstance(name, str) and name not in MAPS:
        msg = f"there is no map {name!r}; choose one of {', '.join(MAPS)}, or give a PublishedMap"
        raise InputError(msg)
    chosen = MAPS[name] if isinstance(name, str) else name
    factor = chosen.factor or 1.0 / ratio(chosen.band, law, R_V)
    attrs = {"title": name if isinstance(name, str) else chosen.query, "A_V_per_unit": factor, "unit": chosen.unit}
    ask = _opened(chosen)
    if not chosen.reach:
        return sample_plane(ask, grid, factor, attrs=attrs)
    if edges is None:
        msg = f"the map {attrs['title']} has distances; give the edges of the distance bins"
        raise InputError(msg)
    return sample_volume(ask, grid, edges, factor, reach=chosen.reach, density=chosen.density, attrs=attrs)


def _opened(chosen: PublishedMap) -> Any:
    """Open the map with the class of `dustmaps`, whose remarks are not for our users."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        try:
            module = importlib.import_module(f"dustmaps.{chosen.module}")
        except ImportError as error:
            msg = f"published maps need the package dustmaps ({error}); pip install 'milkyway-cnn[maps]'"
            raise InputError(msg) from None
        try:
            return getattr(module, chosen.query)(**chosen.options)
        except (OSError, ValueError, KeyError) as error:
            place = importlib.import_module("dustmaps.std_paths").data_dir()
            msg = f"the map {chosen.query} is not in {place} ({error}); fetch it with: {chosen.command}"
            raise InputError(msg) from None
