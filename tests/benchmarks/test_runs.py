"""The README's measured table comes from stored results, and from nowhere else."""

import json

from benchmarks import runs


def test_the_readme_holds_the_table_of_the_stored_results() -> None:
    text = (runs.ROOT / "README.md").read_text()
    stored = text.split(runs.BEGIN)[1].split(runs.END)[0]
    assert stored.strip() == runs.table()


def test_a_run_folder_is_measured(tmp_path) -> None:
    (tmp_path / "comparison").mkdir()
    score = {"value": 0.05, "unit": "1", "meaning": "error"}
    (tmp_path / "comparison" / "scores.json").write_text(json.dumps({"relative_error_2kpc": score}))
    record = {"name": "demo", "stages": {"01": {"seconds": 1.26}}, "provenance": {"numpy": "2"}}
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert runs.measured(tmp_path)["seconds"] == {"01": 1.3}
    assert runs.measured(tmp_path)["scores"]["relative_error_2kpc"] == score
