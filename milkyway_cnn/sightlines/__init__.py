"""Sightlines: cells on the sky (a grid in l and b, cones, HEALPix pixels), their stars, and the grid of distances."""

from milkyway_cnn.sightlines.cells import Cells, cells_of, star_lists
from milkyway_cnn.sightlines.cones import Cones
from milkyway_cnn.sightlines.footprint import Footprint
from milkyway_cnn.sightlines.geometry import SQUARE_DEGREE, distance_edges, galactocentric, solid_angle, spaced
from milkyway_cnn.sightlines.grid import Grid
from milkyway_cnn.sightlines.healpix import Healpix

__all__ = [
    "SQUARE_DEGREE",
    "Cells",
    "Cones",
    "Footprint",
    "Grid",
    "Healpix",
    "cells_of",
    "distance_edges",
    "galactocentric",
    "solid_angle",
    "spaced",
    "star_lists",
]
