import numpy as np
import pytest
import xarray as xr
from matplotlib.contour import ContourSet
from matplotlib.patches import Polygon

from milkyway_cnn.constants import R_SUN
from milkyway_cnn.maps import face_on, latitude_distance, longitude_distance, plane_of_sky, profiles
from milkyway_cnn.maps.horizon import beyond, untold_along


@pytest.fixture(scope="module")
def uncertain(carina: xr.Dataset) -> xr.Dataset:
    """With a horizon that grows away from the plane, and quantiles."""
    horizon = (3.0 + abs(carina["b"]) + 0 * carina["l"]).transpose("b", "l").astype("f4")
    level = xr.DataArray([0.025, 0.16, 0.5, 0.84, 0.975], dims="quantile", name="quantile")
    quantiles = carina["A_V"] * (0.6 + 0.8 * level).assign_coords(quantile=level.values)
    return carina.assign(horizon=horizon, A_V_quantiles=quantiles)


def hatched(axes) -> list:
    shapes = [*axes.patches, *(each for each in axes.collections if isinstance(each, ContourSet))]
    return [each for each in shapes if (each.hatches[0] if isinstance(each, ContourSet) else each.get_hatch())]


def test_without_a_horizon_nothing_is_hidden(carina: xr.Dataset) -> None:
    assert beyond(carina, 5.0) is None and untold_along(carina, "l", 5.0)[1] == []
    for figure in (plane_of_sky(carina, 6), longitude_distance(carina), profiles(carina, [(285, 0)])):
        assert not hatched(figure.axes[0]) and not figure.legends


@pytest.mark.parametrize("projection", ["", "AIT"])
def test_cells_that_end_before_the_distance_are_hatched(uncertain: xr.Dataset, projection: str) -> None:
    mask = beyond(uncertain, 5.0)
    np.testing.assert_array_equal(mask, uncertain["horizon"].values < 5.0)
    figure = plane_of_sky(uncertain, 5.0, projection=projection)
    figure.draw_without_rendering()
    (drawn,) = hatched(figure.axes[0])
    corners = drawn.get_paths()[0].get_extents()
    if not projection:
        np.testing.assert_allclose((corners.x0, corners.x1), (257, 303), atol=0.1)
        np.testing.assert_allclose((corners.y0, corners.y1), (-2, 2), atol=0.1)
    assert figure.legends[0].get_texts()[0].get_text() == "not told by the stars"
    assert not hatched(plane_of_sky(uncertain, 2.0, projection=projection).axes[0])


def test_a_dotted_line_runs_at_the_horizon_of_slices_and_from_above(uncertain: xr.Dataset) -> None:
    panel = longitude_distance(uncertain).axes[0]
    (line,) = [each for each in panel.lines if each.get_label() == "_border"]
    np.testing.assert_allclose(line.get_ydata(), 5.5)
    assert [type(each) for each in hatched(panel)] == [Polygon]
    above = face_on(uncertain).axes[0]
    (line,) = [each for each in above.lines if each.get_label() == "_border"]
    np.testing.assert_allclose(np.hypot(line.get_xdata(), R_SUN - line.get_ydata()), 5.5)
    latitude = latitude_distance(uncertain, to=6.0).axes[0]
    heights = np.concatenate([each.get_ydata() for each in latitude.lines if each.get_label() == "_border"])
    assert set(heights.round(3)) == {3.5, 4.5, 5.5}  # 6.5 and more lie beyond the slice


def test_what_is_too_near_is_hidden_too(uncertain: xr.Dataset) -> None:
    near = uncertain.assign(nearest=xr.full_like(uncertain["horizon"], 0.7))
    assert beyond(near, 0.5).all() and not beyond(near, 0.7).any()
    spans = hatched(profiles(near, [(284.5, 0.5)]).axes[0])
    assert [(span.get_x(), span.get_width()) for span in spans] == [
        (0.0, pytest.approx(0.7)),
        (3.5, pytest.approx(6.5)),
    ]
    figure = longitude_distance(near)
    heights = [each.get_ydata() for each in figure.axes[0].lines if each.get_label() == "_border"]
    assert [set(each.round(3)) for each in heights] == [{0.7}, {5.5}]
    assert figure.legends[0].get_texts()[0].get_text() == "not told by the stars"
    sun, far = (shape.get_path().vertices for shape in hatched(face_on(near).axes[0]))
    distances = np.hypot(sun[:, 0], R_SUN - sun[:, 1])
    assert distances.min() == pytest.approx(0.0, abs=1e-6) and distances.max() == pytest.approx(0.7)
    assert np.hypot(far[:, 0], R_SUN - far[:, 1]).min() == pytest.approx(5.5)


def test_what_no_cell_tells_of_is_not_hidden(uncertain: xr.Dataset) -> None:
    some = uncertain.where(uncertain["l"] > 280).assign(nearest=xr.full_like(uncertain["horizon"], 6.0))
    near, far = (border for border, _ in untold_along(some, "l", 10.0)[1])
    np.testing.assert_array_equal(np.isnan(near), np.repeat(some["l"] < 280, 2))
    np.testing.assert_array_equal(near, far)  # which lies no nearer


def test_profiles_have_bands_and_end_at_the_horizon(uncertain: xr.Dataset) -> None:
    figure = profiles(uncertain, [(284.5, 0.5)])
    figure.draw_without_rendering()
    upper, lower = figure.axes
    assert len(hatched(upper)) == len(hatched(lower)) == 1
    assert hatched(upper)[0].get_x() == pytest.approx(3.5)
    wide, narrow = upper.collections
    total = float(uncertain["A_V"].sel(l=284.5, b=0.5).values[-1])
    assert wide.get_datalim(upper.transData).y1 == pytest.approx(1.38 * total, rel=1e-4)
    assert narrow.get_datalim(upper.transData).y1 == pytest.approx(1.272 * total, rel=1e-4)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["map", "95 % of the map", "68 % of the map", "not told by the stars"]
