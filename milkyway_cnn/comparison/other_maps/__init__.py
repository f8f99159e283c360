"""Other maps of dust on our cells and in our units: those of the package `dustmaps`, and files."""

from milkyway_cnn.comparison.other_maps.files import read_fits, read_healpix
from milkyway_cnn.comparison.other_maps.points import against_points, read_bayestar, read_points
from milkyway_cnn.comparison.other_maps.published import MAPS, PublishedMap, published
from milkyway_cnn.comparison.other_maps.sampling import sample_plane, sample_volume

__all__ = [
    "MAPS",
    "PublishedMap",
    "against_points",
    "published",
    "read_bayestar",
    "read_fits",
    "read_healpix",
    "read_points",
    "sample_plane",
    "sample_volume",
]
