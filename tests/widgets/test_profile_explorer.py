"""The profile explorer's state, figures and wiring, without a browser."""

import base64
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import traitlets
import yaml

from milkyway_cnn import profile_network, sightlines
from milkyway_cnn.mock_sightline import MockSightline
from milkyway_widgets import CloudViewer, ProfileExplorer
from milkyway_widgets.profile_explorer import ProfileFigures
from milkyway_widgets.profile_state import DRAWS, ProfileState, band_data, knot_data, spectrum_data
from milkyway_widgets.sightline_state import diagram_data, pixel_data, profile_data, scale, star_data, star_title

EDGES = sightlines.distance_edges(32, 0.2)
NETWORK = profile_network.build("C5x5.2/4-P2-D32-D32", bins=32, dropout=0.0)


@pytest.fixture(scope="module")
def sightline() -> MockSightline:
    return MockSightline(285.0, 0.0, EDGES, seed=2)


@pytest.fixture
def state(sightline: MockSightline) -> Iterator[ProfileState]:
    yield ProfileState([sightline], NETWORK)


def test_each_way_makes_a_profile(state: ProfileState) -> None:
    state.disc = 0.0
    assert state.delta_A_V.sum() == pytest.approx(3.0, rel=1e-3)
    state.mode, state.total = "field", 5.0
    assert state.delta_A_V.sum() == pytest.approx(5.0, rel=1e-3)
    first = state.delta_A_V
    state.draw = 7
    assert not np.array_equal(state.delta_A_V, first)
    assert band_data(state)["high"][-1] == pytest.approx(5.0, rel=1e-3)
    assert len(spectrum_data(state)["drawn"]) == 15 and state.fields()[0].shape == (DRAWS, 32)
    state.mode = "by hand"
    state.knots = ((0.0, 1.0), (6.4, 1.0))
    np.testing.assert_allclose(state.delta_A_V, 0.2, rtol=1e-5)
    state.knots = ((-1.0, -3.0), (99.0, 99.0))
    assert state.knots == ((0.0, 0.0), (pytest.approx(6.4), 30.0))
    assert knot_data(state)["y"] == [0.0, 30.0] and band_data(state)["low"].size == 0
    with pytest.raises(traitlets.TraitError):
        state.mode = "guess"
    with pytest.raises(traitlets.TraitError, match="there is no diagram 'x'; choose from 2mass"):
        state.channel = "x"


def test_knots_at_first_are_the_smooth_disc(state: ProfileState) -> None:
    state.mode = "by hand"
    assert state.delta_A_V.sum() == pytest.approx(state.smooth.sum(), rel=0.05)


def test_views_and_pixels(state: ProfileState) -> None:
    dusty = diagram_data(state)["image"][0]
    assert star_data(state)["top"].sum() == np.count_nonzero(state.seen().distance < 6.4)
    assert "stars, " in star_title(state) and star_title(state).endswith(" farther")
    state.view = "difference"
    np.testing.assert_allclose(diagram_data(state)["image"][0], dusty - state.sightline.bare)
    assert scale(state)[0] == -scale(state)[1]
    state.view = "bare"
    assert scale(state)[0] == 0.0
    state.look(0.55, 13.5)
    assert state.pixel is not None
    assert 0 < star_data(state)["top"].sum() <= dusty[state.pixel]
    assert abs(pixel_data(state)["x"][0] - 0.55) <= 0.05
    state.look(-3.0, 13.5)
    assert state.pixel is None and pixel_data(state)["x"] == []


def test_the_network_answers_to_what_is_seen(state: ProfileState) -> None:
    curves = profile_data(state)
    assert curves["profile"]["total"][-1] == pytest.approx(state.delta_A_V.sum(), rel=1e-5)
    answer = state.answer()
    np.testing.assert_allclose(curves["answer"]["total"][-1], answer.sum(), rtol=1e-4, atol=1e-5)
    state.rough = True
    assert not np.array_equal(state.answer(), answer)  # of a share of the stars
    state.rough = False
    np.testing.assert_array_equal(state.answer(), answer)
    assert np.isnan(profile_data(ProfileState([state.sightline]))["answer"]["total"][1:]).all()


def test_figures_replace_their_data(state: ProfileState) -> None:
    figures = ProfileFigures(state)
    sources = dict(figures.sources)
    before = figures.sources["diagram"].data["image"][0].sum()
    state.cloud_A_V = 9.0
    figures.update()
    assert figures.sources["diagram"].data["image"][0].sum() < before
    assert not figures.spectrum.visible
    state.mode = "field"
    figures.update()
    assert figures.spectrum.visible and len(figures.sources["spectrum"].data["drawn"]) == 15
    assert figures.sources == sources  # the same sources with other data


