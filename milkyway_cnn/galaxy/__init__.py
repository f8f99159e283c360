"""A population synthesis of the Galaxy: stars along a sightline, as if there were no dust."""
