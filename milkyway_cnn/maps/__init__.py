"""Views of the cube: plane of the sky, face-on, slices, along the line of sight, and in cubic voxels."""

from milkyway_cnn.maps.cartesian import to_cartesian
from milkyway_cnn.maps.faceon import face_on
from milkyway_cnn.maps.profiles import profiles, typical_sightlines
from milkyway_cnn.maps.sky import plane_of_sky
from milkyway_cnn.maps.slices import latitude_distance, longitude_distance
from milkyway_cnn.maps.volume import three_sides

__all__ = [
    "face_on",
    "latitude_distance",
    "longitude_distance",
    "plane_of_sky",
    "profiles",
    "three_sides",
    "to_cartesian",
    "typical_sightlines",
]
