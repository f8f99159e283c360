"""Views of the cube: plane of the sky, face-on, along the line of sight."""

from milkyway_cnn.maps.faceon import face_on
from milkyway_cnn.maps.profiles import longitude_distance, profiles, typical_sightlines
from milkyway_cnn.maps.sky import plane_of_sky

__all__ = ["face_on", "longitude_distance", "plane_of_sky", "profiles", "typical_sightlines"]
