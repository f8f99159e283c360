import base64
import sys

import numpy as np
import pytest
import traitlets
import xarray as xr

from milkyway_cnn.constants import R_SUN
from milkyway_cnn.cube import integrate
from milkyway_widgets import CubeViewer
from milkyway_widgets.cube_figures import CubeFigures
from milkyway_widgets.cube_state import CubeState, face_on_data, mark_data, profile_data, sky_data


@pytest.fixture
def state(noisy: xr.Dataset, carina: xr.Dataset) -> CubeState:
    return CubeState({"map": noisy, "truth": carina}, b_max=1.0)


def test_state_holds_only_what_the_cube_has(state: CubeState) -> None:
    assert state.shown == "map" and state.to == 10.0
    state.to = 2.34
    assert state.to == 2.3
    state.to = 99.0
    assert state.to == 10.0
    state.look(284.7, 0.2)
    assert state.direction == (284.5, 0.5)
    state.look(100.0, 0.0)  # a click beside the map
    assert state.direction == (284.5, 0.5)
    with pytest.raises(traitlets.TraitError, match="there is no cube 'nothing'; choose from map, truth"):
        state.shown = "nothing"


def test_a_place_in_the_galaxy_is_a_direction_and_a_distance(state: CubeState) -> None:
    l, distance = np.radians(290.5), 4.0
    state.look_from_above(distance * np.sin(l), R_SUN - distance * np.cos(l))
    assert state.direction[0] == 290.5 and state.to == 4.0


def test_sky_is_the_integral_and_profile_the_cell(state: CubeState) -> None:
    state.to, state.shown = 4.0, "truth"
    np.testing.assert_allclose(sky_data(state)["image"][0], integrate(state.cube, 4.0), rtol=1e-5)
    assert {name: sky_data(state)[name] for name in ("x", "y", "dw", "dh")} == {
        "x": [257.0],
        "y": [-5.0],
        "dw": [46.0],
        "dh": [10.0],
    }
    state.look(284.5, 0.5)
    profile = profile_data(state)
    np.testing.assert_array_equal(profile["top"], state.cube["delta_A_V"].sel(l=284.5, b=0.5))
    np.testing.assert_array_equal(profile["total"], state.cube["A_V"].sel(l=284.5, b=0.5))


def test_face_on_image_shows_each_sightline_in_its_place(state: CubeState) -> None:
    data, density = face_on_data(state), state.face_on()
    image = data["image"][0]
    pixel = data["dw"][0] / image.shape[1]
    for l, distance in ((284.5, 2.35), (260.5, 7.05), (302.5, 9.05)):
        x = R_SUN - distance * np.cos(np.radians(l))
        y = distance * np.sin(np.radians(l))
        found = image[int((x - data["y"][0]) / pixel), int((y - data["x"][0]) / pixel)]
        assert found == pytest.approx(float(density.sel(l=l, distance=distance, method="nearest")), rel=0.35)
    assert np.isnan(image[0, 0]) and np.nanmax(image) == pytest.approx(float(density.max()), rel=0.05)


def test_marks_follow_distance_and_direction(state: CubeState) -> None:
    state.look(270.5, 0.5)
    state.to = 3.0
    marks = mark_data(state)
    assert marks["cell"]["x"] == [270.5] and marks["distance"]["x"] == [3.0]
    arc, ray = zip(marks["above_marks"]["xs"], marks["above_marks"]["ys"], strict=True)
    np.testing.assert_allclose(np.hypot(arc[0], np.subtract(R_SUN, arc[1])), 3.0, rtol=1e-3)
    np.testing.assert_allclose(ray[0][0], 0.0)


def test_figures_replace_their_data_when_the_state_changes(state: CubeState) -> None:
    figures = CubeFigures(state)
    state.observe(lambda change: figures.update(change["name"]), ["to", "cell", "shown"])
    sources = dict(figures.sources)
    assert figures.sky.x_range.start == 303 and figures.sky.x_range.end == 257  # longitude increases to the left
    assert figures.above.frame_width / figures.above.frame_height == pytest.approx(
        (figures.above.x_range.end - figures.above.x_range.start)
        / (figures.above.y_range.end - figures.above.y_range.start),
        rel=0.01,
    )
    state.to = 2.0
    np.testing.assert_allclose(figures.sources["sky"].data["image"][0], state.sky())
    assert figures.sky.title.text == "map, integrated to 2.00 kpc" and figures.sources["distance"].data["x"] == [2.0]
    state.look(284.5, 0.5)
    assert figures.profile.title.text == "l = 284.5°, b = 0.5°"
    np.testing.assert_array_equal(figures.sources["profile"].data["top"], profile_data(state)["top"])
    before = figures.sources["above"].data["image"][0]
    state.shown = "truth"
    assert not np.array_equal(figures.sources["above"].data["image"][0], before, equal_nan=True)
    assert figures.sources == sources  # the same sources with other data


def test_empty_cells_can_be_looked_at(state: CubeState) -> None:
    figures = CubeFigures(state)
    state.look(302.5, -4.5)
    figures.update("cell")
    assert np.isnan(figures.sources["profile"].data["total"]).all()


def test_slider_and_buttons_are_the_state(noisy: xr.Dataset, carina: xr.Dataset) -> None:
    viewer = CubeViewer(noisy, carina)
    slider, choice, _ = viewer.widget.children
    slider.value = slider.options[29][1]
    assert viewer.state.to == 3.0
    viewer.state.to = 5.02
    assert slider.value == 5.0
    choice.value = "truth"
    assert viewer.state.shown == "truth"
    assert viewer.widget is viewer.widget
    assert len(CubeViewer(carina).widget.children) == 2  # nothing to choose


def test_without_a_browser_it_is_a_picture(monkeypatch: pytest.MonkeyPatch, orion: xr.Dataset) -> None:
    monkeypatch.setenv("MILKYWAY_HEADLESS", "1")
    viewer = CubeViewer(orion, names=("CNN", ""))
    viewer.state.to = 0.45
    bundle = viewer._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"} and "widget" not in vars(viewer)
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    sky, above, along = (axes for axes in viewer.picture().subfigs[0].axes[:1] + viewer.picture().subfigs[1].axes[:2])
    assert sky.get_title() == "CNN, to 0.45 kpc"
    assert above.get_aspect() == 1 and along.get_xlabel() == "distance (kpc)"


def test_live_it_is_a_widget_with_the_picture(monkeypatch: pytest.MonkeyPatch, orion: xr.Dataset) -> None:
    monkeypatch.delenv("MILKYWAY_HEADLESS", raising=False)
    loaded = []
    monkeypatch.setattr(sys.modules["milkyway_widgets._live"], "_load", lambda: loaded.append(True))
    bundle = CubeViewer(orion)._repr_mimebundle_()
    assert loaded and {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"} <= set(bundle)
