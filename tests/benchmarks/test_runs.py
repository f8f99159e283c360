"""The README's measured tables come from stored results, and from nowhere else."""

import json

from benchmarks import network, readme, runs


def test_the_readme_holds_the_tables_of_the_stored_results() -> None:
    assert readme.stored("benchmarks.runs") == runs.table()
    stored = json.loads((readme.RESULTS / "network.json").read_text())
    assert readme.stored("benchmarks.network") == network.summary(stored)


def test_a_table_is_renewed_in_its_place(tmp_path, monkeypatch) -> None:
    path = tmp_path / "README.md"
    path.write_text("a\n<!-- measured: python -m b.c -->\nold\n<!-- end of measured -->\nz\n")
    monkeypatch.setattr(readme, "README", path)
    readme.renew("b.c", "new | \\1")
    assert path.read_text() == "a\n<!-- measured: python -m b.c -->\nnew | \\1\n<!-- end of measured -->\nz\n"
    assert readme.stored("b.c") == "new | \\1"
    assert readme.stored("b.d") == ""


def test_a_run_folder_is_measured(tmp_path) -> None:
    (tmp_path / "comparison").mkdir()
    score = {"value": 0.05, "unit": "1", "meaning": "error"}
    (tmp_path / "comparison" / "scores.json").write_text(json.dumps({"relative_error_2kpc": score}))
    record = {"name": "demo", "stages": {"01": {"seconds": 1.26}}, "provenance": {"numpy": "2"}}
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert runs.measured(tmp_path)["seconds"] == {"01": 1.3}
    assert runs.measured(tmp_path)["scores"]["relative_error_2kpc"] == score
