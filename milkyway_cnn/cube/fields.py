"""What a cube may hold: names, units and meanings."""

from __future__ import annotations

__all__ = ["FIELDS"]

#: Name, unit and meaning of everything a cube may hold.
FIELDS: dict[str, tuple[str, str]] = {
    "A_V": ("mag", "visual extinction from the Sun to the far edge of the distance bin"),
    "delta_A_V": ("mag", "visual extinction added in the distance bin"),
    "delta_A_V_raw": ("mag", "visual extinction added in the distance bin, as predicted, of either sign"),
    "delta_A_V_std": ("mag", "standard deviation of the predicted visual extinction in the distance bin"),
    "stars": ("1", "stars that the prediction rests on"),
    "coverage": ("1", "fraction of the cell that the catalog covers"),
    "l": ("deg", "Galactic longitude of the cell center"),
    "b": ("deg", "Galactic latitude of the cell center"),
    "distance": ("kpc", "distance from the Sun to the bin center"),
    "distance_edges": ("kpc", "distance from the Sun to the bin edges"),
}
