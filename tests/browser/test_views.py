"""Widgets under a real mouse and keyboard: knots that are dragged, buttons, maps that blink, overlays."""

from __future__ import annotations

import time
from typing import Any

import pytest
import xarray as xr

from milkyway_cnn import cube

EXPLORER = """
from milkyway_cnn import profile_network
from milkyway_widgets import ProfileExplorer

profile_network.build("C5x5.2/4-P2-D32-D32", bins=32, delta_A_V_scale=0.2).save("network.npz")
explorer = ProfileExplorer.towards(285, 0, bins=32, bin_width=0.2, network="network.npz")
explorer.set(mode="by hand", knots=[(0, 1), (3.2, 1), (6.4, 1)])
"""
MONITOR = """
from pathlib import Path

import numpy as np

from milkyway_cnn import samples, sightlines, training
from milkyway_widgets import TrainingMonitor

stream = samples.Stream([(285.0, 0.0)], np.array([0.25]), sightlines.distance_edges(16, 0.4), seed=1)
path = Path("trained") / "sample" / "validation.zarr"
samples.store(stream, "validation", 32, path)
plan = training.Plan(network="C5x5.2/4-P2-D16-D16", epochs=5000, examples_per_epoch=64, batch=32)
TrainingMonitor("trained").start(stream, samples.load(path), plan, seed=1)
"""


@pytest.fixture(scope="module")
def maps(lab: Any, carina: xr.Dataset, noisy: xr.Dataset) -> None:
    for name, made in (("map", noisy), ("truth", carina)):
        cube.save(made, lab.folder / f"{name}.zarr")


def test_the_diagram_follows_a_knot_that_is_dragged(lab: Any) -> None:
    lab.show_code("explorer", EXPLORER)
    lab.show("density")
    assert lab.unlabeled() == []
    before = {name: lab.data(f"{name} data", column) for name, column in COLUMNS}
    assert before["profile"][-1] == pytest.approx(6.4, rel=1e-3)

    def halfway() -> bool:
        if not lab.becomes("profile data", "total", lambda total: total[-1] > before["profile"][-1] + 1.0):
            return False
        lab.until_title("diagram", lambda title: title.endswith("a share of the stars"))
        lab.until("answer data", "total", lambda total: total != before["answer"])
        lab.photograph("knot_dragged")
        return True

    # The mouse may miss the knot while the page is still laid out; one who drags it would try again.
    assert any(lab.drag("density", (3.2, 1.0), (3.2, 2.5), halfway) for _ in range(3))
    lab.until_title("diagram", lambda title: not title.endswith("a share of the stars"))
    after = lab.until("profile data", "total", lambda total: abs(total[-1] - 11.2) < 0.4)
    assert after[-1] > before["profile"][-1]
    assert sum(lab.data("diagram data", "image")) < sum(before["diagram"])  # dust hides stars
    assert len(lab.data("knots data", "x")) == 3  # moved, none made
    lab.photograph("knot_let_go")
    lab.click("density", 1.6, 2.0)
    lab.until("knots data", "x", lambda x: len(x) == 4)


COLUMNS = (("profile", "total"), ("answer", "total"), ("diagram", "image"))


def test_sightlines_are_picked_by_mouse_and_by_keyboard(lab: Any, maps: None) -> None:
    made = "from milkyway_cnn import cube\nfrom milkyway_widgets import SightlinePicker\n"
    lab.show_code("picker", f"{made}SightlinePicker(cube.load('map.zarr'))")
    lab.show("picker")
    assert lab.unlabeled() == []
    lab.click("picker", 284.5, 0.5)
    lab.until("picked data", "l", lambda l: l == [284.5])
    lab.slide("longitude", 3)
    lab.press("pick or let go")
    lab.until("picked data", "l", lambda l: l == [284.5, 260.5])
    lab.photograph("picker")
    lab.click("picker", 284.5, 0.5)
    lab.until("picked data", "l", lambda l: l == [260.5])
    lab.press("let all go")
    lab.until("picked data", "l", lambda l: l == [])


def test_maps_blink_stand_beside_and_carry_overlays(lab: Any, maps: None) -> None:
    lab.show_code(
        "viewer",
        "from milkyway_cnn import cube\nfrom milkyway_cnn.comparison.tracers import table\n"
        "from milkyway_widgets import CubeViewer\n"
        "regions = table.make(['a', 'b'], [284.5, 290.0], [0.5, 1.0], [2.3, 4.0], 'H II region')\n"
        "CubeViewer(cube.load('map.zarr'), cube.load('truth.zarr'), tracers={'H II regions': regions})",
    )
    lab.show("sky")
    assert lab.unlabeled() == []
    assert lab.data("tracers data", "l") == [284.5, 290.0]
    seen = lab.data("sky data", "image")
    play = lab.page.locator(".widget-play button").first
    play.focus()
    lab.page.keyboard.press("Enter")
    lab.until("sky data", "image", lambda image: image != seen)
    lab.until("sky data", "image", lambda image: image == seen)
    play.focus()
    lab.page.keyboard.press("Enter")
    lab.press("beside")
    lab.show("beside")
    lab.until_title("beside", lambda title: not title.startswith(lab.title("sky")[:3]))
    lab.photograph("beside")
    chosen = lab.page.locator("select[multiple]").last
    chosen.select_option([])
    lab.until("tracers data", "l", lambda l: l == [])


def test_a_training_is_stopped_and_goes_on(lab: Any) -> None:
    lab.show_code("monitor", MONITOR)
    lab.show("curves")
    assert lab.unlabeled() == []
    lab.until("curves data", "epoch", lambda epoch: len(epoch) > 1)
    lab.press("stop")
    lab.page.get_by_text("; stopped; ").last.wait_for()
    done = len(lab.data("curves data", "epoch"))
    time.sleep(2.5)
    assert len(lab.data("curves data", "epoch")) == done
    lab.press("continue")
    lab.until("curves data", "epoch", lambda epoch: len(epoch) > done)
    lab.press("worst examples")
    lab.until("worst data", "true", lambda true: len(true) == 17)
    lab.press("stop")
    lab.photograph("monitor")