def test_dragging_a_knot_moves_the_profile(state: ProfileState) -> None:
    figures = ProfileFigures(state)
    state.observe(lambda _: figures.update(), ["delta_A_V", "rough"])
    state.mode = "by hand"
    assert type(figures.sources["knots"].data["x"]) is list
    figures._drag(True)
    assert state.rough
    figures.sources["knots"].data = {"x": [0.0, 3.0, 6.4], "y": [0.0, 2.0, 0.0]}
    assert state.knots == ((0.0, 0.0), (3.0, 2.0), (6.4, 0.0))
    assert state.delta_A_V.sum() == pytest.approx(6.4, rel=1e-4)
    figures._drag(False)
    assert not state.rough and figures.sources["profile"].data["total"][-1] == pytest.approx(6.4, rel=1e-4)


def test_knots_are_written_by_keyboard(sightline: MockSightline) -> None:
    explorer = ProfileExplorer(sightline).set(mode="by hand", knots=[(0.0, 1.0), (6.4, 1.0)])
    text, _ = explorer.widget.children[1].children
    assert text.value == "0: 1, 6.4: 1"
    text.value = "0: 0, 3.2: 2.5, 6.4: 0"
    assert explorer.state.knots == ((0.0, 0.0), (3.2, 2.5), (6.4, 0.0))
    text.value = "0: 0, 3.2"
    assert text.value == "0: 0, 3.2: 2.5, 6.4: 0"
    explorer.state.knots = ((0.0, 0.0), (1.23456, 1.0))  # dragged: what is written is rounded, what is drawn is not
    assert text.value == "0: 0, 1.235: 1" and explorer.state.knots[1][0] == 1.23456
    assert explorer.live().draw.add and not ProfileExplorer(sightline).live().draw.add


def test_it_says_how_to_make_it_again(sightline: MockSightline) -> None:
    viewer = CloudViewer(sightline, NETWORK, made="CloudViewer(sky, brain)")
    assert viewer.call() == "CloudViewer(sky, brain)"
    viewer.set(cloud_A_V=2.0, pixel=[3, 4])
    assert viewer.call() == "CloudViewer(sky, brain).set(cloud_A_V=2.0, pixel=(3, 4))"
    assert viewer.command().startswith("# made of objects in memory")
    with pytest.raises(traitlets.TraitError, match="CloudViewer has no 'A_V'; choose from mode, "):
        viewer.set(A_V=2.0)


def test_a_direction_needs_no_run(tmp_path: Path) -> None:
    NETWORK.save(tmp_path / "network.npz")
    viewer = CloudViewer.towards(285.0, 0.0, bins=32, bin_width=0.2, network=tmp_path / "network.npz")
    viewer.set(cloud_A_V=2.0, pixel=[3, 4])
    told = yaml.safe_load(shlex.split(viewer.command())[-1])
    assert told["widget"] == "CloudViewer"
    again = CloudViewer.towards(**told["towards"]).set(**told["state"])
    assert again.changed() == viewer.changed() and again.call() == viewer.call()
    assert eval(viewer.call()).changed() == viewer.changed()
    assert again.picture()._repr_png_() == viewer.picture()._repr_png_()


def test_widgets_are_the_state(sightline: MockSightline) -> None:
    viewer = ProfileExplorer(sightline, NETWORK)
    mode, sliders, view, pixel, _, code = viewer.widget.children
    assert [child.description for child in sliders.children][:2] == ["cloud's distance (kpc)", "cloud's A_V (mag)"]
    sliders.children[1].value = 7.0
    assert viewer.state.cloud_A_V == 7.0 and not viewer.state.rough  # no event loop: at once in full
    mode.value = "field"
    assert sliders.children[0].description == "spectral slope"
    view.value = "difference"
    assert viewer.state.view == "difference"
    color, magnitude = pixel.children
    color.value = 12
    assert viewer.state.pixel is None  # of which row?
    magnitude.value = 20
    assert viewer.state.pixel == (20, 12)
    viewer.state.pixel = (30, 7)
    assert (magnitude.value, color.value) == (30, 7)
    viewer.state.pixel = None
    assert (magnitude.value, color.value) == (-1, -1)
    button, text = code.children
    button.value = True
    assert "objects in memory" in text.value and "cloud_A_V=7.0" in text.value
    assert len(CloudViewer(sightline).widget.children) == 5


def test_without_a_browser_it_is_a_picture(monkeypatch: pytest.MonkeyPatch, sightline: MockSightline, tmp_path) -> None:
    monkeypatch.setenv("MILKYWAY_HEADLESS", "1")
    explorer = ProfileExplorer(sightline, NETWORK).set(mode="field")
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"} and "widget" not in vars(explorer)
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    explorer.save_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "bokeh" in page.lower() and not re.search("<(script|link)[^>]*https?://", page)
