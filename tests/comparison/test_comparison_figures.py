import numpy as np
import pytest
import xarray as xr

from milkyway_cnn.comparison.figures import error_against_distance, map_against_color_excess, predicted_against_true
from milkyway_cnn.comparison.scores import against_truth
from milkyway_cnn.cube import integrate


def test_error_is_drawn_at_every_distance_as_it_is_scored(noisy: xr.Dataset, carina: xr.Dataset) -> None:
    left, right = error_against_distance(noisy, carina).axes
    scores = against_truth(noisy, carina)
    np.testing.assert_allclose(left.lines[0].get_xdata(), noisy["distance_edges"][1:])
    for place, distance in ((19, 2), (79, 8)):
        assert left.lines[0].get_ydata()[place] == pytest.approx(100 * scores[f"relative_error_{distance}kpc"]["value"])
        assert right.lines[0].get_ydata()[place] == pytest.approx(scores[f"rmse_{distance}kpc"]["value"])
        assert right.lines[1].get_ydata()[place] == pytest.approx(scores[f"bias_{distance}kpc"]["value"])
    assert left.get_ylabel() == "relative error of $A_V$ (%)" and right.get_ylabel() == "$A_V$ − true $A_V$ (mag)"
    assert left.get_xlabel() == right.get_xlabel() == "integrated to distance (kpc)"


def test_density_counts_the_cells(noisy: xr.Dataset, carina: xr.Dataset) -> None:
    figure = predicted_against_true(noisy, carina, (2, 8))
    panels = figure.axes[:2]
    for panel, distance in zip(panels, (2, 8), strict=True):
        assert 458 * 0.98 < panel.collections[0].get_array().sum() <= 458
        assert panel.get_title() == f"to {distance} kpc" and panel.get_xscale() == panel.get_yscale() == "log"
        assert panel.get_xlim() == panel.get_ylim() and panel.get_xlabel() == "true $A_V$ (mag)"
    assert panels[0].get_ylabel() == "predicted $A_V$ (mag)"


def test_cells_stand_where_map_and_color_excess_put_them(orion: xr.Dataset) -> None:
    A_V = cube_A_V = integrate(orion, 1.0)
    A_V = A_V.where(A_V > 0.2)
    left, right = map_against_color_excess(orion, xr.Dataset({"A_V": A_V, "A_V_error": 0 * A_V + 0.1}), 1.0).axes
    np.testing.assert_allclose(left.lines[0].get_xdata(), A_V.values.ravel())
    np.testing.assert_allclose(left.lines[0].get_ydata(), cube_A_V.values.ravel())
    assert left.get_xlim() == left.get_ylim() and left.get_ylabel() == "$A_V$ of the map to 1 kpc (mag)"
    heights = [bar.get_height() for bar in right.patches]
    assert sum(heights) == heights[8] > 5  # the cloud at 430 pc is in the bin from 0.40 to 0.45 kpc
    assert right.get_xlabel() == "distance of the strongest bin (kpc)"


def test_without_cells_in_common_figures_are_empty(noisy: xr.Dataset, orion: xr.Dataset) -> None:
    nothing = xr.zeros_like(noisy) * np.nan
    nothing.attrs = noisy.attrs
    for figure in (
        error_against_distance(nothing, noisy),
        predicted_against_true(nothing, noisy),
        map_against_color_excess(
            orion, xr.Dataset(dict.fromkeys(("A_V", "A_V_error"), integrate(orion, 1.0) * np.nan))
        ),
    ):
        figure.draw_without_rendering()
