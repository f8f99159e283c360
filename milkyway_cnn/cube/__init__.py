"""The product: extinction on cells of the sky and distances with units, in files of several formats, asked by place."""

from milkyway_cnn.cube.assembly import build
from milkyway_cnn.cube.cells import cells
from milkyway_cnn.cube.convert import converted
from milkyway_cnn.cube.files import assemble, load, save
from milkyway_cnn.cube.fits import to_fits
from milkyway_cnn.cube.query import CubeQuery
from milkyway_cnn.cube.regrid import integrate, rebin, regrid, to_healpix, within

__all__ = [
    "CubeQuery",
    "assemble",
    "build",
    "cells",
    "converted",
    "integrate",
    "load",
    "rebin",
    "regrid",
    "save",
    "to_fits",
    "to_healpix",
    "within",
]
