import numpy as np
import pytest
import xarray as xr
from astropy.table import Table

from milkyway_cnn.constants import R_SUN
from milkyway_cnn.maps import face_on, latitude_distance, longitude_distance, plane_of_sky
from milkyway_cnn.maps.overlays import traces
from milkyway_cnn.sightlines import Footprint


def tracers(**columns) -> Table:
    count = len(columns["l"])
    return Table({"name": ["a"] * count, "b": [0.2] * count, "kind": ["H II region"] * count, **columns})


def lines(axes) -> dict:
    return {str(line.get_label()): line for line in axes.lines}


@pytest.mark.parametrize("projection", ["", "AIT", "TAN"])
def test_tracers_within_the_distances_are_filled_and_those_without_hollow(carina: xr.Dataset, projection: str) -> None:
    table = tracers(l=[284.5, 284.5 - 360, 290.0, 300.0, 100.0], distance=[3.0, 3.0, 9.0, np.nan, 3.0])
    table["b"] = [0.5, 0.5, 0.2, -2.5, 0.0]
    figure = plane_of_sky(carina, 6, since=1, projection=projection, overlays=[table])
    figure.draw_without_rendering()
    panel = next(axes for axes in figure.axes if axes.images)
    filled, hollow = lines(panel)["H II region"], lines(panel)["H II region, no distance"]
    assert len(filled.get_xdata()) == 2 and len(hollow.get_xdata()) == 1
    assert hollow.get_markerfacecolor() == "none"
    if not projection:
        np.testing.assert_allclose(filled.get_xydata(), [(284.5, 0.5), (284.5, 0.5)])
    else:
        expected = panel.wcs.wcs_world2pix(284.5, 0.5, 0)
        np.testing.assert_allclose(filled.get_xydata(), [expected, expected])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["H II region, no distance", "H II region"]


def test_tracers_and_arms_stand_at_their_places_from_above(carina: xr.Dataset) -> None:
    arm = tracers(l=[270.0, 271.0, 300.0], distance=[3.0, 3.1, 9.0])
    arm["kind"] = "spiral arm"
    arm.meta["source"] = "folder/Model_2020"
    figure = face_on(carina, overlays=[tracers(l=[270.0, 280.0], distance=[2.0, np.nan]), arm])
    panel = figure.axes[0]
    drawn = lines(panel)
    np.testing.assert_allclose(drawn["H II region"].get_xydata(), [(-2.0, R_SUN)], atol=1e-4)
    assert "spiral arms" not in drawn and "arms, Model 2020" in drawn
    ((x, _),) = traces(arm)
    assert np.isnan(x).tolist() == [False, False, True, False]  # 6 kpc are no part of an arm


def test_slices_take_what_lies_within_their_cells(carina: xr.Dataset) -> None:
    table = tracers(l=[284.5, 265.0, 284.5], distance=[2.0, 3.0, 4.0])
    table["b"] = [0.5, 4.5, 3.0]
    first = lines(longitude_distance(carina, b_max=1, overlays=[table]).axes[0])["H II region"]
    np.testing.assert_allclose(first.get_xydata(), [(284.5, 2.0)])
    second = lines(latitude_distance(carina, l_range=(280, 290), overlays=[table]).axes[0])["H II region"]
    np.testing.assert_allclose(second.get_xydata(), [(0.5, 2.0), (3.0, 4.0)])


def test_borders_are_drawn_on_the_sky_in_the_plane_and_along_distance(carina: xr.Dataset) -> None:
    border = Footprint.of_region("theirs", (-100.0, 100.0, -10.0, 10.0), 4.0)
    sky = plane_of_sky(carina, 6, overlays=[border])
    x = lines(sky.axes[0])["theirs"].get_xdata()
    np.testing.assert_allclose(x[np.isfinite(x)], 260.0)
    above = lines(face_on(carina, overlays=[border]).axes[0])["theirs"]
    assert np.nanmax(np.hypot(above.get_xdata(), R_SUN - above.get_ydata())) == pytest.approx(4.0)
    assert lines(longitude_distance(carina, overlays=[border]).axes[0])["theirs"].get_ydata() == [4.0, 4.0]
