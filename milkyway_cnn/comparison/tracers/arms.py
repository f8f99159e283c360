"""Spiral arms as published: our own model's by themselves, others by the package SpiralMap."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import tempfile
import types
import warnings
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from milkyway_cnn.comparison.tracers.table import make
from milkyway_cnn.constants import R_SUN
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.arms import ARMS, trace

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["ARM_MODELS", "arms"]

OWN = "Steiman-Cameron_2010"
#: Models by name, and what they were traced by. All but the first, whose Local arm is that of Reid et al. 2019, come
#: from SpiralMap, under its names.
ARM_MODELS = {
    OWN: "far-infrared cooling lines",
    "Taylor_Cordes_1992": "H II regions",
    "Vallee_1995": "magnetic field, dust and gas",
    "Drimmel_NIR_2000": "near-infrared emission",
    "Levine_2006": "H I",
    "Hou_Han_2014": "H II regions, molecular clouds and masers",
    "Hou_Han_HII_2014": "H II regions",
    "Reid_2019": "parallaxes of masers",
    "Drimmel_Ceph_2024": "Cepheids",
}


def arms(model: str = OWN, *, R_sun: float = R_SUN) -> Table:
    """Return the arms of a published model as points in the plane, in order along each arm.

    Parameters
    ----------
    model
        One of `ARM_MODELS`.
    R_sun
        Distance of the Sun from the Galactic center (kpc), to which SpiralMap's models are put; our own stands for
        8.5 kpc alone.

    Returns
    -------
    Table of tracers of the kind "spiral arm"; `name` is the arm's.

    Raises
    ------
    InputError
        For another model, or when SpiralMap is not installed.
    """
    if model not in ARM_MODELS:
        msg = f"there is no model {model!r} of spiral arms; choose one of {', '.join(ARM_MODELS)}"
        raise InputError(msg)
    traces = _own() if model == OWN else _of_spiralmap(model, R_sun)
    names, x, y = (np.concatenate(column) for column in zip(*traces, strict=True))
    return make(names, np.degrees(np.arctan2(y, x)), 0.0, np.hypot(x, y), "spiral arm", source=model)


def _own() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Names, x towards the Galactic center and y towards l = 90 deg, from the Sun (kpc), of each arm."""
    traces = []
    for arm in ARMS:
        x, y = trace(arm, np.geomspace(3.0, 20.0, 1000))
        seen = np.isfinite(x)
        traces.append((np.full(seen.sum(), arm.name), R_SUN - x[seen], y[seen]))
    return traces


def _of_spiralmap(model: str, R_sun: float) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    package = _spiralmap()
    with _quietly():
        library = package.main_(Rsun=R_sun, print_=False)
        own = library.models_class[model]
        own.xsun = -R_sun
        own.getarmlist()
        traces = []
        for arm in own.arms:
            library.readout(plotattrs={}, model=model, arm=arm)
            x, y = (np.asarray(library.dout[name], float) for name in ("xhc", "yhc"))
            seen = np.isfinite(x) & np.isfinite(y)
            traces.append((np.full(seen.sum(), arm), x[seen], y[seen]))
    return traces


def _spiralmap() -> Any:
    """Import SpiralMap without its question to the package index for a newer one, and its mark of that in the home."""
    silent = types.ModuleType("update_checker")
    silent.update_check = lambda *words: None  # type: ignore[attr-defined]
    with _quietly(), tempfile.TemporaryDirectory() as home, mock.patch.dict(os.environ, HOME=home):
        asking = {} if "SpiralMap" in sys.modules else {"update_checker": silent}
        try:
            if "matplotlib.pyplot" not in sys.modules:
                importlib.import_module("matplotlib").use("agg")
            with mock.patch.dict(sys.modules, asking):
                package = importlib.import_module("SpiralMap")
        except ImportError:
            msg = f"all models of arms but {OWN} need SpiralMap; pip install 'milkyway-cnn[maps]'"
            raise InputError(msg) from None
    return package


@contextlib.contextmanager
def _quietly() -> Any:
    """Let the package print and warn to nobody."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
