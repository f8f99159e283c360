"""The map beside what is known otherwise: a truth, a color-excess map, a field without dust."""

from milkyway_cnn.comparison.color_excess import bare_control, catalog_color_excess, color_excess
from milkyway_cnn.comparison.coverage import coverage, coverage_figure
from milkyway_cnn.comparison.figures import (
    error_against_distance,
    error_of_each,
    map_against_color_excess,
    predicted_against_true,
)
from milkyway_cnn.comparison.scores import (
    against_color_excess,
    against_truth,
    held_out,
    listed,
    save_scores,
    where_no_dust_is,
)

__all__ = [
    "against_color_excess",
    "against_truth",
    "bare_control",
    "catalog_color_excess",
    "color_excess",
    "coverage",
    "coverage_figure",
    "error_against_distance",
    "error_of_each",
    "held_out",
    "listed",
    "map_against_color_excess",
    "predicted_against_true",
    "save_scores",
    "where_no_dust_is",
]
