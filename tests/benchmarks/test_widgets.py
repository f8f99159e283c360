"""The benchmark of the widgets: what it once measured holds, and stands in the README."""

import json
from types import SimpleNamespace

import pytest

from benchmarks import readme, widgets


def test_a_change_is_timed_without_what_comes_before_it():
    done = []
    change = widgets.Change("W", "x", lambda i: done.append(("move", i)), lambda i: done.append(("before", i)))
    row = widgets.timed(change, rounds=2)
    assert done == [(name, i) for i in range(3) for name in ("before", "move")]
    assert (row["widget"], row["what"]) == ("W", "x") and 0 <= row["wall_ms"] <= row["worst_ms"]
    assert widgets.table({"rows": [row]}).splitlines()[-1].startswith("| `W` | x | ")


def test_a_folder_without_a_map_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        widgets.main(["--run", str(tmp_path)])
    assert "holds no map; make one with: milkyway-cnn demo" in capsys.readouterr().err


def test_with_one_cube_there_is_something_to_move_too():
    state = SimpleNamespace(edges=widgets.np.arange(5.0), cubes={"map": 0}, quantities=("A_V",), l=[1], b=[1])
    assert [change.what for change in widgets.of_cube(state)] == ["distance", "cell", "blink", "quantity", "beside"]


def test_no_redraw_took_longer_than_is_allowed():
    result = json.loads((widgets.RESULTS / "widgets.json").read_text())
    assert readme.stored("benchmarks.widgets") == widgets.table(result)
    assert {row["widget"] for row in result["rows"]} >= {"CubeViewer", "ProfileExplorer", "SightlinePicker"}
    assert all(row["processor_ms"] < widgets.LIMIT for row in result["rows"])
