"""Views of the cube: plane of the sky and face-on."""
