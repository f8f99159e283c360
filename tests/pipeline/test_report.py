import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from milkyway_cnn.pipeline.parameters import Parameters
from milkyway_cnn.pipeline.report import write_report

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def output(**data: str) -> dict[str, object]:
    return {"output_type": "display_data", "data": {key.replace("_", "/"): value for key, value in data.items()}}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return the folder of a run that is done."""
    for name in ("notebooks", "figures", "comparison"):
        (tmp_path / name).mkdir()
    stage = {"state": "done", "seconds": 3.21, "commit": "abc", "outputs": {}}
    record = {
        "name": "tiny",
        "command": "milkyway-cnn run tiny --set 'a<b'",
        "parameters": Parameters().model_dump(),
        "inputs": {"catalog": "0123abcd"},
        "provenance": {"milkyway_cnn": "0.1.0", "numpy": "2.4.6"},
        "stages": {"08_maps": stage},
    }
    (tmp_path / "run.json").write_text(json.dumps(record))
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Maps\n", "\n", "Where is the **dust**?"]},
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "reach = 1.0", "outputs": []},
        {
            "cell_type": "code",
            "metadata": {"tags": ["injected-parameters"]},
            "source": "reach = 10.0",
            "outputs": [
                output(image_png=PNG, text_html="<script>no</script>", text_plain="<Figure>"),
                output(text_html="<table><tr><td>rows</td></tr></table>", text_plain="plain rows"),
                output(text_html="<script src='http://far'>", text_plain="a plain widget"),
                {"output_type": "stream", "name": "stdout", "text": ["1 < 2\n"]},
            ],
        },
    ]
    (tmp_path / "notebooks" / "08_maps.ipynb").write_text(json.dumps({"cells": cells}))
    figure = plt.figure(figsize=(1, 1))
    figure.savefig(tmp_path / "figures" / "face_on.png", metadata={"Description": "Dust seen from above: Σ A_V"})
    figure.savefig(tmp_path / "figures" / "sky_plane.png")
    plt.close(figure)
    scores = {
        "error at 2 kpc": {"value": 12.3456, "unit": "%", "meaning": "median over sightlines"},
        "correlation": {"value": 0.875, "unit": "1", "meaning": "with the truth"},
        "error at 8 kpc": {"value": None, "unit": "%", "meaning": "median over sightlines"},
    }
    (tmp_path / "comparison" / "scores.json").write_text(json.dumps(scores))
    return tmp_path


def test_the_report_has_what_came_out_first_and_everything_inside(run: Path) -> None:
    write_report(run)
    page = (run / "report.html").read_text()
    order = [
        "<h1>tiny</h1>",
        "error at 2 kpc",
        "12.35 %",
        "Dust seen from above: Σ A_V",
        "sky plane",
        "08 Maps (3.2 s)",
    ]
    order += ["<strong>dust</strong>", "reach = 10.0", PNG, "rows</td>", "a plain widget", "1 &lt; 2"]
    order += [
        "milkyway-cnn run tiny --set &#x27;a&lt;b&#x27;",
        "passes of the training",
        "0123abcd",
        "2.4.6",
        "abc</td>",
    ]
    places = [page.index(text) for text in order]
    assert places == sorted(places)
    assert page.count('src="data:image/png;base64,') == 3
    assert "reach = 1.0<" not in page


def test_the_report_opens_offline(run: Path) -> None:
    (run / "figures" / "look_around.html").touch()
    (run / "comparison" / "map & truth.html").touch()
    write_report(run)
    page = (run / "report.html").read_text()
    assert "<script" not in page and "<link" not in page and "@import" not in page
    assert set(re.findall(r"""(?:src|href)\s*=\s*["'](?!data:|#)([^"']*)""", page)) == {
        "figures/look_around.html",
        "comparison/map%20%26%20truth.html",
    }
    assert page.index("To look around in") < page.index(">look around</a>") < page.index(">map &amp; truth</a>")


def test_a_report_without_scores_and_figures(run: Path) -> None:
    for path in (*(run / "figures").iterdir(), *(run / "comparison").iterdir()):
        path.unlink()
    write_report(run)
    assert "What came out" in (run / "report.html").read_text()
