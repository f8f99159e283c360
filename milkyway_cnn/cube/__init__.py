"""The product: extinction on (b, l, distance) with units, kept as zarr, handed out as FITS, asked by coordinates."""

from milkyway_cnn.cube.assembly import build
from milkyway_cnn.cube.files import load, save
from milkyway_cnn.cube.fits import to_fits
from milkyway_cnn.cube.query import CubeQuery
from milkyway_cnn.cube.regrid import integrate, within

__all__ = ["CubeQuery", "build", "integrate", "load", "save", "to_fits", "within"]
