"""Diagram inspector, sightline picker and run browser, without a browser."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import traitlets
import xarray as xr

from milkyway_cnn import nn, samples, sightlines, training
from milkyway_cnn.errors import InputError
from milkyway_widgets import DiagramInspector, RunBrowser, SightlinePicker
from milkyway_widgets.run_browser import BrowserState
from milkyway_widgets.sightline_state import star_data

#: Of each cell of some diagrams.
NUMBERS = {"stars": 100, "outside": 10, "faint": 5, "coverage": 1.0, "solid_angle": 0.25}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    edges = sightlines.distance_edges(16, 0.4)
    stream = samples.Stream(
        [(285.0, 0.0), (280.0, 3.0)],
        np.array([0.05, 0.05]),
        edges,
        seed=1,
        kinds=["2mass", "2mass-JH"],
        randomization=samples.Randomization(density=0.0, color=0.0, beam=0.0),
    )
    path = tmp_path_factory.mktemp("sample") / "test.zarr"
    samples.store(stream, "test", 8, path)
    return samples.load(path)


def test_inspector_shows_the_sample_with_known_stars(sample: xr.Dataset) -> None:
    inspector = DiagramInspector(sample)
    state = inspector.state
    example, control, view, *_ = inspector.widget.children
    state.example = 3
    assert example.value == 3 and state.sightline.l == 280.0
    np.testing.assert_array_equal(state.delta_A_V, sample["delta_A_V"][3])
    stored = sample["diagram"][3, 0].values
    # Other stars of the same sky behind the same dust: as many, within what chance allows.
    assert abs(int(stored.sum()) - int(state.image().sum())) < 5 * np.sqrt(stored.sum()) + 5
    control.value, view.value = "2mass-JH", "difference"
    assert (state.channel, state.view) == ("2mass-JH", "difference")
    row, column = np.unravel_index(state.seen().diagram.argmax(), (64, 64))
    state.pixel = (int(row), int(column))
    assert 0 < star_data(state)["top"].sum() <= state.seen().diagram.max()
    state.example = 99
    assert state.example == 7
    assert inspector.picture() and "example=7" in inspector.call()


def test_sightlines_are_picked_and_let_go(carina: xr.Dataset) -> None:
    picker = SightlinePicker(carina)
    figure = picker.live()
    picker.state.pick(284.7, 0.2)
    picker.state.pick(290.1, -2.9)
    picker.state.pick(100.0, 0.0)  # beside the map
    assert picker.sightlines == [(284.5, 0.5), (290.5, -2.5)]
    assert figure.picked.data == {"l": [284.5, 290.5], "b": [0.5, -2.5]}
    picker.state.pick(284.2, 0.9)
    assert picker.sightlines == [(290.5, -2.5)]
    assert picker.set(picked=[[260.5, 1.5]]).sightlines == [(260.5, 1.5)] and picker.picture()
    with pytest.raises(InputError):
        picker.set(picked=[(100.0, 0.0)])
    cells, buttons, _, line, _ = picker.widget.children
    assert line.value == "(260.5, 1.5)" and "(260.5, 1.5)" in picker.call()
    cells.children[0].value, cells.children[1].value = 27, 5  # by keyboard
    buttons.children[0].click()
    assert picker.sightlines == [(260.5, 1.5), (284.5, 0.5)]
    buttons.children[1].click()
    assert picker.sightlines == [] and line.value == "click on the map"


def test_sightlines_are_picked_on_star_counts(carina: xr.Dataset) -> None:
    at = {"b": np.array([-0.25, 0.25]), "l": np.array([284.25, 284.75, 285.25])}
    counts = {name: (("b", "l"), np.full((2, 3), value)) for name, value in NUMBERS.items()}
    observed = xr.Dataset(counts, at, {"grid": [284.0, 285.5, -0.5, 0.5, 0.5]})
    picker = SightlinePicker(observed)
    assert picker.state.sky == "stars" and picker.set(picked=[(284.3, 0.1)]).sightlines == [(284.25, 0.25)]
    assert float(picker.state.field.max()) == pytest.approx(0.44)
    assert len(picker.widget.children) == 5 and picker.picture()
    both = SightlinePicker(carina, observed)
    figure = both.live()
    both.widget.children[0].value = "stars"
    assert figure.sky.data["image"][0].max() == pytest.approx(0.44)
    with pytest.raises(traitlets.TraitError, match="there is no sky 'dust'; choose from A_V, stars"):
        both.state.sky = "dust"
    with pytest.raises(InputError, match=r"there are neither a cube nor diagrams in .*; give the folder of a run"):
        SightlinePicker.of("nowhere")


def made(folder: Path, epochs: int, error: float | None) -> None:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"parameters": {"epochs": epochs, "seed": 1}}))
    (folder / "comparison").mkdir()
    scores = {"error": {"value": error, "unit": "1", "meaning": "how wrong"}}
    (folder / "comparison" / "scores.json").write_text(json.dumps(scores))
    records = [nn.Record(e, 1 / e, 1 / e, 1e-3, 1.0, 1.0, 0.0) for e in range(1, epochs + 1)]
    training.save_history(records, folder / "network" / "history.zarr")


def test_runs_are_compared(tmp_path: Path) -> None:
    made(tmp_path / "long", 5, 0.1)
    made(tmp_path / "short", 2, None)
    (tmp_path / "notes").mkdir()
    browser = RunBrowser(tmp_path)
    assert browser.state.differences() == [("run", "epochs", "error"), ("long", "5", "0.1"), ("short", "2", "nan")]
    assert browser.state.meaning() == "how wrong" and browser.state.curves["short"]["epoch"].values.tolist() == [1, 2]
    choice, _, table, _ = browser.widget.children
    assert choice.value == "error" and "<td" in table.value and browser.picture()
    assert RunBrowser([tmp_path / "long"]).state.differences()[0] == ("run", "error")
    with pytest.raises(InputError, match=r"there is no run in .*notes; give folders that runs have filled"):
        BrowserState([tmp_path / "notes"])
