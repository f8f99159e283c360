"""What the network has to beat: a classical method and a linear one, from the same diagrams to the same profiles."""

from milkyway_cnn.comparison.rivals.classical import match_colors
from milkyway_cnn.comparison.rivals.ridge import Ridge, fit_ridge, predict_cells
from milkyway_cnn.comparison.rivals.scores import beside_rivals, spread_cells

__all__ = ["Ridge", "beside_rivals", "fit_ridge", "match_colors", "predict_cells", "spread_cells"]
