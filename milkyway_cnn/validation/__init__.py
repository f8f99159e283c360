"""The closed loop: mock skies with known dust, and what the unchanged chain makes of them."""

from milkyway_cnn.validation.checks import Check, judged
from milkyway_cnn.validation.closed_loop import map_sky, validate
from milkyway_cnn.validation.mock_sky import mock_catalog, observe_mock_sky, observe_mock_survey, star_seed
from milkyway_cnn.validation.skies import SKIES, Checkerboard, CubeDust, Screen

__all__ = [
    "SKIES",
    "Check",
    "Checkerboard",
    "CubeDust",
    "Screen",
    "judged",
    "map_sky",
    "mock_catalog",
    "observe_mock_sky",
    "observe_mock_survey",
    "star_seed",
    "validate",
]
