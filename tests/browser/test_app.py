"""The app of a run: the map viewer in a page of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from milkyway_cnn import cube


def test_slider_and_click_move_the_views(browser: Any, carina: Any, tmp_path: Path, serve: Any) -> None:
    truth = cube.within(carina, 10.0)
    cube.save(truth, tmp_path / "run" / "cube" / "cube.zarr")
    with serve(tmp_path, tmp_path / "run") as app:
        app.show("sky")
        app.photograph("app")
        far = app.data("sky data", "image")
        app.slide("to distance", -50)
        app.until("sky data", "image", lambda image: sum(image) < 0.9 * sum(far))
        before = app.data("profile data", "total")
        app.click("sky", 284.5, 0.5)
        after = app.until("profile data", "total", lambda total: total != before)
        place = truth["A_V"].sel(l=284.5, b=0.5, method="nearest").values
        assert after == pytest.approx(place.tolist(), rel=1e-5)
        app.photograph("app_clicked")
