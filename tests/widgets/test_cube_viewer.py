import base64
import sys
from pathlib import Path

import numpy as np
import pytest
import traitlets
import xarray as xr

from milkyway_cnn import cube
from milkyway_cnn.comparison import beside
from milkyway_cnn.comparison.tracers import table
from milkyway_cnn.constants import R_SUN
from milkyway_cnn.cube import integrate
from milkyway_cnn.extinction.arms import ARMS
from milkyway_widgets import CubeViewer
from milkyway_widgets.cube_figures import CubeFigures
from milkyway_widgets.cube_picture import picture
from milkyway_widgets.cube_state import (
    CubeState,
    arm_data,
    face_on_data,
    mark_data,
    overlay_data,
    profile_data,
    profile_title,
    sky_data,
)


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
    assert figures.sky.title.text == "map: A_V (mag), to 2.00 kpc" and figures.sources["distance"].data["x"] == [2.0]
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
    slider, cells, choices, _, _ = viewer.widget.children
    choice, beside, _, blink, quantity = choices.children
    quantity.value = "delta_A_V"
    assert viewer.state.quantity == "delta_A_V"
    slider.value = slider.options[29][1]
    assert viewer.state.to == 3.0
    viewer.state.to = 5.02
    assert slider.value == 5.0
    choice.value = "truth"
    assert viewer.state.shown == "truth"
    assert viewer.widget is viewer.widget
    blink.value = 0
    blink.value = 1
    assert viewer.state.shown == "truth"
    beside.value = True
    assert viewer.state.beside
    columns, rows = cells.children
    columns.value = 27
    rows.value = 5
    assert viewer.state.direction == (284.5, 0.5)
    viewer.state.look(270.5, -0.5)
    assert (rows.value, columns.value) == viewer.state.cell and viewer.state.direction == (270.5, -0.5)
    assert len(CubeViewer(carina).widget.children[2].children) == 1  # no cube to choose


def test_without_a_browser_it_is_a_picture(monkeypatch: pytest.MonkeyPatch, orion: xr.Dataset) -> None:
    monkeypatch.setenv("MILKYWAY_HEADLESS", "1")
    viewer = CubeViewer(orion, names=("CNN", ""))
    viewer.state.to = 0.45
    bundle = viewer._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"} and "widget" not in vars(viewer)
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    picture = viewer.picture()
    (sky, _), (above, along, *_) = (figure.axes for figure in picture.subfigs)
    assert sky.get_title() == "CNN, to 0.45 kpc"
    assert above.get_aspect() == 1 and along.get_xlabel() == "distance (kpc)"


