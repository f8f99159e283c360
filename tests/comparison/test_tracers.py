"""Tables of tracers in one form, from files, a service and models."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from milkyway_cnn.comparison import tracers
from milkyway_cnn.errors import InputError, ServiceError
from milkyway_cnn.web import Patience

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "tracers"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real tables of {SHARED} are not here")


@needs_shared
def test_the_wise_catalog_of_hii_regions() -> None:
    found = tracers.read(SHARED / "wise_hii_V2.1_hrds_v3.csv", "H II region")
    assert found.colnames == list(tracers.COLUMNS) and len(found) == 8408
    field = tracers.within(found, (257, 303, -5, 5))
    assert len(field) == 627 and np.isfinite(field["distance"]).sum() == 93
    assert len(tracers.within(found, (257, 303, -5, 5), reach=30.0)) == 93
    assert set(found["kind"]) == {"H II region"} and found["distance"].unit == "kpc"


@needs_shared
def test_arm_traces_as_a_file_agree_with_our_own_geometry() -> None:
    found = tracers.read(SHARED / "derived_spiralmap_arm_traces.csv")
    table = Table.read(SHARED / "derived_spiralmap_arm_traces.csv")
    assert set(found["kind"]) == {"spiral arm"} and not np.any(found["b"])
    x, y = tracers.plane_position(found)
    np.testing.assert_allclose(8.5 - x, table["x_hc_kpc"], atol=2e-3)  # their x points to the Galactic center
    np.testing.assert_allclose(y, table["y_hc_kpc"], atol=2e-3)


def test_names_and_units_of_published_columns(tmp_path: Path) -> None:
    clusters = Table({"Cluster": ["a", "b"], "RA_ICRS": [161.0, 161.5], "DE_ICRS": [-59.7, -60.0], "DistPc": [2350, 0]})
    clusters.write(tmp_path / "clusters.csv")
    found = tracers.read(tmp_path / "clusters.csv", "cluster")
    assert found["distance"][0] == pytest.approx(2.35) and np.isnan(found["distance"][1])
    assert found["l"][0] == pytest.approx(287.4, abs=0.1) and list(found["name"]) == ["a", "b"]
    cepheids = Table({"x": [10.0], "y": [1.0], "far": [3000.0], "kind": ["Cepheid"]}, units={"far": "pc"})
    cepheids.write(tmp_path / "cepheids.vot", format="votable")
    found = tracers.read(tmp_path / "cepheids.vot", columns={"l": "x", "b": "y", "distance": "far"})
    assert found["distance"][0] == pytest.approx(3.0) and found["kind"][0] == "Cepheid"


def test_files_without_positions_are_refused(tmp_path: Path) -> None:
    Table({"a": [1], "dist": [2.0]}).write(tmp_path / "bare.csv")
    with pytest.raises(InputError, match=r"no columns of positions .* among a, dist; name them"):
        tracers.read(tmp_path / "bare.csv")
    with pytest.raises(InputError, match="has no column 'q'"):
        tracers.read(tmp_path / "bare.csv", columns={"l": "q"})


def test_own_arms_cross_where_the_literature_has_them() -> None:
    """Crossings of Sagittarius-Carina for R0 = 8.5 kpc (science notes of the project, 5.3)."""
    found = tracers.arms()
    carina = found[(found["name"] == "Sagittarius-Carina") & (found["distance"] < 13)]
    for l, near, far in ((287, 2.65, 6.4), (290, 2.2, 7.8), (300, 1.5, 11.5)):
        crossed = np.sort(carina["distance"][np.abs(carina["l"] - l) < 0.4])
        assert crossed[0] == pytest.approx(near, abs=0.2) and crossed[-1] == pytest.approx(far, abs=0.2)
    with pytest.raises(InputError, match="no model 'mine' of spiral arms; choose one of Steiman-Cameron_2010"):
        tracers.arms("mine")


@pytest.mark.skipif(importlib.util.find_spec("SpiralMap") is None, reason="SpiralMap is not installed")
def test_models_of_spiralmap(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    for model in tracers.ARM_MODELS:
        found = tracers.arms(model)
        assert len(found) > 50 and np.isfinite(found["distance"]).all()
    reid = tracers.arms("Reid_2019", R_sun=8.15)
    local = reid[reid["name"] == "Local"]
    radius = np.hypot(*tracers.plane_position(local))
    assert radius.min() < 9 and local["distance"].min() < 0.6  # the Sun lies in it
    assert capsys.readouterr().out == ""
    monkeypatch.setitem(sys.modules, "SpiralMap", None)
    with pytest.raises(InputError, match=r"need SpiralMap; pip install 'milkyway-cnn\[maps\]'"):
        tracers.arms("Reid_2019")


class Vizier(BaseHTTPRequestHandler):
    """A service without jobs that knows one table."""

    asked: list[str]

    def log_message(self, *words: object) -> None:
        pass

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if "sync" not in self.path or "async" in self.path:
            self.send_error(404)
            return
        self.server.asked.append(text)  # type: ignore[attr-defined]
        rows = Table({"WISE": ["G1"], "GLON": [280.0], "GLAT": [-1.0], "Dist": [4.0], "e_Dist": [0.5]})
        rows["Dist"].unit = rows["e_Dist"].unit = "kpc"
        self.send_response(200)
        self.end_headers()
        rows.write(self.wfile, format="votable")

    do_GET = do_POST


@pytest.fixture
def vizier() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Vizier) as server:
        server.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


def test_a_catalog_is_fetched_once(tmp_path: Path, vizier: ThreadingHTTPServer) -> None:
    service = f"http://127.0.0.1:{vizier.server_port}/tap"
    first = tracers.fetch("wise", cache=tmp_path, service=service)
    again = tracers.fetch("wise", cache=tmp_path, service=service)
    assert len(vizier.asked) == 1 and "wisecat" in vizier.asked[0]  # type: ignore[attr-defined]
    assert (first["l"][0], first["distance"][0], first["distance_error"][0]) == (280.0, 4.0, 0.5)
    assert list(again["kind"]) == ["H II region"] and "Anderson et al. 2014" in again.meta["source"]


def test_what_cannot_be_fetched_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no catalog 'masers' of tracers; choose one of wise, hou-han"):
        tracers.fetch("masers", cache=tmp_path)
    nobody = Patience(attempts=1, sleep=lambda seconds: None)
    with pytest.raises(ServiceError, match="VizieR did not give its answer"):
        tracers.fetch("wise", cache=tmp_path, service="http://127.0.0.1:9/tap", patience=nobody)
