"""The app of a run: the map viewer in a page of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from milkyway_cnn import cube, diagrams


def test_slider_and_click_move_the_views(carina: Any, tmp_path: Path, serve: Any) -> None:
    truth = cube.within(carina, 10.0)
    cube.save(truth, tmp_path / "run" / "cube" / "cube.zarr")
    counts = np.random.default_rng(1).poisson(0.5, (10, 46, 64, 64)).astype(np.uint16)
    at = {"b": carina["b"].values, "l": carina["l"].values}
    observed = xr.Dataset({"diagram": (("b", "l", "magnitude", "color"), counts)}, at, {"diagrams": ["2mass"]})
    diagrams.save(observed, tmp_path / "run" / "catalog" / "diagrams.zarr")
    with serve(tmp_path, tmp_path / "run") as app:
        app.show("sky")
        assert app.unlabeled() == []
        app.photograph("app")
        far = app.data("sky data", "image")
        app.slide("to distance", -50)
        app.until("sky data", "image", lambda image: sum(image) < 0.9 * sum(far))
        before = app.data("profile data", "total")
        app.click("sky", 284.5, 0.5)
        after = app.until("profile data", "total", lambda total: total != before)
        place = truth["A_V"].sel(l=284.5, b=0.5, method="nearest").values
        assert after == pytest.approx(place.tolist(), rel=1e-5)
        app.until("diagram data", "image", lambda image: image == counts[5, 27].ravel().tolist())
        app.photograph("app_clicked")
