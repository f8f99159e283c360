"""Interstellar extinction: the law, mock profiles, and a model of the Galaxy's dust."""