def test_live_it_is_a_widget_with_the_picture(monkeypatch: pytest.MonkeyPatch, orion: xr.Dataset) -> None:
    monkeypatch.delenv("MILKYWAY_HEADLESS", raising=False)
    loaded = []
    monkeypatch.setattr(sys.modules["milkyway_widgets._live"], "_load", lambda: loaded.append(True))
    bundle = CubeViewer(orion)._repr_mimebundle_()
    assert loaded and {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"} <= set(bundle)


def test_what_else_a_cube_holds_is_shown(carina: xr.Dataset, noisy: xr.Dataset) -> None:
    noisy = noisy.assign(
        A_V_std=0.1 * noisy["A_V"],
        A_V_quantiles=xr.concat([noisy["A_V"] * f for f in (0.7, 0.8, 1.0, 1.3, 1.5)], "quantile").assign_coords(
            quantile=[0.025, 0.16, 0.5, 0.84, 0.975]
        ),
        novelty=noisy["A_V"].isel(distance=0) * 0 + 3.0,
    )
    state = CubeState({"map": noisy, "truth": carina})
    data = profile_data(state)
    np.testing.assert_allclose(data["low"], 0.8 * data["total"], rtol=1e-6)
    np.testing.assert_allclose(data["high"], 1.3 * data["total"], rtol=1e-6)
    assert np.isnan(data["bin_low"]).all() and np.isnan(profile_data(state, "truth")["low"]).all()
    assert {"A_V", "A_V_std", "novelty"} <= set(state.quantities)
    state.quantity = "novelty"
    assert state.sky().shape == (10, 46) and np.nanmax(state.sky()) == 3.0 and np.isnan(state.sky("truth")).all()
    state.quantity, state.to = "A_V_std", 4.0
    np.testing.assert_allclose(state.sky(), 0.1 * integrate(noisy, 4.0), rtol=1e-5)
    with pytest.raises(traitlets.TraitError, match="there is no quantity 'dust'; choose from A_V, "):
        state.quantity = "dust"
    figures = CubeFigures(state)
    state.beside = True
    figures.update("beside")
    assert figures.beside.visible and figures.beside.title.text == "truth: A_V_std (mag), to 4.00 kpc"


def test_the_horizon_and_doubts_are_shown(carina: xr.Dataset, noisy: xr.Dataset) -> None:
    known = noisy.assign(
        horizon=noisy["A_V"].isel(distance=0) * 0 + 3.0, flags=(noisy["A_V"] * 0).fillna(0).astype("u1")
    )
    known["horizon"][:, 0] = np.nan
    known["flags"][5, 27, 40:] = 1 | 2
    state = CubeState({"map": known, "truth": carina})
    figures = CubeFigures(state)
    state.observe(lambda change: figures.update(change["name"]), list(state.SHOWN))
    state.look(284.5, 0.5)
    assert figures.sources["horizon"].data == {"left": [3.0], "right": [10.0]}
    assert figures.profile.title.text == profile_title(state) == "l = 284.5°, b = 0.5°; novel"
    assert picture(state)
    state.look(257.5, 0.5)  # nothing is known of its horizon
    assert figures.sources["horizon"].data["left"] == [] and profile_title(state) == "l = 257.5°, b = 0.5°"
    state.shown = "truth"
    assert figures.sources["horizon"].data["left"] == []


def test_tracers_lie_over_the_maps(carina: xr.Dataset) -> None:
    regions = table.make(["a", "b"], [284.5, 290.0], [0.5, 1.0], [2.3, np.nan], "H II region")
    viewer = CubeViewer(carina, tracers={"H II regions": regions})
    data = overlay_data(viewer.state)
    assert data["l"].tolist() == [284.5, 290.0] and np.isnan(data["x"]).tolist() == [False, True]
    assert list(data["name"]) == ["a", "b"]
    viewer.set(overlays=[])
    assert overlay_data(viewer.state)["l"].size == 0
    viewer.set(overlays=["H II regions", "what is not there"])
    assert viewer.state.overlays == ("H II regions",)
    assert viewer.picture() and CubeFigures(viewer.state).sources["tracers"].data["kind"][0] == "H II region"


def test_tracers_and_arms_of_a_run_lie_over_its_map(carina: xr.Dataset, tmp_path: Path) -> None:
    regions = table.make(["a", "b"], [284.5, 290.0], [0.5, 1.0], [2.3, np.nan], ["H II region", "cluster"])
    (tmp_path / "regions.csv").write_text("name,l,b,distance,kind\na,284.5,0.5,2.3,H II region\nb,290,1,,cluster\n")
    cube.save(carina, tmp_path / "cube" / "cube.zarr")
    assert CubeViewer.of(tmp_path).state.tracers == {}
    found = beside.named_tracers([str(tmp_path / "regions.csv")], "Steiman-Cameron_2010")
    table.save(found, tmp_path / "maps" / "tracers.ecsv")
    viewer = CubeViewer.of(tmp_path)
    assert viewer.state.overlays == ("regions", "Steiman-Cameron_2010")
    for name, column in regions.columns.items():
        np.testing.assert_array_equal(viewer.state.tracers["regions"][name], column)
    shown = overlay_data(viewer.state)
    assert list(shown["marker"]) == ["square", "circle"] and list(shown["fill"]) == ["white", "rgba(0, 0, 0, 0)"]
    assert len(arm_data(viewer.state)["xs"]) == len(ARMS)
    ours = arm_data(viewer.set(overlays=["regions"]).state)
    radius = [np.hypot(x, y) for x, y in zip(ours["ys"][0], ours["xs"][0], strict=True)]
    np.testing.assert_allclose(radius, np.geomspace(3.0, 20.0, 400))
    viewer.set(overlays=["Steiman-Cameron_2010"])
    assert overlay_data(viewer.state)["l"].size == 0 and viewer.picture()


def test_the_diagram_follows_the_cell(carina: xr.Dataset) -> None:
    names = {"b": carina["b"], "l": carina["l"]}
    counts = np.zeros((10, 46, 64, 64), np.uint16)
    counts[5, 27, 3, 2] = 7
    diagram = xr.DataArray(counts, names, ("b", "l", "magnitude", "color"))
    observed = xr.Dataset({"diagram": diagram}, attrs={"diagrams": ["2mass"]})
    state = CubeState({"map": carina}, observed=observed)
    figures = CubeFigures(state)
    state.observe(lambda change: figures.update(change["name"]), list(state.SHOWN))
    state.look(284.5, 0.5)
    assert figures.sources["diagram"].data["image"][0].sum() == 7 and figures.diagram.title.text == "its 7 stars"
    assert picture(state)
